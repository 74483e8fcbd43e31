/** Two runners prove to each other that they hold the cluster's key, before a frame of either is read. */
import { Effect, Latch, Option, Semaphore } from "effect"
import { Socket } from "effect/socket"
import { randomBytes } from "node:crypto"
import type { DerivedKeys } from "../trust/DerivedKey.ts"
import { hmacHex, matches } from "../trust/ServiceSignature.ts"

/** The bytes of a nonce, and those of a proof, an HMAC-SHA256. */
const size = 32

type Role = "server" | "client"

/** What a runner proves with: the cluster's keys, and the address at which the accepting runner is registered. */
export interface HandshakeOptions {
  readonly keys: DerivedKeys
  readonly address: string
}

/** One side of the handshake: `take` reads exactly so many bytes, `isDrained` tells that no more came with them. */
export type Handshake = (connection: {
  readonly take: (bytes: number) => Effect.Effect<Uint8Array, Socket.SocketError>
  readonly isDrained: () => boolean
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, Socket.SocketError>
}) => Effect.Effect<void, Socket.SocketError>

/** The end of a connection whose other side did not prove itself: RFC 6455's code for a broken policy. */
export const refused = (closeReason: string): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: 1008, closeReason }) })

/** Whether a connection ended because a side did not prove itself. */
export const isRefused = (error: Socket.SocketError): boolean =>
  error.reason._tag === "SocketCloseError" && error.reason.code === 1008

/**
 * What a proof is of. The role keeps a side from sending back what it was sent; the address keeps a connection that was
 * meant for one runner from being passed on to another.
 */
const claim = (role: Role, address: string, client: Uint8Array, server: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`guichet.runner.v1 ${role} ${address}\n`), client, server])

const proofOf = ({ keys }: HandshakeOptions, text: Uint8Array): Uint8Array =>
  Buffer.from(hmacHex(keys.signing, text), "hex")

const check = ({ keys }: HandshakeOptions, text: Uint8Array, proof: Uint8Array) =>
  matches(text, keys.accepted, [proof]) ? Effect.void : Effect.fail(refused("The cluster secret differs"))

/** Two seconds are enough for honest runners, and little to a stranger who keeps a connection. */
const inTime = Effect.timeoutOrElse({
  duration: "2 seconds",
  orElse: () => Effect.fail(refused("The other side did not prove itself in time"))
})

const unasked = Effect.fail(refused("Bytes came before they were asked for"))

/** The accepting side: it is sent a nonce, answers with its own and its proof, and is sent the proof of the other. */
export const serverHandshake = (options: HandshakeOptions): Handshake =>
  Effect.fnUntraced(function* ({ isDrained, take, write }) {
    const client = yield* take(size)
    if (!isDrained()) return yield* unasked
    const server = randomBytes(size)
    yield* write(Buffer.concat([server, proofOf(options, claim("server", options.address, client, server))]))
    yield* check(options, claim("client", options.address, client, server), yield* take(size))
  }, inTime)

/** The connecting side, which says nothing but a nonce to a runner that has not proved itself. */
export const clientHandshake = (options: HandshakeOptions): Handshake =>
  Effect.fnUntraced(function* ({ isDrained, take, write }) {
    const client = randomBytes(size)
    yield* write(client)
    const server = yield* take(size)
    yield* check(options, claim("server", options.address, client, server), yield* take(size))
    if (!isDrained()) return yield* unasked
    yield* write(proofOf(options, claim("client", options.address, client, server)))
  }, inTime)

/** Lets so many connections prove themselves at one time and refuses the next: strangers cannot hold more. */
export const atMost = (places: number, handshake: Handshake): Handshake => {
  const taken = Semaphore.makeUnsafe(places)
  const crowded = refused("Too many connections are proving themselves")
  return (connection) =>
    taken.withPermitsIfAvailable(1)(handshake(connection)).pipe(
      Effect.flatMap(Option.match({ onNone: () => Effect.fail(crowded), onSome: Effect.succeed }))
    )
}

const bytesOf = (chunk: Uint8Array | string): Uint8Array =>
  typeof chunk === "string" ? Buffer.from(chunk) : chunk

/** A socket that is read and written only after the handshake, which runs anew on each connection. */
export const authenticated = (inner: Socket.Socket, handshake: Handshake): Socket.Socket => {
  const proved = Latch.makeUnsafe(false)

  const reader: Socket.Socket["reader"] = Effect.gen(function* () {
    const { pull, upgrade } = yield* inner.reader
    const { write } = yield* inner.writer
    let held = Buffer.alloc(0)
    const take = Effect.fnUntraced(function* (bytes: number) {
      while (held.length < bytes) held = Buffer.concat([held, ...(yield* pull).map(bytesOf)])
      const taken = held.subarray(0, bytes)
      held = held.subarray(bytes)
      return taken
    })
    yield* handshake({ take, write, isDrained: () => held.length === 0 })
    yield* Effect.acquireRelease(proved.open, () => proved.close)
    const rest = Effect.suspend(() => {
      if (held.length === 0) return pull
      const first = held
      held = Buffer.alloc(0)
      return Effect.succeed([first] as const)
    })
    return { pull: rest, upgrade }
  })

  const writer: Socket.Socket["writer"] = Effect.map(inner.writer, ({ write, writeAll }) => ({
    write: (chunk) => proved.whenOpen(write(chunk)),
    writeAll: (chunks) => proved.whenOpen(writeAll(chunks))
  }))

  return Socket.make({ reader, writer })
}
