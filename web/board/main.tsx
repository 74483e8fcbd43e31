/** The live gate of an event, at `/gate/board`: for a laptop and for a screen on the wall. */
import "../design.css"
import "./board.css"
import { render } from "preact"
import { useEffect, useState } from "preact/hooks"
import { type Access, accessOf, takeFromAddress } from "../device/access.ts"
import { moment, number } from "../device/locale.ts"
import { follow, type Scan, type View } from "./feed.ts"
import { words } from "./words.ts"

/** Passages and devices that are kept on the screen. */
const shown = { scans: 30, devices: 50 }

interface State {
  readonly view: View | null
  readonly scans: ReadonlyArray<Scan>
  readonly devices: ReadonlyMap<string, { readonly gate: string; readonly at: string }>
  readonly live: boolean
  readonly refused: number | null
}

const withScan = (state: State, scan: Scan): State => {
  const others = [...state.devices].filter(([device]) => device !== scan.device_id)
  return {
    ...state,
    live: true,
    scans: [scan, ...state.scans.filter(({ scan_id }) => scan_id !== scan.scan_id)].slice(0, shown.scans),
    devices: new Map(
      [[scan.device_id, { gate: scan.gate, at: scan.received_at }], ...others].slice(
        0,
        shown.devices
      ) as Array<[string, { readonly gate: string; readonly at: string }]>
    )
  }
}

