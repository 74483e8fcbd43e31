/** The more urgent work gets the next place. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import type { Priority } from "../../../rpc/TicketJob.ts"
import * as PriorityGate from "../../../src/services/tickets/PriorityGate.ts"

describe("a gate of priorities", () => {
  it.effect("lets the urgent go first, then those who came first", () =>
    Effect.gen(function* () {
      const through = PriorityGate.make(1)
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
      const through = PriorityGate.make(1)
      yield* Effect.exit(through("high", Effect.fail("no")))
      yield* Effect.exit(through("high", Effect.die("no")))
      const stuck = yield* Effect.forkChild(through("high", Effect.never), { startImmediately: true })
      const waiting = yield* Effect.forkChild(through("low", Effect.succeed("in")), {
        startImmediately: true
      })
      yield* Fiber.interrupt(stuck)
      assert.strictEqual(yield* Fiber.join(waiting), "in")
    }))

  it.effect("runs as many at once as it has places", () =>
    Effect.gen(function* () {
      const through = PriorityGate.make(2)
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
