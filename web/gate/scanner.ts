/**
 * The scanner without its looks: asks the server, decides alone when nobody answers, keeps every passage until the server
 * has it, and uploads what it decided. One scan at a time.
 */
import type { Direction, ScanResult } from "../../rpc/Scan.ts"
import type { OfflineBundle } from "../../src/gate/offline/OfflineBundle.ts"
import type { Access } from "../device/access.ts"
import { type Answer, ask } from "../device/server.ts"
import { decideAlone, knownAfter, readOf } from "./offline.ts"
import type { Disagreement, Known, Passage, Store } from "./store.ts"
import { words } from "./words.ts"
import { alert, type Outcome, toneOf } from "./outcome.ts"

/** What the page shows beside the last outcome. */
export interface Sight {
  readonly online: boolean
  readonly ended: boolean
  readonly waiting: number
  /** Passages of another event that wait for a link to it. */
  readonly elsewhere: number
  readonly disagreements: ReadonlyArray<Disagreement>
  readonly refused: ReadonlyArray<Passage>
  readonly counts: {
    readonly inside: number
    readonly most: number
    readonly entered: number
    readonly refused: number
  } | null
  readonly ready: boolean
}

interface Verdict {
  readonly scan_id: string
  readonly result: ScanResult
  readonly message: string
  readonly guest_first_name: string | null
  readonly ticket_type: string | null
  readonly signals: ReadonlyArray<string>
}

interface Uploaded {
  readonly verdicts: ReadonlyArray<{ readonly scan_id: string; readonly result: ScanResult }>
  readonly conflicts: ReadonlyArray<
    { readonly scan_id: string; readonly kind: string; readonly message: string }
  >
}

interface GateView {
  readonly inside: number
  readonly max_attendees: number
  readonly gates: ReadonlyArray<{
    readonly gate: string
    readonly entered: number
    readonly refused: { readonly total: number }
  }>
}

/** Milliseconds. A person at a turnstile waits this long for the network, and no longer. */
const patience = { scan: 2_500, upload: 30_000, look: 8_000 }

const pause = { sync: 5_000, slowest: 60_000, look: 10_000, bundle: 30_000 }

/** Passages in one upload; the server takes ten times as many. */
const uploadSize = 500

/** Verdicts of an event that the token does not reach: the server keeps none of these passages, so this device does. */
const unreached: ReadonlySet<ScanResult> = new Set<ScanResult>(["operator_forbidden", "unknown_event"])

export interface Scanner {
  readonly scan: (text: string, direction: Direction) => Promise<Outcome>
  /** Takes back the passage of this outcome: the turnstile did not turn. */
  readonly undo: (outcome: Outcome) => Promise<boolean>
  readonly subscribe: (listener: (sight: Sight) => void) => () => void
  readonly stop: () => void
}

