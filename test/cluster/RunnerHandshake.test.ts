/**
 * What two runners say before they believe each other, byte by byte.
 * Guards whose removal turns this red: the check of each proof, the role and the address in what is proved, both
 * refusals of early bytes, the two seconds, the places, and the latch before what is written.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue, Redacted } from "effect"
import { Socket } from "effect/socket"
import { TestClock } from "effect/testing"
import { createHmac, randomBytes } from "node:crypto"
import {
  atMost,
  authenticated,
  clientHandshake,
  isRefused,
  serverHandshake
} from "../../src/cluster/RunnerHandshake.ts"
import { type DerivedKeys, derivedKeys } from "../../src/trust/DerivedKey.ts"

const keysOf = (...secrets: readonly [string, ...ReadonlyArray<string>]): DerivedKeys => {
  const [current, ...previous] = secrets.map((secret) => Redacted.make(secret))
  return derivedKeys([current!, ...previous], "cluster.v1")
}

const address = "10.0.0.1:34431"
const keys = keysOf("the cluster's secret")

type Way = Queue.Queue<Uint8Array, Socket.SocketError>

const closed = new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: 1000 }) })

const bytes = (chunk: unknown): Uint8Array => chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk))

/** One end of a connection in memory: what is read, and where what is written goes. */
const end = (read: Way, written: Way): Socket.Socket =>
  Socket.make({
    reader: Effect.as(
      Effect.addFinalizer(() => Queue.fail(written, closed)),
      { pull: Queue.takeAll(read), upgrade: () => Effect.void }
    ),
    writer: Effect.succeed({
      write: (chunk) => Effect.asVoid(Queue.offer(written, bytes(chunk))),
      writeAll: (chunks) => Effect.asVoid(Queue.offerAll(written, chunks.map(bytes)))
    })
  })

const connection = Effect.gen(function* () {
  const toServer: Way = yield* Queue.unbounded<Uint8Array, Socket.SocketError>()
  const toClient: Way = yield* Queue.unbounded<Uint8Array, Socket.SocketError>()
  return {
    toServer,
    toClient,
    server: (own = keys, at = address) =>
      authenticated(end(toServer, toClient), serverHandshake({ keys: own, address: at })),
    client: (own = keys, at = address) =>
      authenticated(end(toClient, toServer), clientHandshake({ keys: own, address: at }))
  }
})

/** Sends a word as soon as it may, and reads until the other side has sent its own. */
const converse = (socket: Socket.Socket, word: string) =>
  Effect.scoped(Effect.gen(function* () {
    const { write, writeAll } = yield* socket.writer
    const writing = yield* Effect.forkScoped(
      Effect.andThen(write(Buffer.from(word)), writeAll([Buffer.from("!")])),
      { startImmediately: true }
    )
    const { pull } = yield* socket.reader
    let read = Buffer.alloc(0)
    while (!read.includes("!")) read = Buffer.concat([read, ...(yield* pull).map(bytes)])
    yield* Fiber.join(writing)
    return read
  }))

const ending = (exit: Exit.Exit<Buffer, Socket.SocketError>): string =>
  Exit.match(exit, {
    onSuccess: (read) => `read ${read}`,
    onFailure: (cause) =>
      cause.reasons.some((reason) => reason._tag === "Fail" && isRefused(reason.error)) ? "refused" : "closed"
  })

const meet = (server: Socket.Socket, client: Socket.Socket) =>
  Effect.map(
    Effect.all([Effect.exit(converse(server, "server")), Effect.exit(converse(client, "client"))], {
      concurrency: 2
    }),
    (exits) => exits.map(ending)
  )

const talk = ["read client!", "read server!"]

/** Everything that is left in a way whose writer has ended. */
const restOf = (way: Way) =>
  Effect.gen(function* () {
    let rest = Buffer.alloc(0)
    while (true) {
      const next = yield* Effect.exit(Queue.takeAll(way))
      if (Exit.isFailure(next)) return rest
      rest = Buffer.concat([rest, ...next.value])
    }
  })

/** A stranger connects to a runner: first bytes, then what follows the runner's answer. */
const strangerConnects = Effect.fnUntraced(
  function* (first: Uint8Array, then: (answer: Buffer) => Uint8Array) {
    const { server, toClient, toServer } = yield* connection
    const running = yield* Effect.forkChild(Effect.exit(converse(server(), "a frame")))
    yield* Queue.offer(toServer, first)
    const answer = yield* Effect.exit(Queue.take(toClient))
    const heard = Buffer.from(Exit.isSuccess(answer) ? answer.value : [])
    yield* Queue.offer(toServer, then(heard))
    yield* Queue.fail(toServer, closed)
    const ended = ending(yield* Fiber.join(running))
    return { ended, heard, rest: yield* restOf(toClient) }
  }
)

