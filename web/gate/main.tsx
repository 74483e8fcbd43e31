/** The scanner of a steward's phone, at `/gate`. */
import "../design.css"
import "./gate.css"
import { render } from "preact"
import { useCallback, useEffect, useRef, useState } from "preact/hooks"
import type { Direction } from "../../rpc/Scan.ts"
import { type Access, accessOf, takeFromAddress } from "../device/access.ts"
import { number } from "../device/locale.ts"
import { type Camera, type NoCamera, watch } from "./camera.ts"
import { allowSound, signal } from "./feedback.ts"
import { type Scanner, type Sight, start } from "./scanner.ts"
import type { Outcome } from "./outcome.ts"
import { Result } from "./Result.tsx"
import { open, type Store } from "./store.ts"
import { useTyped } from "./typed.ts"
import { offerUpdates } from "./updates.ts"
import { words } from "./words.ts"

/** The same code seen again within this many milliseconds is the same ticket, still in front of the camera. */
const sameTicket = 3_000

/** A result that lets in makes room for the next guest by itself; every other one waits for a touch or the next code. */
const shownFor = 2_500

const Viewfinder = (
  { seen, tip }: { readonly seen: (codes: ReadonlyArray<string>) => void; readonly tip: string }
) => {
  const video = useRef<HTMLVideoElement>(null)
  const latest = useRef(seen)
  latest.current = seen
  const [camera, setCamera] = useState<Camera | NoCamera | null>(null)
  const [lit, setLit] = useState(false)
  useEffect(() => {
    let gone = false
    let running: Camera | undefined
    void watch(video.current!, (codes) => latest.current(codes)).then((found) => {
      if (typeof found !== "string") running = found
      if (gone) running?.stop()
      else setCamera(found)
    })
    return () => {
      gone = true
      running?.stop()
    }
  }, [])
  const torch = camera !== null && typeof camera !== "string" ? camera.torch : null
  return (
    <div class="finder">
      <video ref={video} muted playsInline aria-hidden="true" />
      <p class="tip" role="status">
        {camera === "refused" ? words.cameraRefused : camera === "absent" ? words.noCamera : tip}
      </p>
      {torch !== null && (
        <button
          type="button"
          class="torch"
          aria-pressed={lit}
          onClick={() => void torch(!lit).then(() => setLit(!lit))}
        >
          {words.torch}
        </button>
      )}
    </div>
  )
}

const Setup = ({ opened }: { readonly opened: (access: Access) => void }) => {
  const [wrong, setWrong] = useState(false)
  const take = (text: string) => {
    const access = accessOf(text)
    setWrong(access === null)
    if (access !== null) opened(access)
  }
  return (
    <main class="setup stack">
      <h1>{words.setup}</h1>
      <p>{words.setupText}</p>
      <Viewfinder seen={([code]) => code !== undefined && take(code)} tip="" />
      <form
        onSubmit={(event) => {
          event.preventDefault()
          take(String(new FormData(event.currentTarget).get("link") ?? ""))
        }}
      >
        <label for="link">{words.link}</label>
        <div class="row">
          <input
            id="link"
            name="link"
            class="grow"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
          />
          <button type="submit" class="main">{words.open}</button>
        </div>
      </form>
      {wrong && <p role="alert" class="wrong">{words.badLink}</p>}
    </main>
  )
}

const Counters = ({ access, sight }: { readonly access: Access; readonly sight: Sight }) => (
  <dl class="counters">
    <div>
      <dt>{words.inside}</dt>
      <dd>{sight.counts === null ? "–" : `${number(sight.counts.inside)} / ${number(sight.counts.most)}`}</dd>
    </div>
    <div>
      <dt>{words.entered(access.gate)}</dt>
      <dd>{sight.counts === null ? "–" : number(sight.counts.entered)}</dd>
    </div>
    <div>
      <dt>{words.refusedHere}</dt>
      <dd>{sight.counts === null ? "–" : number(sight.counts.refused)}</dd>
    </div>
  </dl>
)

const Notes = ({ sight }: { readonly sight: Sight }) => (
  <>
    {sight.disagreements.length > 0 && (
      <details>
        <summary>{words.conflicts(sight.disagreements.length)}</summary>
        <h2>{words.conflictsTitle}</h2>
        <ul>{sight.disagreements.map(({ at, id }) => <li key={id}>{at}</li>)}</ul>
      </details>
    )}
    {sight.elsewhere > 0 && <p class="wrong">{words.elsewhere(sight.elsewhere)}</p>}
    {sight.refused.map(({ detail, id }) => <p key={id} class="wrong">{words.notSent(detail ?? "")}</p>)}
  </>
)

