/**
 * How a stream of server-sent events ends.
 * Guards whose removal turns this file red: the end when the process leaves, the silence about a fault.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Stream } from "effect"
import { Drain } from "../../../src/http/Drain.ts"
import { untilLeft } from "../../../src/http/handlers/Sse.ts"

describe("a stream as it is served", () => {
  it.effect("ends when the process leaves", () =>
    Effect.gen(function* () {
      const drain = yield* Drain
      const endless = Stream.concat(Stream.make(1, 2), Stream.never)
      const reading = yield* Effect.forkChild(Stream.runCollect(untilLeft(drain, endless)), {
        startImmediately: true
      })
      yield* drain.leave
      assert.deepStrictEqual(yield* Fiber.join(reading), [1, 2])
    }).pipe(Effect.provide(Drain.layer)))

  it.effect("ends at a fault of ours, which is logged once and told to nobody", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const log = Logger.layer([
        Logger.make(({ logLevel, message }) => void logged.push(`${logLevel} ${message}`))
      ])
      const broken = Stream.concat(Stream.make(1), Stream.die(new Error("connection of jean@example.com")))
      const sent = yield* Stream.runCollect(untilLeft(yield* Drain, broken)).pipe(Effect.provide(log))
      assert.deepStrictEqual(sent, [1])
      assert.lengthOf(logged, 1)
      assert.match(logged[0]!, /^Error The request failed on our side/)
    }).pipe(Effect.provide(Drain.layer)))
})
