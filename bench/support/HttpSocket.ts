/** One keep-alive HTTP/1.1 connection with one request in flight: a client that costs little beside a server. */
import { connect, type Socket } from "node:net"

/** A status and a body read as latin1: enough to find an ASCII word in it. */
export interface Answer {
  readonly status: number
  readonly body: string
}

const chunked = (text: string, from: number): string | undefined => {
  let body = ""
  for (let at = from;;) {
    const line = text.indexOf("\r\n", at)
    if (line < 0) return undefined
    const size = Number.parseInt(text.slice(at, line), 16)
    if (text.length < line + size + 4) return undefined
    if (size === 0) return body
    body += text.slice(line + 2, line + 2 + size)
    at = line + size + 4
  }
}

/** The answer that `text` holds whole, or nothing yet. */
export const parse = (text: string): Answer | undefined => {
  const end = text.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const status = Number(text.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))
  if (length === null) {
    const body = chunked(text, end + 4)
    return body === undefined ? undefined : { status, body }
  }
  const body = text.slice(end + 4)
  return body.length < Number(length[1]) ? undefined : { status, body }
}

const unasked = (): never => {
  throw new Error("An answer without a request")
}

/** `ask` may be called again once its answer is there; a connection that breaks rejects it. */
export class HttpSocket {
  readonly #socket: Socket
  #received = ""
  #resolve: (answer: Answer) => void = unasked
  #reject: (error: Error) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on("data", (bytes) => this.#receive(bytes.toString("latin1")))
    socket.on("close", () => this.#reject(new Error("The server closed a connection")))
    socket.on("error", (error) => this.#reject(error))
  }

  static open(url: string): Promise<HttpSocket> {
    const { hostname, port } = new URL(url)
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.off("error", reject)
        resolve(new HttpSocket(socket))
      })
      socket.on("error", reject)
    })
  }

  ask(request: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (this.#socket.destroyed) reject(new Error("The server closed an idle connection"))
      else this.#socket.write(request)
    })
  }

  close(): void {
    this.#reject = () => {}
    this.#socket.destroy()
  }

  #receive(text: string): void {
    this.#received += text
    const answer = parse(this.#received)
    if (answer === undefined) return
    this.#received = ""
    this.#resolve(answer)
  }
}
