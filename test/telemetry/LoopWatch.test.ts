/**
 * What holds the event loop is counted and named. Guards whose removal turns this file red: the watch, the name of the
 * route, the bound under which nothing is said.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Metric } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as ServerRules from "../../src/http/ServerRules.ts"
import * as Platform from "../../src/Platform.ts"
import * as LoopWatch from "../../src/telemetry/LoopWatch.ts"

/** Works without a pause for so many milliseconds of the processor. */
const work = (milliseconds: number) =>
  Effect.sync(() => {
    const worked = () => process.threadCpuUsage().user / 1_000
    for (const end = worked() + milliseconds; worked() < end;) { /* Holds the loop. */ }
  })

const routes = HttpRouter.addAll([
  HttpRouter.route("GET", "/quick/:id", Effect.succeed(HttpServerResponse.empty())),
  HttpRouter.route("GET", "/slow/:id", Effect.as(work(150), HttpServerResponse.empty()))
])

describe("the event loop", () => {
  it.live("is watched: who holds it is named by its route, and counted", () =>
    Effect.gen(function* () {
      const logged: Array<{ readonly milliseconds: number; readonly work: string }> = []
      const logger = Logger.make(({ message }) => {
        if (Array.isArray(message) && message[0] === "The event loop was held") logged.push(message[1])
      })
      const program = Effect.gen(function* () {
        const handler = yield* ServerRules.toWebHandler(routes)
        const ask = (path: string) =>
          Effect.promise(() => handler(new Request(`http://localhost${path}`))).pipe(
            Effect.andThen(Effect.sleep(100))
          )
        for (let at = 0; at < 5; at++) yield* ask("/quick/1")
        assert.deepStrictEqual(logged.filter(({ work }) => work.startsWith("/")), [])
        yield* ask("/slow/secret")
        yield* ask("/slow/secret")
        yield* ask("/quick/1")
        const { count, max } = yield* Metric.value(Metric.withAttributes(LoopWatch.held, { by: "/slow/:id" }))
        assert.strictEqual(count, 2)
        assert.isAtLeast(max, 100)
        const ours = logged.filter(({ work }) => work.startsWith("/"))
        assert.deepStrictEqual([...new Set(ours.map(({ work }) => work))], ["/slow/:id"])
        assert.isAtLeast(ours[0]!.milliseconds, 100)
        assert.isAtLeast((yield* Metric.value(LoopWatch.residentMemory)).value, 10_000_000)
      })
      yield* program.pipe(
        Effect.provide(
          Layer.mergeAll(Layer.provideMerge(LoopWatch.layer, Logger.layer([logger])), Platform.httpServices)
        )
      )
    }).pipe(Effect.scoped))
})
