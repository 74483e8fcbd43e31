/** Requests over a bare socket, against what HTTP says: lengths that are wrong, bodies that drip, connections that end early. */
import { connect } from "node:net"

/** The parts of a request, each as text but for its body. */
export interface WireRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** What is written in turn, and whether an answer must come: not to what never ends or leaves before it. */
interface Script {
  readonly pieces: ReadonlyArray<string | Uint8Array>
  readonly isAnswered: boolean
}

const head = (
  { headers, method, url }: WireRequest,
  more: ReadonlyArray<string>,
  connection: "close" | "keep-alive" = "close"
): string =>
  [
    `${method} ${url} HTTP/1.1`,
    "host: 127.0.0.1",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value.replaceAll(/[^\t -~]/g, "x")}`),
    ...more,
    `connection: ${connection}`,
    "",
    ""
  ].join("\r\n")

const length = (
  { body }: WireRequest,
  change: (length: number) => number | string = (same) => same
): string => `content-length: ${change(body.length)}`

const parts = (body: Uint8Array, count: number): ReadonlyArray<Uint8Array> => {
  const size = Math.max(1, Math.ceil(body.length / count))
  return Array.from(
    { length: Math.ceil(body.length / size) },
    (_, at) => body.slice(at * size, (at + 1) * size)
  )
}

/**
 * A head that is wrong is answered at once and ends the connection: what of a long body is on its way by then would reset
 * it before the answer is read (RFC 9112, 9.6).
 */
const short = 16_384

const refusedHead = (request: WireRequest, ...more: ReadonlyArray<string>): Script => ({
  pieces: [head(request, more), request.body.slice(0, short)],
  isAnswered: true
})

const whole = (request: WireRequest, ...more: ReadonlyArray<string>): Script => ({
  pieces: [head(request, more), request.body],
  isAnswered: true
})

/** Each way by its name. */
const ways = {
  "a length that is too long": (request) => ({
    pieces: [head(request, [length(request, (own) => own + 10)]), request.body],
    isAnswered: false
  }),
  // What comes after the body is no request, and the connection may be reset before the answer is read.
  "a length that is too short": (request) => ({
    ...whole(request, length(request, (own) => own >> 1)),
    isAnswered: false
  }),
  "a length below nothing": (request) => refusedHead(request, length(request, () => -1)),
  "a length that is no number": (request) => refusedHead(request, length(request, () => "0x10")),
  "a length without end": (request) => refusedHead(request, length(request, () => "9".repeat(30))),
  "two lengths": (request) => refusedHead(request, length(request), length(request, (own) => own + 1)),
  "a length and chunks": (request) => refusedHead(request, length(request), "transfer-encoding: chunked"),
  // A body may begin as the length of a chunk does, and the rest is waited for.
  "chunks that are none": (request) => ({
    ...whole(request, "transfer-encoding: chunked"),
    isAnswered: false
  }),
  "an unknown encoding": (request) => refusedHead(request, "transfer-encoding: zipped"),
  "a body that drips": (request) => ({
    pieces: [head(request, [length(request)]), ...parts(request.body, 16)],
    isAnswered: true
  }),
  "half a body": (request) => ({
    pieces: [head(request, [length(request)]), request.body.slice(0, request.body.length >> 1)],
    isAnswered: false
  }),
  "half a head": (request) => ({
    pieces: [head(request, [length(request)]).slice(0, 40)],
    isAnswered: false
  }),
  "no HTTP": (request) => ({ pieces: [request.body, "\r\n\r\n"], isAnswered: false }),
  "two requests at once": (request) => ({
    pieces: [
      head(request, [length(request)], "keep-alive"),
      request.body,
      head(request, [length(request)]),
      request.body
    ],
    isAnswered: true
  })
} as const satisfies Readonly<Record<string, (request: WireRequest) => Script>>

export type WireWay = keyof typeof ways

/** The names of all ways. */
export const wireWays = Object.keys(ways) as ReadonlyArray<WireWay>

/** Milliseconds between two pieces. */
const pause = 5

/** The statuses that came back before the connection ended; undefined when it was still open after `patience` milliseconds. */
export const overWire = (
  origin: string,
  way: WireWay,
  request: WireRequest,
  patience: number
): Promise<{ readonly statuses: ReadonlyArray<number>; readonly isAnswered: boolean } | undefined> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(origin)
    const script: Script = ways[way](request)
    const waiting = [...script.pieces]
    const heard: Array<string> = []
    const socket = connect(Number(port), hostname)
    const end = (isOver: boolean) => {
      clearTimeout(deadline)
      socket.destroy()
      const statuses = [...heard.join("").matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) =>
        Number(status)
      )
      resolve(isOver ? { statuses, isAnswered: script.isAnswered } : undefined)
    }
    const deadline = setTimeout(() => end(false), patience)
    const write = () => {
      const piece = waiting.shift()
      if (piece !== undefined) {
        socket.write(piece, () => setTimeout(write, pause))
      } else if (!script.isAnswered) {
        socket.end()
      }
    }
    socket.on("connect", write)
    socket.on("data", (bytes: Uint8Array) => {
      heard.push(Buffer.from(bytes).toString("latin1"))
      // A stream goes on for as long as somebody listens.
      if (/^content-type: text\/event-stream/im.test(heard.join(""))) end(true)
    })
    socket.on("error", () => end(true))
    socket.on("close", () => end(true))
  })