/** A runner connects to a stranger, who answers its nonce. */
const strangerAnswers = Effect.fnUntraced(function* (answer: (nonce: Buffer) => Uint8Array) {
  const { client, toClient, toServer } = yield* connection
  const running = yield* Effect.forkChild(Effect.exit(converse(client(), "a frame")))
  const nonce = Buffer.from(yield* Queue.take(toServer))
  yield* Queue.offer(toClient, answer(nonce))
  yield* Queue.fail(toClient, closed)
  const ended = ending(yield* Fiber.join(running))
  return { ended, nonce, rest: yield* restOf(toServer) }
})

/** The proof as the text of `RunnerHandshake` says it, made here on its own. */
const proof = (role: string, client: Uint8Array, server: Uint8Array, own = keys): Buffer =>
  createHmac("sha256", Redacted.value(own.signing))
    .update(`guichet.runner.v1 ${role} ${address}\n`).update(client).update(server).digest()

const nonce = Buffer.alloc(32, 7)
const serverPart = (answer: Buffer) => answer.subarray(0, 32)
const right = (answer: Buffer) => proof("client", nonce, serverPart(answer))
const answerTo = (client: Buffer) => {
  const server = randomBytes(32)
  return Buffer.concat([server, proof("server", client, server)])
}

const flipped = (whole: Buffer, at: number): Buffer => {
  const changed = Buffer.from(whole)
  changed[at] = changed[at]! ^ (1 << (at % 8))
  return changed
}

describe("two runners", () => {
  it.effect("talk when they hold the same key, and while it is being replaced", () =>
    Effect.gen(function* () {
      const [before, early, late, after] = [
        keysOf("old"),
        keysOf("old", "new"),
        keysOf("new", "old"),
        keysOf("new")
      ]
      const pairs = [[before, before], [before, early], [early, early], [early, late], [late, late], [
        late,
        after
      ]]
      for (const [one, other] of pairs.flatMap(([a, b]) => [[a!, b!], [b!, a!]] as const)) {
        const { client, server } = yield* connection
        assert.deepStrictEqual(yield* meet(server(one), client(other)), talk)
      }
    }))

  it.effect("do not talk with different keys, or when the connection was meant for another runner", () =>
    Effect.gen(function* () {
      const other = keysOf("another secret")
      for (const [server, client] of [[keys, other], [other, keys]] as const) {
        const made = yield* connection
        assert.deepStrictEqual(yield* meet(made.server(server), made.client(client)), ["closed", "refused"])
      }
      const { client, server } = yield* connection
      assert.deepStrictEqual(yield* meet(server(), client(keys, "10.0.0.2:34431")), ["closed", "refused"])
    }))

  it.effect("speak the protocol that is written down, frames that follow the proof at once included", () =>
    Effect.gen(function* () {
      const { ended, rest } = yield* strangerConnects(
        nonce,
        (answer) => Buffer.concat([right(answer), Buffer.from("hello!")])
      )
      assert.strictEqual(ended, "read hello!")
      assert.strictEqual(String(rest), "a frame!")
      const { client, toClient, toServer } = yield* connection
      const running = yield* Effect.forkChild(converse(client(), "a frame"))
      const asked = Buffer.from(yield* Queue.take(toServer))
      const answered = answerTo(asked)
      yield* Queue.offer(toClient, answered)
      assert.deepStrictEqual(
        Buffer.from(yield* Queue.take(toServer)),
        proof("client", asked, serverPart(answered))
      )
      yield* Queue.offer(toClient, Buffer.from("hello!"))
      assert.strictEqual(String(yield* Fiber.join(running)), "hello!")
      assert.strictEqual(String(yield* restOf(toServer)), "a frame!")
    }))
})

