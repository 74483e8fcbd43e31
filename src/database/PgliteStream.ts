/** The wire between `PgClient` and PGlite: what the client writes is executed at once, in this process. */
import type { PGlite } from "@electric-sql/pglite"
import { Duplex } from "node:stream"

const cancelRequestCode = 80877102

const isCancelRequest = (frame: Buffer): boolean =>
  frame.length === 16 && frame.readInt32BE(0) === 16 && frame.readInt32BE(4) === cancelRequestCode

interface Frame {
  readonly type: string
  readonly start: number
  readonly end: number
}

const framesOf = (bytes: Buffer): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  for (let start = 0; start < bytes.length;) {
    const end = start + 1 + bytes.readInt32BE(start + 1)
    frames.push({ type: String.fromCharCode(bytes.readUInt8(start)), start, end })
    start = end
  }
  return frames
}

const answeredByReady = new Set(["S", "Q", "F"])

/**
 * PGlite says ReadyForQuery right after an error and again at the Sync that ends the statement; a server
 * says it at the Sync only, and the client takes a second one for a broken connection. For each one too
 * many, the first after an error goes.
 */
export const dropExtraReady = (request: Buffer, answer: Buffer): Buffer => {
  const frames = framesOf(answer)
  let extra = frames.filter(({ type }) => type === "Z").length -
    framesOf(request).filter(({ type }) => answeredByReady.has(type)).length
  if (extra <= 0) return answer
  let failed = false
  const kept = frames.filter(({ type }) => {
    const drop = type === "Z" && failed && extra > 0
    if (drop) extra--
    if (type === "E") failed = true
    else if (type === "Z") failed = false
    return !drop
  })
  return Buffer.concat(kept.map(({ start, end }) => answer.subarray(start, end)))
}

/**
 * A duplex over `execProtocolRawSync`. `PgClient` opens a second one to cancel a statement; ours have
 * already run when it asks, so a cancel request is dropped and its stream closed, like a server does.
 */
export class PgliteStream extends Duplex {
  readonly #database: PGlite

  constructor(database: PGlite) {
    super({ allowHalfOpen: false })
    this.#database = database
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (isCancelRequest(chunk)) {
      done()
      this.destroy()
      return
    }
    try {
      const { buffer, byteOffset, byteLength } = this.#database.execProtocolRawSync(chunk)
      const answer = Buffer.from(buffer, byteOffset, byteLength)
      const isStartup = chunk[0] === 0
      if (byteLength > 0) this.push(isStartup ? answer : dropExtraReady(chunk, answer))
      done()
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    this.push(null)
    done()
  }
}
