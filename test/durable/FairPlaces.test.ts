/**
 * The more urgent work gets the next place. Guards whose removal turns this file red: the order of the lines, the place
 * given back, the interruption that leaves the line.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import type { Priority } from "../../rpc/TicketJob.ts"
import * as PrioritySemaphore from "../../src/durable/PrioritySemaphore.ts"

describe("a gate of priorities", () => {
  it.effect("lets the urgent go first, then those who came first", () =>
    Effect.gen(function* () {
      const through = PrioritySemaphore.make(1)
      const opened = Latch.makeUnsafe(false)
      const order: Array<string> = []
      const enter = (priority: Priority, name: string) =>
        Effect.forkChild(
          through(priority, Effect.andThen(opened.await, Effect.sync(() => void order.push(name)))),
          {
            startImmediately: true
          }
        )
      const fibers = [
        yield* enter("low", "first"),
        yield* enter("low", "low 1"),
        yield* enter("normal", "normal"),
        yield* enter("low", "low 2"),
        yield* enter("high", "high")
      ]
      yield* opened.open
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(order, ["first", "high", "normal", "low 1", "low 2"])
    }))

  it.effect("gives the place back when work fails, dies or is interrupted", () =>
    Effect.gen(function* () {
      const through = PrioritySemaphore.make(1)
      yield* Effect.exit(through("high", Effect.fail("no")))
      yield* Effect.exit(through("high", Effect.die("no")))
      const stuck = yield* Effect.forkChild(through("high", Effect.never), { startImmediately: true })
      const waiting = yield* Effect.forkChild(through("low", Effect.succeed("in")), {
        startImmediately: true
      })
      yield* Fiber.interrupt(stuck)
      assert.strictEqual(yield* Fiber.join(waiting), "in")
    }))

  it.effect("forgets who is interrupted while waiting, at once", () =>
    Effect.gen(function* () {
      const through = PrioritySemaphore.make(1)
      const opened = Latch.makeUnsafe(false)
      const first = yield* Effect.forkChild(through("low", opened.await), { startImmediately: true })
      const left = yield* Effect.forkChild(through("high", Effect.die("no")), { startImmediately: true })
      const last = yield* Effect.forkChild(through("low", Effect.succeed("in")), { startImmediately: true })
      yield* Fiber.interrupt(left)
      yield* opened.open
      yield* Fiber.join(first)
      assert.strictEqual(yield* Fiber.join(last), "in")
    }))

  it.effect("passes a place on whose owner is interrupted as it is given", () =>
    Effect.gen(function* () {
      for (let yields = 0; yields < 6; yields++) {
        const through = PrioritySemaphore.make(1)
        const opened = Latch.makeUnsafe(false)
        const first = yield* Effect.forkChild(through("low", opened.await), { startImmediately: true })
        const second = yield* Effect.forkChild(through("high", Effect.never), { startImmediately: true })
        yield* opened.open
        for (let at = 0; at < yields; at++) yield* Effect.yieldNow
        yield* Fiber.interrupt(second)
        yield* Fiber.join(first)
        assert.strictEqual(yield* through("low", Effect.succeed("in")), "in")
      }
    }))

  it.effect("runs as many at once as it has places", () =>
    Effect.gen(function* () {
      const through = PrioritySemaphore.make(2)
      let [inside, most] = [0, 0]
      const work = Effect.gen(function* () {
        most = Math.max(most, ++inside)
        yield* Effect.yieldNow
        inside--
      })
      yield* Effect.forEach(Array.from({ length: 9 }), () => through("normal", work), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([inside, most], [0, 2])
    }))
})
