/** A delivery that is tried again while something of it may still be delivered, for a day. */
import { Duration, Effect, Schema } from "effect"
import { Activity, DurableClock } from "effect/workflow"
import { retryTransient } from "../durable/Retry.ts"

/** 15 seconds, then twice as long each time up to an hour: eight pauses in the first hour, 31 in a day. */
const pauses = 31

const pause = (nth: number) =>
  DurableClock.sleep({
    name: `pause/${nth}`,
    duration: Duration.min(Duration.seconds(15 * 2 ** (nth - 1)), Duration.hours(1)),
    inMemoryThreshold: 0
  })

/** Each try answers how many messages still wait; in the end that many are given up. */
export const untilDelivered = Effect.fnUntraced(function* <R>(attempt: Effect.Effect<number, never, R>) {
  for (let nth = 1;; nth++) {
    const waiting = yield* Activity.make({
      name: `try/${nth}`,
      success: Schema.Int,
      execute: retryTransient(attempt)
    })
    if (waiting === 0 || nth > pauses) return waiting
    yield* pause(nth)
  }
})
