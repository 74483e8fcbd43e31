/** Runs something that waits long, under the test clock: time passes whenever nothing else is left to do. */
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Lets `step` pass again and again until the effect has its answer. */
export const spent =
  (step: "100 millis" | "1 second" | "1 minute") => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(effect)
      while (fiber.pollUnsafe() === undefined) {
        yield* TestClock.adjust(step)
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      return yield* Fiber.join(fiber)
    })
