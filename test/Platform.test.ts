/**
 * How a server ends: what it is answering is answered, and nothing else keeps it; and what its listeners throw, which
 * ends the request and nothing more. Guards whose removal turns this file red: each connection that ends at once, what is
 * still accepted and read before (`hearing`), the last request of one that was kept, what tells it so, the time that it is kept for, the two states of a request that is waited for, `guarded` around each of `takes`, `answer` and the reply, and the bound on
 * headers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, type Duration, Effect, Exit, Fiber, Latch, Layer, Scope, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { readdirSync, readFileSync } from "node:fs"
import type { FastPath } from "../src/FastPath.ts"
import * as Platform from "../src/Platform.ts"
import { wire } from "./support/Wire.ts"

/** Answers `/fast` once the latch is open, and says when it has a whole request. */
const fastPathOf = (latch: Latch.Latch, taken: Latch.Latch): FastPath => ({
  takes: ({ url }) => {
    if (url === "/throws/takes") throw new Error("takes")
    return url === "/fast" || url === "/throws/answer" || url === "/throws/reply"
  },
  answer: ({ url }, body, say) => {
    if (url === "/throws/answer") throw new RangeError("answer")
    if (url === "/throws/reply") {
      void latch.await.pipe(Effect.runPromise).then(() => say({ status: 1e9, headers: {}, text: "" }))
      taken.openUnsafe()
      return true
    }
    taken.openUnsafe()
    const text = `fast ${new TextDecoder().decode(body)}`
    void Effect.runPromise(latch.await).then(() => say({ status: 200, headers: {}, text }))
    return true
  }
})

/** `/late` answers once the latch is open; `/early` begins its answer before it has read anything. */
const routesOf = (latch: Latch.Latch) => {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const late = Effect.gen(function* () {
    const body = yield* Effect.orDie((yield* HttpServerRequest.HttpServerRequest).text)
    yield* latch.await
    return HttpServerResponse.text(`late ${body}`)
  })
  const early = HttpServerResponse.stream(
    Stream.concat(
      Stream.make(bytes("begun")),
      Stream.fromEffect(Effect.as(latch.await, bytes("ended")))
    )
  )
  return Layer.merge(
    HttpRouter.add("POST", "/late", late),
    HttpRouter.add("POST", "/early", Effect.succeed(early))
  )
}

/** A server of these routes and this fastPath, its port, its end, and what its listeners have thrown. */
const serve = Effect.fnUntraced(function* (
  options: { readonly farewell?: Duration.Input; readonly isLeaving?: () => boolean } = {}
) {
  const faults: Array<unknown> = []
  const latch = yield* Latch.make()
  const scope = yield* Scope.make()
  const taken = yield* Latch.make()
  const fastPath = fastPathOf(latch, taken)
  const server = Platform.httpServer({
    port: 0,
    gracefulShutdown: "1 hour",
    ...options,
    fastPath: {
      registry: { current: fastPath },
      contract: () => Promise.reject(new Error("The fast path answers"))
    },
    report: (fault) => faults.push(fault)
  })
  const services = yield* HttpRouter.serve(routesOf(latch), {
    disableListenLog: true,
    disableLogger: true
  }).pipe(Layer.provideMerge(server), Layer.buildWithScope(scope))
  const { address } = Context.get(services, HttpServer.HttpServer)
  if (address._tag === "UnixPathAddress") return yield* Effect.die(new Error("no port"))
  return { port: String(address.port), latch, taken, faults, end: Scope.close(scope, Exit.void) }
})

const serving = serve()

const head = (path: string, length: number, more = "") =>
  `POST ${path} HTTP/1.1\r\nhost: core\r\n${more}content-length: ${length}\r\n\r\n`

/** The server has read the head once it has answered this. */
const asking = "expect: 100-continue\r\n"

