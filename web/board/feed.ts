/** The server's events of a gate, read by `fetch`: an `EventSource` cannot send a token. */
import type { GateScan, GateView } from "../../rpc/Gate.ts"
import { locale } from "../device/locale.ts"
import { ask } from "../device/server.ts"

export type Scan = typeof GateScan.Encoded
export type View = typeof GateView.Encoded

export interface Listener {
  readonly scan: (scan: Scan) => void
  readonly gate: (view: View) => void
  readonly away: () => void
  readonly refused: (status: number) => void
}

/** Milliseconds until the next try, doubled up to the slowest. */
const pause = { first: 1_000, slowest: 30_000 }

/** The server sends at least this often, in milliseconds; a stream that is silent for longer is dead. */
const silence = 40_000

/** Passages that a board shows when it is opened. */
const lately = 30

/** A line of an event is cut off there: the largest view of 200 gates has a tenth of it. */
const longest = 2_000_000

interface Fields {
  id: string
  event: string
  data: string
}

const dispatch = ({ data, event }: Fields, listener: Listener) => {
  if (event === "scan") listener.scan(JSON.parse(data) as Scan)
  else if (event === "gate") listener.gate(JSON.parse(data) as View)
}

/** Reads the stream until it ends; answers the id of the last event. */
const read = async (
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  listener: Listener,
  heard: () => void,
  last: string | null
) => {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ""
  let fields: Fields = { id: "", event: "", data: "" }
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return last
    heard()
    const lines = (rest + value).split("\n")
    rest = lines.pop() ?? ""
    if (rest.length > longest) return last
    for (const line of lines.map((each) => each.replace(/\r$/, ""))) {
      if (line === "") {
        if (fields.data !== "") dispatch(fields, listener)
        if (fields.id !== "") last = fields.id
        fields = { id: "", event: "", data: "" }
        continue
      }
      const colon = line.indexOf(":")
      const name = colon === -1 ? line : line.slice(0, colon)
      const text = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "")
      if (name === "data") fields.data += text
      else if (name === "id" || name === "event") fields[name] = text
    }
  }
}

/** Follows the gate of an event until it is stopped; what was missed while away comes first. */
export const follow = (token: string, event: number, listener: Listener): () => void => {
  const stopping = new AbortController()
  let last: string | null = null
  let wait = pause.first
  /** Where the feed starts: a little before the last passage, so that a board is not empty when it is opened. */
  const begin = async (): Promise<string | null> => {
    const gate = await ask<View>(token, `/api/events/${event}/gate`, {
      patience: silence,
      signal: stopping.signal
    })
    return gate.kind === "answer" ? String(Math.max(0, gate.body.last_seq - lately)) : null
  }
  const turn = async (): Promise<void> => {
    if (stopping.signal.aborted) return
    last ??= await begin()
    const dead = new AbortController()
    let timer = setTimeout(() => dead.abort(), silence)
    const heard = () => {
      clearTimeout(timer)
      timer = setTimeout(() => dead.abort(), silence)
    }
    const end = () => dead.abort()
    stopping.signal.addEventListener("abort", end, { once: true })
    try {
      const response = await fetch(`/api/events/${event}/gate/events`, {
        headers: {
          authorization: `Bearer ${token}`,
          accept: "text/event-stream",
          "accept-language": locale,
          ...(last === null ? {} : { "last-event-id": last })
        },
        cache: "no-store",
        credentials: "omit",
        signal: dead.signal
      })
      if ([401, 403, 404].includes(response.status)) return listener.refused(response.status)
      if (response.ok && response.body !== null) {
        wait = pause.first
        last = await read(response.body, listener, heard, last)
      }
    } catch {
      // The network went away or the stream fell silent: the next turn asks for what was missed.
    } finally {
      clearTimeout(timer)
      stopping.signal.removeEventListener("abort", end)
    }
    if (stopping.signal.aborted) return
    listener.away()
    setTimeout(() => void turn(), wait)
    wait = Math.min(wait * 2, pause.slowest)
  }
  void turn()
  return () => stopping.abort()
}
