/**
 * Many callers, few batches.
 * Guards whose removal turns this file red: the limit, the wait for whoever comes at once, the whole groups, the
 * order, one batch at a time, the drain that goes on after a failure, the end of what runs when the scope closes, the
 * answer to whoever waits, the removal of whoever left from the line, and the end of a batch that all have left.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as Batching from "../../src/durable/Batching.ts"

const outage = new SqlError({ reason: new ConnectionError({ cause: new Error("away"), message: "away" }) })

type Groups = ReadonlyArray<ReadonlyArray<number>>
type Double = (items: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<number>>

const submitter = <A, B, E>(options: Batching.Options<A, B, E>) =>
  Effect.map(Batching.make(options), ({ submit }) => submit)

/** Doubles numbers, remembers its batches, and dies as told. */
const doubler = (defect: (items: ReadonlyArray<number>) => unknown) => {
  const batches: Array<ReadonlyArray<number>> = []
  let running = 0
  let most = 0
  const answer = (items: ReadonlyArray<number>) =>
    Effect.gen(function* () {
      batches.push(items)
      most = Math.max(most, ++running)
      yield* Effect.yieldNow
      running--
      const reason = defect(items)
      return reason === undefined ? items.map((item) => item * 2) : yield* Effect.die(reason)
    })
  return { batches, atOnce: () => most, make: submitter({ name: "test", limit: 4, atOnce: 1, answer }) }
}

const ask = (double: Double, groups: Groups) =>
  Effect.forEach(groups, (items) => Effect.exit(double(items)), { concurrency: "unbounded" })

describe("batching", () => {
  it.effect("answers what waits together, in order and at most so many, one batch at a time", () =>
    Effect.gen(function* () {
      const { atOnce, batches, make } = doubler(() => undefined)
      const double = yield* make
      const answers = yield* ask(double, [1, 2, 3, 4, 5, 6, 7, 8, 9].map((item) => [item]))
      assert.deepStrictEqual(answers, [2, 4, 6, 8, 10, 12, 14, 16, 18].map((item) => Exit.succeed([item])))
      assert.deepStrictEqual(batches.flat(), [1, 2, 3, 4, 5, 6, 7, 8, 9])
      assert.isTrue(batches.every((batch) => batch.length <= 4))
      assert.isBelow(batches.length, 9)
      assert.strictEqual(atOnce(), 1)
    }).pipe(Effect.scoped))

  it.effect("gathers what arrives at once, although its own work never waits", () =>
    Effect.gen(function* () {
      const batches: Array<ReadonlyArray<number>> = []
      const echo = yield* submitter({
        name: "batch",
        limit: 4,
        atOnce: 1,
        answer: (items: ReadonlyArray<number>) => Effect.sync(() => (batches.push(items), items))
      })
      yield* ask(echo, [[1], [2], [3], [4], [5], [6]])
      assert.deepStrictEqual(batches, [[1, 2, 3, 4], [5, 6]])
    }).pipe(Effect.scoped))

  it.effect("keeps a group together, be it larger than a batch, and gives each group its own answers", () =>
    Effect.gen(function* () {
      const { batches, make } = doubler(() => undefined)
      const double = yield* make
      const groups = [[1], [2, 3], [], [4, 5], [6, 7, 8, 9, 10], [11, 12, 13], [14]]
      const answers = yield* ask(double, groups)
      assert.deepStrictEqual(answers, groups.map((items) => Exit.succeed(items.map((item) => item * 2))))
      assert.deepStrictEqual(batches.slice(-2), [[6, 7, 8, 9, 10], [11, 12, 13, 14]])
    }).pipe(Effect.scoped))

  it.effect("fails every group of a batch, no other, and goes on", () =>
    Effect.gen(function* () {
      const { batches, make } = doubler((items) => items.includes(3) ? outage : undefined)
      const double = yield* make
      const groups = [[0], [1, 2], [3, 4], [5, 6], [7]]
      const answers = yield* ask(double, groups)
      const failed = batches.find((batch) => batch.includes(3))!
      assert.lengthOf(failed, 4)
      assert.deepStrictEqual(
        answers.map(Exit.isSuccess),
        groups.map(([first]) => !failed.includes(first!))
      )
      assert.deepStrictEqual(yield* double([8]), [16])
    }).pipe(Effect.scoped))

  it.effect("leaves what it is doing when its scope closes, and tells whoever waits", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const left = yield* Deferred.make<void>()
      const callers = yield* submitter({
        name: "batch",
        limit: 4,
        atOnce: 1,
        answer: (items: ReadonlyArray<number>) =>
          Effect.as(Deferred.succeed(begun, undefined), items).pipe(
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() => Deferred.succeed(left, undefined))
          )
      }).pipe(
        Effect.flatMap((double) =>
          Effect.forEach([[1], [2]], (items) =>
            Effect.tap(
              Effect.forkChild(double(items), { startImmediately: true }),
              () => Deferred.await(begun)
            ))
        ),
        Effect.scoped
      )
      assert.isTrue(yield* Deferred.isDone(left))
      for (const caller of callers) assert.isTrue(Exit.isFailure(yield* Fiber.await(caller)))
    }))

  it.effect("does not begin what its caller left, and ends a batch when all have left it", () =>
    Effect.gen(function* () {
      const batches: Array<ReadonlyArray<number>> = []
      const ended: Array<ReadonlyArray<number>> = []
      const double = yield* submitter({
        name: "batch",
        limit: 2,
        atOnce: 1,
        answer: (items: ReadonlyArray<number>) =>
          Effect.suspend(() => {
            batches.push(items)
            return items.includes(9)
              ? Effect.succeed(items)
              : Effect.onInterrupt(Effect.never, () => Effect.sync(() => void ended.push(items)))
          })
      })
      const call = (item: number) => Effect.forkChild(double([item]), { startImmediately: true })
      const [one, two, three, nine] = [yield* call(1), yield* call(2), yield* call(3), yield* call(9)]
      while (batches.length === 0) yield* Effect.yieldNow
      yield* Fiber.interrupt(three)
      yield* Fiber.interrupt(one)
      assert.deepStrictEqual(ended, [])
      yield* Fiber.interrupt(two)
      assert.deepStrictEqual(yield* Fiber.join(nine), [9])
      assert.deepStrictEqual([batches, ended], [[[1, 2], [9]], [[1, 2]]])
    }).pipe(Effect.scoped))
})