describe("a server that ends", () => {
  it.live("ends at once the connections on which nothing is being answered", () =>
    Effect.gen(function* () {
      const { end, latch, port } = yield* serving
      const silent = yield* wire(port)
      const halfHead = yield* wire(port)
      halfHead.say("POST /late HTTP/1.1\r\nhost: co")
      const halfBody = yield* wire(port)
      halfBody.say(head("/late", 9, asking))
      yield* halfBody.heard("HTTP/1.1 100")
      halfBody.say("half")
      const halfFast = yield* wire(port)
      halfFast.say(head("/fast", 9))
      const busy = yield* wire(port)
      busy.say(head("/early", 0))
      yield* busy.heard("begun")
      const ending = yield* Effect.forkChild(end, { startImmediately: true })
      yield* Effect.forEach([silent, halfHead, halfBody, halfFast], ({ ended }) => ended)
      assert.isUndefined(ending.pollUnsafe())
      yield* latch.open
      yield* Fiber.join(ending)
    }).pipe(Effect.scoped))

  it.live("answers what has come whole, and what it has begun to answer", () =>
    Effect.gen(function* () {
      const { end, latch, port, taken } = yield* serving
      const late = yield* wire(port)
      late.say(head("/late", 4, asking))
      yield* late.heard("HTTP/1.1 100")
      late.say("wordPOST /late HTTP/1.1\r\nhost: half of another")
      const fastPath = yield* wire(port)
      fastPath.say(`${head("/fast", 4)}word`)
      yield* taken.await
      const early = yield* wire(port)
      early.say(head("/early", 9))
      yield* early.heard("begun")
      const silent = yield* wire(port)
      const ending = yield* Effect.forkChild(end, { startImmediately: true })
      yield* silent.ended
      yield* latch.open
      yield* late.heard("late word")
      yield* fastPath.heard("fast word")
      yield* early.heard("ended")
      yield* Effect.forEach([late, fastPath, early], ({ ended }) => ended)
      yield* Fiber.join(ending)
    }).pipe(Effect.scoped))

  it.live("answers the request that is on its way on a connection that was kept, and ends it then", () =>
    Effect.gen(function* () {
      const { end, latch, port } = yield* serve({ farewell: "1 hour" })
      yield* latch.open
      const kept = yield* wire(port)
      kept.say(`${head("/late", 3)}one`)
      yield* kept.heard("late one")
      const fast = yield* wire(port)
      fast.say(`${head("/fast", 3)}one`)
      yield* fast.heard("fast one")
      const silent = yield* wire(port)
      const ending = yield* Effect.forkChild(end, { startImmediately: true })
      yield* silent.ended
      assert.isUndefined(ending.pollUnsafe())
      kept.say(`${head("/late", 3)}two`)
      yield* kept.heard("connection: close")
      yield* kept.heard("late two")
      fast.say(`${head("/fast", 3)}two`)
      yield* fast.heard("connection: close")
      yield* fast.heard("fast two")
      yield* Effect.forEach([kept, fast], ({ ended }) => ended)
      yield* Fiber.join(ending)
    }).pipe(Effect.scoped))

  it.live("answers the first requests of connections that it has not accepted or not read yet", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 20; round++) {
        const { end, latch, port } = yield* serving
        yield* latch.open
        const early = yield* Effect.forEach(Array.from({ length: 1 + round }), () => wire(port), {
          concurrency: "unbounded"
        })
        for (const { say } of early) say(`${head("/late", 4)}word`)
        const ending = yield* Effect.forkChild(end, { startImmediately: true })
        for (const { ended, heard } of early) {
          yield* heard("connection: close")
          yield* heard("late word")
          yield* ended
        }
        yield* Fiber.join(ending)
      }
    }).pipe(Effect.scoped))

  it.live("ends a connection that was kept and stays silent, a moment later", () =>
    Effect.gen(function* () {
      const { end, latch, port } = yield* serve({ farewell: "1 millis" })
      yield* latch.open
      const kept = yield* wire(port)
      kept.say(`${head("/late", 3)}one`)
      yield* kept.heard("late one")
      yield* end
      yield* kept.ended
    }).pipe(Effect.scoped))

  it.live("tells its clients before, and keeps their connections until then", () =>
    Effect.gen(function* () {
      let isLeaving = false
      const { end, latch, port } = yield* serve({ isLeaving: () => isLeaving })
      yield* latch.open
      const kept = yield* wire(port)
      kept.say(`${head("/late", 3)}one`)
      yield* kept.heard("late one")
      yield* kept.heard("Keep-Alive: timeout=75")
      isLeaving = true
      kept.say(`${head("/late", 3)}two`)
      yield* kept.heard("connection: close")
      yield* kept.heard("late two")
      yield* kept.ended
      yield* end
    }).pipe(Effect.scoped))
})

describe("a listener that throws", () => {
  it.live("ends its request, is reported, and the server answers the next one", () =>
    Effect.gen(function* () {
      const { end, faults, latch, port, taken } = yield* serving
      for (const where of ["takes", "answer"]) {
        const bad = yield* wire(port)
        bad.say(`${head(`/throws/${where}`, 4)}word`)
        yield* bad.ended
      }
      const reply = yield* wire(port)
      reply.say(`${head("/throws/reply", 4)}word`)
      yield* taken.await
      yield* latch.open
      yield* reply.ended
      assert.lengthOf(faults, 3)
      const next = yield* wire(port)
      next.say(`${head("/fast", 4)}word`)
      yield* next.heard("fast word")
      yield* end
    }).pipe(Effect.scoped))

  it.live("says so when it answers before a body in chunks has ended, and keeps the connection of one that has", () =>
    Effect.gen(function* () {
      const { end, latch, port } = yield* serving
      const chunked = (path: string) =>
        `POST ${path} HTTP/1.1\r\nhost: core\r\ntransfer-encoding: chunked\r\n\r\n`
      const early = yield* wire(port)
      early.say(`${chunked("/nowhere")}4\r\nword\r\n`)
      yield* early.heard("connection: close")
      const whole = yield* wire(port)
      yield* latch.open
      whole.say(`${chunked("/late")}4\r\nword\r\n0\r\n\r\n`)
      yield* whole.heard("late word")
      whole.say(`${head("/late", 5)}again`)
      yield* whole.heard("late again")
      yield* end
    }).pipe(Effect.scoped))

  it.live("is not reached by headers over 16 KiB", () =>
    Effect.gen(function* () {
      const { end, faults, port } = yield* serving
      const long = yield* wire(port)
      long.say(`GET /late HTTP/1.1\r\nhost: core\r\nx-long: ${"a".repeat(20_000)}\r\n\r\n`)
      yield* long.ended
      assert.deepStrictEqual(faults, [])
      yield* end
    }).pipe(Effect.scoped))
})

describe("the sources", () => {
  it("attach no listener of the runtime but through `listen`", () => {
    const attaches = /\.(?:on|once|addListener|prependListener)\("|\.addEventListener\(/
    const sources = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts")
    )
    const found = sources.filter((name) => attaches.test(readFileSync(`src/${name}`, "utf8")))
    assert.deepStrictEqual(found, [])
  })
})
