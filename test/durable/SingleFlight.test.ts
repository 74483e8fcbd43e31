/** One run an id. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as SingleFlight from "../../src/durable/SingleFlight.ts"

describe("once", () => {
  it.effect("lets a repeat join the run in flight, which outlives the caller that gave up", () =>
    Effect.gen(function* () {
      const once = yield* SingleFlight.make<number, never>(10)
      const gate = yield* Deferred.make<void>()
      let runs = 0
      const run = once("a", Effect.andThen(Deferred.await(gate), Effect.sync(() => ++runs)))
      const first = yield* Effect.forkChild(run, { startImmediately: true })
      yield* Fiber.interrupt(first)
      const second = yield* Effect.forkChild(run, { startImmediately: true })
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(second), 1)
      assert.strictEqual(yield* run, 1)
      assert.strictEqual(runs, 1)
    }))

  it.effect("forgets a failure, so that a retry tries again", () =>
    Effect.gen(function* () {
      const once = yield* SingleFlight.make<number, string>(10)
      let runs = 0
      const run = once("a", Effect.suspend(() => ++runs === 1 ? Effect.fail("no") : Effect.succeed(runs)))
      assert.strictEqual(yield* Effect.flip(run), "no")
      assert.strictEqual(yield* run, 2)
      assert.strictEqual(yield* run, 2)
    }))

  it.effect("keeps the last ids only", () =>
    Effect.gen(function* () {
      const once = yield* SingleFlight.make<number, never>(2)
      let runs = 0
      const run = (id: string) => once(id, Effect.sync(() => ++runs))
      yield* Effect.forEach(["a", "b", "c"], run)
      assert.strictEqual(yield* run("c"), 3)
      assert.strictEqual(yield* run("a"), 4)
    }))
})
