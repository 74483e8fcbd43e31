/** A mail server on loopback, line by line: a test says what it answers at each point of the dialogue, or that it hangs up. */
import { Effect, type Scope } from "effect"
import { createServer, type Socket } from "node:net"

/** The points of a dialogue at which a server may refuse a message. */
export const points = ["mail", "rcpt", "data", "end"] as const
export type Point = (typeof points)[number]

export interface SmtpPeer {
  readonly url: string
  /** The messages that were taken, as bytes in latin1. */
  readonly taken: Array<string>
  /** The commands of all connections, in order. */
  readonly commands: Array<string>
  /** How often all of a message was sent, taken or not. */
  whole: number
  /** What is answered at a point: whole lines with their codes, or `cut` for a connection that ends; undefined accepts. */
  answer: (point: Point, whole: number) => ReadonlyArray<string> | "cut" | undefined
  /** Called with the last answer to a message, which goes out when it is run. */
  hold: ((go: () => void) => void) | undefined
}

const accepted: Readonly<Record<Point, string>> = {
  mail: "250 2.1.0 Ok",
  rcpt: "250 2.1.5 Ok",
  data: "354 Go ahead",
  end: "250 2.0.0 Queued"
}

const pointOf = (command: string): Point | undefined =>
  /^MAIL/i.test(command)
    ? "mail"
    : /^RCPT/i.test(command)
    ? "rcpt"
    : /^DATA/i.test(command)
    ? "data"
    : undefined

const serve = (peer: SmtpPeer, socket: Socket) => {
  let waiting = ""
  let inData = false
  // A client that is gone leaves its connection behind.
  socket.on("error", () => socket.destroy())
  const say = (lines: ReadonlyArray<string>) => socket.write(lines.map((line) => `${line}\r\n`).join(""))
  const at = (point: Point, message = "") => {
    const answer = peer.answer(point, peer.whole)
    if (point === "end" && answer === undefined) peer.taken.push(message)
    if (answer === "cut") return socket.destroy()
    const go = () => say(answer ?? [accepted[point]])
    if (point === "data" && answer === undefined) inData = true
    return point === "end" && peer.hold !== undefined ? peer.hold(go) : go()
  }
  const read = () => {
    if (inData) {
      const end = waiting.indexOf("\r\n.\r\n")
      if (end < 0) return false
      inData = false
      peer.whole++
      const message = waiting.slice(0, end)
      waiting = waiting.slice(end + 5)
      at("end", message)
      return true
    }
    const end = waiting.indexOf("\r\n")
    if (end < 0) return false
    const command = waiting.slice(0, end)
    waiting = waiting.slice(end + 2)
    peer.commands.push(command)
    const point = pointOf(command)
    if (point !== undefined) at(point)
    else if (/^EHLO/i.test(command)) say(["250-peer.example", "250 ENHANCEDSTATUSCODES"])
    else if (/^QUIT/i.test(command)) socket.end("221 2.0.0 Bye\r\n")
    else say(["250 2.0.0 Ok"])
    return true
  }
  socket.on("data", (bytes) => {
    waiting += bytes.toString("latin1")
    while (!socket.destroyed && read());
  })
  say(["220 peer.example ESMTP"])
}

/** Listens until the scope closes. */
export const smtpPeer: Effect.Effect<SmtpPeer, never, Scope.Scope> = Effect.gen(function* () {
  const sockets = new Set<Socket>()
  const peer: { -readonly [K in keyof SmtpPeer]: SmtpPeer[K] } = {
    url: "",
    taken: [],
    commands: [],
    whole: 0,
    answer: () => undefined,
    hold: undefined
  }
  yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((socket) => {
        sockets.add(socket)
        serve(peer, socket)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        peer.url = `smtp://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
        resume(Effect.succeed(server))
      })
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  )
  return peer
})