const Rate = ({ rate }: { readonly rate: View["rate"] }) => {
  const bars = rate.per_minute.entered
  const most = Math.max(1, ...bars)
  return (
    <section class="card wide">
      <h2>{words.lastMinutes(bars.length)}</h2>
      <svg
        class="rate"
        viewBox={`0 0 ${bars.length * 10} 60`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${words.lastMinutes(bars.length)} : ${bars.join(", ")}`}
      >
        {bars.map((count, at) => (
          <rect
            key={at}
            x={at * 10 + 1}
            y={60 - (count / most) * 58}
            width="8"
            height={(count / most) * 58}
            class={at === bars.length - 1 ? "running" : ""}
          />
        ))}
      </svg>
    </section>
  )
}

const Gates = ({ view }: { readonly view: View }) => (
  <section class="card wide">
    <h2>{words.gates}</h2>
    <div class="scroll" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">{words.gate}</th>
            <th scope="col">{words.entered}</th>
            <th scope="col">{words.exited}</th>
            <th scope="col">{words.refused}</th>
          </tr>
        </thead>
        <tbody>
          {view.gates.map(({ entered, exited, gate, refused }) => (
            <tr key={gate}>
              <th scope="row">{gate}</th>
              <td>{number(entered)}</td>
              <td>{number(exited)}</td>
              <td>{number(refused.total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </section>
)

const Why = ({ view }: { readonly view: View }) => {
  const reasons = Object.entries(view.refused.by_reason).filter(([, count]) => count > 0).toSorted((a, b) =>
    b[1] - a[1]
  )
  return (
    <section class="card">
      <h2>{words.why}</h2>
      {reasons.length === 0 ? <p class="soft">{words.none}</p> : (
        <ul class="plain">
          {reasons.map(([reason, count]) => (
            <li key={reason}>
              <span>{reason.replaceAll("_", " ")}</span> <strong>{number(count)}</strong>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

const Feed = ({ scans }: { readonly scans: ReadonlyArray<Scan> }) => (
  <section class="card">
    <h2>{words.feed}</h2>
    {scans.length === 0 ? <p class="soft">{words.none}</p> : (
      <ol class="plain">
        {scans.map((scan) => (
          <li key={scan.scan_id} class={scan.result === "valid" ? "in" : "out"}>
            <span>
              {moment(new Date(scan.received_at))} · {words.gate} {scan.gate} · {words[scan.direction]}
            </span>
            <strong>
              {scan.annulled_at !== null ? words.annulled : scan.result.replaceAll("_", " ")}
              {scan.signals.length > 0 &&
                ` ⚠ ${scan.signals.map((each) => each.replaceAll("_", " ")).join(", ")}`}
            </strong>
          </li>
        ))}
      </ol>
    )}
  </section>
)

const Devices = ({ devices }: Pick<State, "devices">) => (
  <section class="card">
    <h2>{words.devices}</h2>
    {devices.size === 0 ? <p class="soft">{words.none}</p> : (
      <ul class="plain">
        {[...devices].map(([device, { at, gate }]) => (
          <li key={device}>
            <span>{device.slice(0, 24)} · {words.gate} {gate}</span>
            <strong>{moment(new Date(at))}</strong>
          </li>
        ))}
      </ul>
    )}
  </section>
)

const Figure = ({ children, label }: { readonly label: string; readonly children: string }) => (
  <div class="card">
    <div class="figure">{children}</div>
    <div class="soft">{label}</div>
  </div>
)

const Board = ({ access }: { readonly access: Access }) => {
  const [state, setState] = useState<State>({
    view: null,
    scans: [],
    devices: new Map(),
    live: false,
    refused: null
  })
  useEffect(() =>
    follow(access.token, access.event, {
      scan: (scan) => setState((state) => withScan(state, scan)),
      gate: (view) => setState((state) => ({ ...state, view, live: true })),
      away: () => setState((state) => ({ ...state, live: false })),
      refused: (status) => setState((state) => ({ ...state, refused: status, live: false }))
    }), [access])
  const { view } = state
  return (
    <main>
      <header class="row">
        <h1 class="grow">{words.title} · {access.event}</h1>
        {view !== null && <span class="pill">{words.status[view.status] ?? view.status}</span>}
        <span class={state.live ? "pill on" : "pill off"} role="status">
          {state.live ? words.live : words.away}
        </span>
      </header>
      {state.refused !== null && (
        <p role="alert" class="wrong">
          {state.refused === 401 ? words.ended : `${words.refusedPage} ${state.refused}`}
        </p>
      )}
      {view !== null && (
        <div class="board">
          <div class="figures">
            <Figure label={words.inside}>{`${number(view.inside)} / ${number(view.max_attendees)}`}</Figure>
            <Figure label={words.entered}>{number(view.entered)}</Figure>
            <Figure label={words.perMinute}>{number(view.rate.entered_last_minute)}</Figure>
            <Figure label={words.refused}>{number(view.refused.total)}</Figure>
          </div>
          <Rate rate={view.rate} />
          <Gates view={view} />
          <Why view={view} />
          <Feed scans={state.scans} />
          <Devices devices={state.devices} />
        </div>
      )}
    </main>
  )
}

const Setup = ({ opened }: { readonly opened: (access: Access) => void }) => {
  const [wrong, setWrong] = useState(false)
  return (
    <main class="stack">
      <h1>{words.setup}</h1>
      <p>{words.setupText}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const access = accessOf(String(new FormData(event.currentTarget).get("link") ?? ""))
          setWrong(access === null)
          if (access !== null) opened(access)
        }}
      >
        <label for="link">{words.link}</label>
        <div class="row">
          <input id="link" name="link" class="grow" autocomplete="off" spellcheck={false} />
          <button type="submit" class="main">{words.open}</button>
        </div>
      </form>
      {wrong && <p role="alert" class="wrong">{words.badLink}</p>}
    </main>
  )
}

const kept = "guichet-board"

/** Kept for this tab alone, so that a reload shows the board again and a closed tab forgets it. */
const access = takeFromAddress() ?? accessOf(sessionStorage.getItem(kept) ?? "")

const App = () => {
  const [open, setOpen] = useState(access)
  useEffect(() => {
    if (open === null) return
    const { event, token } = open
    sessionStorage.setItem(kept, `#${new URLSearchParams({ k: token, e: String(event) })}`)
  }, [open])
  return open === null ? <Setup opened={setOpen} /> : <Board access={open} />
}

render(<App />, document.getElementById("page")!)