describe("a stranger at a runner's port", () => {
  it.effect("hears a nonce and a proof, and is sent no frame, whatever it sends", () =>
    Effect.gen(function* () {
      const earlier = yield* strangerConnects(nonce, right)
      const attempts: ReadonlyArray<(answer: Buffer) => Uint8Array> = [
        () => right(earlier.heard),
        (answer) => answer.subarray(32),
        (answer) => proof("server", nonce, serverPart(answer)),
        (answer) => proof("client", serverPart(answer), nonce),
        (answer) => proof("client", nonce, serverPart(answer), keysOf("another secret")),
        () => Buffer.alloc(32),
        () => randomBytes(4096),
        ...Array.from({ length: 32 }, (_, at) => (answer: Buffer) => flipped(right(answer), at))
      ]
      for (const attempt of attempts) {
        const { ended, heard, rest } = yield* strangerConnects(nonce, attempt)
        assert.strictEqual(ended, "refused")
        assert.lengthOf(heard, 64)
        assert.lengthOf(rest, 0)
      }
      for (let length = 0; length < 32; length++) {
        const cut = yield* strangerConnects(nonce, (answer) => right(answer).subarray(0, length))
        assert.deepStrictEqual([cut.ended, cut.rest.length], ["closed", 0])
      }
    }))

  it.effect("is refused when it sends anything beside its nonce before it is answered", () =>
    Effect.gen(function* () {
      for (const more of [1, 32, 65_536]) {
        const { ended, heard } = yield* strangerConnects(Buffer.concat([nonce, Buffer.alloc(more)]), right)
        assert.deepStrictEqual([ended, heard.length], ["refused", 0])
      }
    }))

  it.effect("has two seconds", () =>
    Effect.gen(function* () {
      const { server, toClient, toServer } = yield* connection
      const running = yield* Effect.forkChild(Effect.exit(converse(server(), "a frame")))
      yield* Queue.offer(toServer, nonce)
      yield* Queue.take(toClient)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(ending(yield* Fiber.join(running)), "refused")
    }))
})

describe("many strangers", () => {
  it.effect("are refused beyond the places that there are, until those of the first are free", () =>
    Effect.gen(function* () {
      const handshake = atMost(3, serverHandshake({ keys, address }))
      const connect = Effect.gen(function* () {
        const toServer: Way = yield* Queue.unbounded<Uint8Array, Socket.SocketError>()
        const toClient: Way = yield* Queue.unbounded<Uint8Array, Socket.SocketError>()
        const socket = authenticated(end(toServer, toClient), handshake)
        const running = yield* Effect.forkChild(Effect.exit(converse(socket, "server")), {
          startImmediately: true
        })
        return { toServer, toClient, running }
      })
      const first = yield* Effect.forEach([1, 2, 3], () => connect)
      const crowded = yield* connect
      assert.strictEqual(ending(yield* Fiber.join(crowded.running)), "refused")
      assert.deepStrictEqual(first.map(({ running }) => running.pollUnsafe()), [
        undefined,
        undefined,
        undefined
      ])
      yield* TestClock.adjust("2 seconds")
      for (const { running } of first) assert.strictEqual(ending(yield* Fiber.join(running)), "refused")
      const { running, toClient, toServer } = yield* connect
      const client = authenticated(end(toClient, toServer), clientHandshake({ keys, address }))
      assert.strictEqual(String(yield* converse(client, "client")), "server!")
      assert.strictEqual(ending(yield* Fiber.join(running)), "read client!")
    }))
})

describe("a stranger at the address of a registered runner", () => {
  it.effect("is told nothing but a nonce, whatever it answers", () =>
    Effect.gen(function* () {
      const earlier = yield* strangerConnects(nonce, right)
      const attempts: ReadonlyArray<(nonce: Buffer) => Uint8Array> = [
        () => earlier.heard,
        (client) => Buffer.concat([client, client]),
        (client) => Buffer.concat([nonce, proof("client", client, nonce)]),
        (client) => Buffer.concat([nonce, proof("server", nonce, client)]),
        (client) => Buffer.concat([answerTo(client), Buffer.alloc(1)]),
        ...Array.from({ length: 64 }, (_, at) => (client: Buffer) => flipped(answerTo(client), at))
      ]
      for (const attempt of attempts) {
        const { ended, rest } = yield* strangerAnswers(attempt)
        assert.deepStrictEqual([ended, rest.length], ["refused", 0])
      }
      for (let length = 0; length < 64; length++) {
        const cut = yield* strangerAnswers((client) => answerTo(client).subarray(0, length))
        assert.deepStrictEqual([cut.ended, cut.rest.length], ["closed", 0])
      }
    }))

  it.effect("has two seconds", () =>
    Effect.gen(function* () {
      const { client, toServer } = yield* connection
      const running = yield* Effect.forkChild(Effect.exit(converse(client(), "a frame")))
      yield* Queue.take(toServer)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(ending(yield* Fiber.join(running)), "refused")
    }))
})