const Work = (
  { access, leave, scanner, sight }: {
    readonly access: Access
    readonly scanner: Scanner
    readonly sight: Sight
    readonly leave: () => void
  }
) => {
  const [direction, setDirection] = useState<Direction>("entry")
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const [busy, setBusy] = useState(false)
  const [note, setNote] = useState("")
  const last = useRef({ text: "", at: 0 })
  const working = useRef(false)

  const scan = useCallback(async (text: string) => {
    if (working.current || text.trim() === "") return
    working.current = true
    setBusy(true)
    setNote("")
    const found = await scanner.scan(text, direction)
    signal(found.tone)
    setOutcome(found)
    setBusy(false)
    last.current = { text, at: Date.now() }
    working.current = false
  }, [scanner, direction])

  const seen = (codes: ReadonlyArray<string>) => {
    if (codes.length > 1) return setNote(words.oneAtATime)
    const [code] = codes
    if (code === undefined) return
    const now = Date.now()
    if (code === last.current.text && now - last.current.at < sameTicket) {
      last.current.at = now
      return
    }
    void scan(code)
  }
  useTyped((text) => void scan(text))

  useEffect(() => {
    if (outcome?.tone !== "go") return
    const timer = setTimeout(() => setOutcome(null), shownFor)
    return () => clearTimeout(timer)
  }, [outcome])
  useEffect(() => offerUpdates(() => !working.current && outcome === null), [outcome])

  return (
    <main class="work" onPointerDown={allowSound}>
      <h1 class="hidden">{words.title}</h1>
      <header class="row">
        <span class="where grow">{words.gate} {access.gate} · {words.event} {access.event}</span>
        <span class={sight.online ? "net" : "net off"} role="status">
          {sight.online ? words.online : words.offline}
          {sight.waiting > 0 && ` · ${words.waiting(sight.waiting)}`}
        </span>
      </header>
      <Viewfinder seen={seen} tip={note !== "" ? note : busy ? words.asking : words.ready} />
      <div class="row ways" role="group">
        {(["entry", "exit"] as const).map((way) => (
          <button
            key={way}
            type="button"
            class="grow"
            aria-pressed={direction === way}
            onClick={() => setDirection(way)}
          >
            {words[way]}
          </button>
        ))}
      </div>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault()
          const form = event.currentTarget
          void scan(String(new FormData(form).get("code") ?? ""))
          form.reset()
        }}
      >
        <label class="hidden" for="code">{words.type}</label>
        <input
          id="code"
          name="code"
          class="grow"
          placeholder={words.type}
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
        />
        <button type="submit" disabled={busy}>{words.check}</button>
      </form>
      <Counters access={access} sight={sight} />
      <Notes sight={sight} />
      {sight.ended && <p role="alert" class="wrong">{words.ended}</p>}
      <button type="button" class="quiet" onClick={leave}>{words.leave}</button>
      {outcome !== null && (
        <Result
          outcome={outcome}
          next={() => setOutcome(null)}
          undo={async () => {
            const done = await scanner.undo(outcome)
            setOutcome(null)
            last.current = { text: "", at: 0 }
            setNote(done ? words.undone : words.notUndone)
          }}
        />
      )}
    </main>
  )
}

const App = ({ first, store }: { readonly store: Store; readonly first: Access | null }) => {
  const [access, setAccess] = useState(first)
  const [scanner, setScanner] = useState<Scanner | null>(null)
  const [sight, setSight] = useState<Sight | null>(null)
  useEffect(() => {
    if (access === null) return
    let running: Scanner | undefined
    let gone = false
    void start(store, access).then((started) => {
      if (gone) return started.stop()
      running = started
      setScanner(started)
      started.subscribe(setSight)
    })
    return () => {
      gone = true
      running?.stop()
      setScanner(null)
    }
  }, [access])
  const move = (to: Access | null) => void store.setAccess(to).then(() => setAccess(to))
  if (access === null) return <Setup opened={move} />
  if (scanner === null || sight === null) {
    return (
      <main>
        <p>{words.asking}</p>
      </main>
    )
  }
  return <Work access={access} scanner={scanner} sight={sight} leave={() => move(null)} />
}

const root = document.getElementById("page")!
const given = takeFromAddress()
if (!("indexedDB" in globalThis) || !("AbortSignal" in globalThis) || !("timeout" in AbortSignal)) {
  root.textContent = words.old
} else {
  const store = await open()
  if (given !== null) await store.setAccess(given)
  render(<App store={store} first={given ?? await store.access()} />, root)
}