/** Starts the scanner's work for an access; `stop` ends it. */
export const start = async (store: Store, access: Access): Promise<Scanner> => {
  let known: Known | null = await store.known()
  const isHere = ({ event, gate, organizer }: Pick<Access, "event" | "gate" | "organizer">) =>
    event === access.event && gate === access.gate && organizer === access.organizer
  if (known !== null && !isHere(known)) known = null
  const waiting = async () => {
    const { elsewhere, here } = await store.waiting(access)
    return { waiting: here, elsewhere }
  }
  let sight: Sight = {
    online: navigator.onLine,
    ended: false,
    ...(await waiting()),
    disagreements: await store.disagreements(),
    refused: await store.in("refused", 100),
    counts: null,
    ready: known !== null && !known.more
  }
  const listeners = new Set<(sight: Sight) => void>()
  const show = (change: Partial<Sight>) => {
    sight = { ...sight, ...change }
    for (const listener of listeners) listener(sight)
  }
  const stopping = new AbortController()
  const request = async <A>(path: string, patience: number, body?: unknown): Promise<Answer<A>> => {
    const answer = await ask<A>(access.token, path, { patience, body, signal: stopping.signal })
    if (!stopping.signal.aborted) {
      show({
        online: answer.kind === "answer" || answer.kind === "refused",
        ...(answer.kind === "ended" ? { ended: true } : {})
      })
    }
    return answer
  }

  const place = { event_id: access.event, scanner_id: store.device, operator_id: access.operator }

  const bodyOf = ({ at, direction, gate, id, text }: Passage) => {
    const { qrData, ticketCode } = readOf(text)
    return {
      scan_id: id,
      direction,
      timestamp: at,
      scan_location: { gate },
      ...(qrData === null ? { ticket_code: ticketCode } : { qr_data: qrData })
    }
  }

  /** Uploads these passages; one that the server will not take is found by halves and kept with what it said. */
  const upload = async (passages: ReadonlyArray<Passage>): Promise<boolean> => {
    const [first] = passages
    if (first === undefined) return true
    const answer = await request<Uploaded>("/api/scans/batch", patience.upload, {
      ...place,
      event_id: first.event,
      operator_id: first.operator,
      scans: passages.map((passage) => ({ ...bodyOf(passage), result: passage.result }))
    })
    if (answer.kind === "answer") {
      await store.disagree(
        answer.body.conflicts.map(({ kind, message, scan_id }) => ({ id: scan_id, kind, at: message }))
      )
      const kept = new Set(
        answer.body.verdicts.filter(({ result }) => unreached.has(result)).map(({ scan_id }) => scan_id)
      )
      await store.drop(passages.map(({ id }) => id).filter((id) => !kept.has(id)))
      return kept.size === 0
    }
    if (answer.kind !== "refused") return false
    if (passages.length === 1) {
      await store.put({ ...first, state: "refused", detail: answer.detail })
      return true
    }
    const half = Math.ceil(passages.length / 2)
    return await upload(passages.slice(0, half)) && await upload(passages.slice(half))
  }

  let sending: Promise<boolean> | undefined

  /** Uploads what waits of this event, the passages of one operator at a time; one upload at a time. */
  const send = (): Promise<boolean> => sending ??= sendAll().finally(() => void (sending = undefined))

  const sendAll = async (): Promise<boolean> => {
    for (;;) {
      const [first, ...rest] = await store.decidedAt(access, uploadSize)
      if (first === undefined) break
      const alike = rest.filter(({ operator }) => operator === first.operator)
      const sent = await upload([first, ...alike])
      show({
        ...(await waiting()),
        disagreements: await store.disagreements(),
        refused: await store.in("refused", 100)
      })
      if (!sent) return false
    }
    return true
  }

  /** Reads all that changed of the tickets, once the server knows what this device decided meanwhile. */
  const refresh = async () => {
    if (!await send()) return false
    for (let pages = 0; pages < 1_000; pages++) {
      const query = new URLSearchParams({
        gate: access.gate,
        ...(known === null ? {} : { cursor: known.cursor })
      })
      const answer = await request<typeof OfflineBundle.Encoded>(
        `/api/events/${access.event}/offline-bundle?${query}`,
        patience.upload
      )
      if (answer.kind !== "answer") return false
      known = knownAfter(known, answer.body, access)
      await store.setKnown(known)
      show({ ready: !known.more })
      if (!known.more) return true
    }
    return false
  }

  const look = async () => {
    const answer = await request<GateView>(`/api/events/${access.event}/gate`, patience.look)
    if (answer.kind !== "answer") return
    const here = answer.body.gates.find(({ gate }) => gate === access.gate)
    show({
      counts: {
        inside: answer.body.inside,
        most: answer.body.max_attendees,
        entered: here?.entered ?? 0,
        refused: here?.refused.total ?? 0
      }
    })
  }

  /** Does `work` now, again after `usual`, and up to a minute later while it fails or when the network is back. */
  const repeat = (work: () => Promise<boolean | void>, usual: number) => {
    let waited = usual
    let timer: ReturnType<typeof setTimeout>
    let busy = false
    const turn = async () => {
      clearTimeout(timer)
      if (busy || stopping.signal.aborted) return
      busy = true
      const done = await work()
      busy = false
      waited = done === false ? Math.min(waited * 2, pause.slowest) : usual
      if (!stopping.signal.aborted) timer = setTimeout(turn, waited)
    }
    addEventListener("online", turn, { signal: stopping.signal })
    void turn()
    return turn
  }
  const sendSoon = repeat(send, pause.sync)
  repeat(refresh, pause.bundle)
  repeat(look, pause.look)
  addEventListener("offline", () => show({ online: false }), { signal: stopping.signal })

  /** A passage whose answer was lost is asked for again under its id: the server gives the same verdict. */
  const unanswered = async (text: string, direction: Direction): Promise<Passage | undefined> =>
    (await store.in("asked", 50)).find((passage) =>
      passage.text === text && passage.direction === direction && isHere(passage)
    )

  const asked = async (passage: Passage): Promise<Answer<Verdict>> =>
    navigator.onLine
      ? await request<Verdict>("/api/scans/validate", patience.scan, { ...place, ...bodyOf(passage) })
      : { kind: "away" }

  const scan = async (text: string, direction: Direction): Promise<Outcome> => {
    const passage: Passage = (await unanswered(text, direction)) ?? {
      id: crypto.randomUUID(),
      text,
      direction,
      event: access.event,
      gate: access.gate,
      operator: access.operator,
      organizer: access.organizer,
      at: new Date().toISOString(),
      state: "asked",
      result: null
    }
    await store.put(passage)
    const answer = await asked(passage)
    if (answer.kind === "answer") {
      await store.drop([passage.id])
      const { guest_first_name, message, result, signals, ticket_type } = answer.body
      return {
        id: passage.id,
        tone: toneOf(result),
        result,
        message,
        name: guest_first_name,
        type: ticket_type,
        alone: false,
        suspect: signals.length > 0
      }
    }
    if (answer.kind === "refused") {
      await store.drop([passage.id])
      return alert(passage.id, answer.detail)
    }
    if (answer.kind === "ended") {
      await store.drop([passage.id])
      return alert(passage.id, words.ended)
    }
    if (known === null || known.more) {
      await store.drop([passage.id])
      return alert(passage.id, words.noBundle)
    }
    const decided = decideAlone(known, passage)
    await store.put({ ...passage, state: "decided", result: decided.result })
    known = decided.known
    await store.setKnown(known)
    show(await waiting())
    return {
      id: passage.id,
      tone: toneOf(decided.result),
      result: decided.result,
      message: decided.message,
      name: null,
      type: null,
      alone: true,
      suspect: false
    }
  }

  const undo = async ({ alone, id }: Outcome): Promise<boolean> => {
    if (alone) await sendSoon()
    const answer = await request(`/api/scans/${id}/annul`, patience.look, {
      event_id: access.event,
      scanner_id: store.device
    })
    return answer.kind === "answer"
  }

  return {
    scan,
    undo,
    subscribe: (listener) => {
      listeners.add(listener)
      listener(sight)
      return () => void listeners.delete(listener)
    },
    stop: () => stopping.abort()
  }
}
