/**
 * Many callers, few batches.
 * Guards whose removal turns this file red: the limit, the isolation of a defect, the outage rule.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as Batching from "../../src/gate/Batching.ts"

const outage = new SqlError({ reason: new ConnectionError({ cause: new Error("away"), message: "away" }) })

/** Doubles numbers, remembers its batches, and dies as told. */
const doubler = (defect: (items: ReadonlyArray<number>) => unknown) => {
  const batches: Array<ReadonlyArray<number>> = []
  const answer = (items: ReadonlyArray<number>) =>
    Effect.gen(function* () {
      batches.push(items)
      yield* Effect.yieldNow
      const reason = defect(items)
      return reason === undefined ? items.map((item) => item * 2) : yield* Effect.die(reason)
    })
  return { batches, make: Batching.make({ limit: 4, answer }) }
}

const ask = (double: (item: number) => Effect.Effect<number>, items: ReadonlyArray<number>) =>
  Effect.forEach(items, (item) => Effect.exit(double(item)), { concurrency: "unbounded" })

describe("batching", () => {
  it.effect("answers what waits together, in order and at most so many", () =>
    Effect.gen(function* () {
      const { batches, make } = doubler(() => undefined)
      const double = yield* make
      const answers = yield* ask(double, [1, 2, 3, 4, 5, 6, 7, 8, 9])
      assert.deepStrictEqual(answers, [2, 4, 6, 8, 10, 12, 14, 16, 18].map(Exit.succeed))
      assert.deepStrictEqual(batches.flat(), [1, 2, 3, 4, 5, 6, 7, 8, 9])
      assert.isTrue(batches.every((batch) => batch.length <= 4))
      assert.isBelow(batches.length, 9)
    }).pipe(Effect.scoped))

  it.effect("gives a defect to the one item that causes it", () =>
    Effect.gen(function* () {
      const { make } = doubler((items) => items.includes(3) ? new Error("three") : undefined)
      const double = yield* make
      const answers = yield* ask(double, [1, 2, 3, 4])
      assert.deepStrictEqual(answers.map(Exit.isSuccess), [true, true, false, true])
      assert.strictEqual(yield* double(5), 10)
    }).pipe(Effect.scoped))

  it.effect("fails a batch at once while the database is away, and goes on when it is back", () =>
    Effect.gen(function* () {
      let away = true
      const { batches, make } = doubler(() => away ? outage : undefined)
      const double = yield* make
      const answers = yield* ask(double, [1, 2, 3, 4])
      assert.isTrue(answers.every(Exit.isFailure))
      assert.strictEqual(batches.flat().length, 4)
      away = false
      assert.strictEqual(yield* double(5), 10)
    }).pipe(Effect.scoped))
})
