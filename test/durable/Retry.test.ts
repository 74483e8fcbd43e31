/**
 * Durable work waits for the database as long as its fault is one that passes.
 * Guards whose removal turns this file red: the end of doubt, the waiting without an end, the warning a minute, and that
 * what is final is not tried again.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Logger, References } from "effect"
import { PersistenceError } from "effect/cluster/ClusterError"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { retryTransient } from "../../src/durable/Retry.ts"

const fault = (code: string) =>
  new SqlError({
    reason: new UnknownError({ cause: Object.assign(new Error(code), { code }), message: code })
  })

/** Fails with this until so much time has passed. */
const failing = (code: string, hours: number) =>
  Effect.gen(function* () {
    const runs = { count: 0 }
    const now = yield* Effect.clockWith((clock) => Effect.succeed(() => clock.currentTimeMillisUnsafe()))
    const ends = now() + Duration.toMillis(Duration.hours(hours))
    const work = Effect.suspend(() => {
      runs.count++
      return now() < ends ? Effect.die(new PersistenceError({ cause: fault(code) })) : Effect.succeed("done")
    })
    return { runs, work }
  })

const quietly = Effect.provideService(References.MinimumLogLevel, "None")

const settled = (code: string, hours: number) =>
  Effect.gen(function* () {
    const { runs, work } = yield* failing(code, hours)
    const fiber = yield* Effect.forkChild(Effect.exit(retryTransient(work)))
    yield* TestClock.adjust(Duration.hours(hours + 0.2))
    return { exit: yield* Fiber.join(fiber), runs: runs.count }
  }).pipe(quietly)

describe("durable work", () => {
  it.effect("waits out what passes, for hours if need be", () =>
    Effect.gen(function* () {
      const { exit } = yield* settled("25006", 2)
      assert.deepStrictEqual(exit, Exit.succeed("done"))
    }))

  it.effect("waits out for an hour what may or may not pass", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* settled("XX000", 0.9)).exit, Exit.succeed("done"))
      assert.isTrue(Exit.isFailure((yield* settled("XX000", 1.1)).exit))
    }))

  it.effect("does not try again what is final", () =>
    Effect.gen(function* () {
      const { exit, runs } = yield* settled("23505", 0.1)
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(runs, 1)
    }))

  it.effect("warns once a minute that it waits, without a word of the fault's text", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const { work } = yield* failing("53300", 0.5)
      const logger = Logger.make(({ message }) => lines.push(JSON.stringify(message)))
      const fiber = yield* Effect.forkChild(Effect.provide(retryTransient(work), Logger.layer([logger])))
      yield* TestClock.adjust("31 minutes")
      yield* Fiber.join(fiber)
      assert.isAtLeast(lines.length, 25)
      assert.isAtMost(lines.length, 30)
      for (const line of lines) assert.match(line, /Waiting for the database.*passes.*53300/)
    }))
})
