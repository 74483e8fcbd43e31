/**
 * A statement that waited for the gate's lock decides on what is true once it has it, not when it began.
 * Guards whose removal turns this file red: the lock of the occupancy in `FreshAdmission`, and the version of the event
 * in both statements and in the trigger on `events`.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Deferred, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { decideBatch } from "../../src/gate/Batch.ts"
import { ScanStore } from "../../src/gate/ScanStore.ts"
import { occupancy, publish, scanOf } from "../support/GateFixture.ts"
import { stores } from "../support/Rivals.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

/** Returns once a statement of this database waits for a lock. */
const someoneWaits = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const look = Effect.andThen(
    sql`SELECT pg_stat_clear_snapshot()`,
    sql`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  )
  yield* Effect.repeat(look, { until: (rows) => rows.length > 0 })
})

/** What `late` answers when it begins while a transaction holds the gate, which does `meanwhile` and is committed. */
const after = Effect.fnUntraced(function* <A, E, R, E2, R2>(
  holding: Effect.Effect<unknown, E2, R2>,
  late: Effect.Effect<A, E, R>,
  meanwhile: Effect.Effect<unknown, E2, R2>
) {
  const sql = yield* SqlClient.SqlClient
  const held = yield* Deferred.make<void>()
  const waiter = yield* Effect.forkChild(Effect.andThen(Deferred.await(held), late))
  yield* holding.pipe(
    Effect.andThen(Deferred.succeed(held, undefined)),
    Effect.andThen(someoneWaits),
    Effect.andThen(meanwhile),
    sql.withTransaction
  )
  return yield* Fiber.join(waiter)
})

/** Admits by one statement, on the event as it is now. */
const fresh = Effect.fnUntraced(function* (eventId: number, now: DateTime.Utc) {
  const store = yield* ScanStore
  const { event } = yield* store.load(eventId, [])
  return (code: string) =>
    store.admitFresh({ eventId, event: event!, scans: [scanOf(eventId, code)], now, refusalsOf: () => 0 })
})

describe.skipIf(TestDatabase.serverUrl === undefined)("a gate that waited for another", () => {
  const house = <A, E>(test: Effect.Effect<A, E, Layer.Success<ReturnType<typeof stores>>>) =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.freshUrl()
      yield* Effect.provide(test, yield* Layer.build(stores(url)))
    })

  it.live("does not take the last place a second time", () =>
    house(Effect.gen(function* () {
      const [first, second] = yield* publish(1, 2, { max_attendees: 1 })
      const now = yield* DateTime.now
      const admit = yield* fresh(1, now)
      const late = yield* after(admit(first!.code), admit(second!.code), Effect.void)
      assert.strictEqual(late.size, 0)
      assert.deepStrictEqual(yield* occupancy(1), { inside: 1, entered: 1, tickets: 1 })
    })), 30_000)

  it.live("lets nobody into an event that was canceled meanwhile", () =>
    house(Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const store = yield* ScanStore
      const now = yield* DateTime.now
      const holding = (eventId: number) =>
        sql`SELECT 1 FROM gates_occupancy WHERE event_id = ${eventId} FOR UPDATE`
      const canceling = (eventId: number) =>
        sql`UPDATE events SET status = 'canceled' WHERE event_id = ${eventId}`

      const [unused] = yield* publish(1, 1)
      const admit = yield* fresh(1, now)
      assert.strictEqual((yield* after(holding(1), admit(unused!.code), canceling(1))).size, 0)
      const [read] = yield* publish(2, 1)
      const scans = [scanOf(2, read!.code)]
      const { writes } = decideBatch(2, yield* store.load(2, scans), scans, now)
      assert.isFalse(yield* after(holding(2), store.commit(2, writes), canceling(2)))
    })), 30_000)
})
