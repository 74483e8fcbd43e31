/**
 * How a server ends: what it is answering is answered, and nothing else keeps it. Guards whose removal turns this file
 * red: each connection that ends at once, and the two states of a request that is waited for.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Latch, Layer, Scope, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { FastPath } from "../src/FastPath.ts"
import * as Platform from "../src/Platform.ts"
import { wire } from "./support/Wire.ts"

/** Answers `/fast` once the latch is open, and says when it has a whole request. */
const fastPathOf = (latch: Latch.Latch, taken: Latch.Latch): FastPath => ({
  takes: ({ url }) => url === "/fast",
  answer: (_request, body, say) => {
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
const serving = Effect.gen(function* () {
  const faults: Array<unknown> = []
  const latch = yield* Latch.make()
  const scope = yield* Scope.make()
  const taken = yield* Latch.make()
  const fastPath = fastPathOf(latch, taken)
  const server = Platform.httpServer({
    port: 0,
    gracefulShutdown: "1 hour",
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
})
