/**
 * A core whose shards or messages do not move is not ready, and says why.
 * Guards whose removal turns this file red: each condition of each sentence about the locks; of the oldest message, that it
 * is of a shard of this process, is not processed, was not given to the read loop, was due for so long, and stayed the
 * oldest for so long; the sentences about messages that cannot be read, or not in time.
 */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { MachineId, Snowflake, SqlMessageStorage } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import * as LocksReadiness from "../../../src/cluster/runners/LocksReadiness.ts"
import { MailboxNews } from "../../../src/cluster/mailbox/MailboxStorage.ts"
import { type LocksState, ShardLocks } from "../../../src/cluster/runners/ShardLocks.ts"
import { ReadinessFault } from "../../../src/http/Health.ts"
import { spent } from "../../support/PassingTime.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const database = Layer.provideMerge(
  SqlMessageStorage.layerMigrations({}),
  TestDatabase.layer
)

/** What readiness says of these locks, asked as often as it is called, at the time that it is given. */
const asked = Effect.fnUntraced(function* () {
  const healthy: LocksState = { held: ["default:1"], provedAt: 0, missing: undefined, isTwin: false }
  let state = healthy
  let now = 0
  const mailboxes = Layer.succeed(MailboxNews, {
    arrived: Effect.void,
    given: Effect.sync(() => [...given])
  })
  const known = Layer.mock(ShardLocks)({
    state: Effect.sync(() => state),
    isAlive: () => true,
    setRivals: () => {}
  })
  const context = yield* Layer.build(Layer.provide(LocksReadiness.layerAt(() => now), [known, mailboxes]))
  return (at: number, change: Partial<LocksState> = {}) =>
    Effect.suspend(() => {
      now = at
      state = { ...healthy, provedAt: at, ...change }
      return Effect.provide(Effect.flatten(ReadinessFault), context)
    })
})

/** What the read loop was given. */
const given = new Set<string>()

const message = Effect.fnUntraced(function* (
  id: number,
  change: {
    readonly shard?: string
    readonly read?: boolean
    readonly processed?: boolean
    readonly dueIn?: number
  } = {}
) {
  const sql = yield* SqlClient.SqlClient
  const snowflake = Snowflake.make({
    machineId: MachineId.make(1),
    sequence: id,
    timestamp: Date.now() - 60_000
  })
  if (change.read === true) given.add(String(snowflake))
  yield* sql`
    INSERT INTO cluster_messages (id, shard_id, entity_type, entity_id, kind, tag, payload, headers, request_id, processed,
      deliver_at)
    VALUES (${String(snowflake)}::bigint, ${
    change.shard ?? "default:1"
  }, 'Ticket', '1', 0, 'Generated', '{}', '{}',
      ${String(snowflake)}::bigint, ${change.processed ?? false}, ${
    change.dueIn === undefined ? null : Date.now() + change.dueIn
  }::bigint)`
})

const clear = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`DELETE FROM cluster_messages`)

layer(database, { excludeTestServices: true })("a core on PostgreSQL", (it) => {
  it.effect("is not ready when its locks are not confirmed for fifteen seconds", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      assert.isUndefined(yield* ask(15_000, { provedAt: 0 }))
      assert.include(yield* ask(15_001, { provedAt: 0 }), "has not confirmed the locks")
    }).pipe(Effect.scoped))

  it.effect("is not ready when others hold its shards, as long as it still wants them", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      const missing = { since: 0, seen: 15_000, count: 3 }
      assert.isUndefined(yield* ask(15_000, { missing }))
      assert.include(yield* ask(15_001, { missing }), "3 shards of this process are locked by another")
      assert.isUndefined(yield* ask(30_001, { missing }))
    }).pipe(Effect.scoped))

  it.effect("is not ready without a shard: at once beside a process of its address, else after fifteen seconds", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      assert.isUndefined(yield* ask(0, { held: [] }))
      assert.include(yield* ask(1, { held: [], isTwin: true }), "GUICHET_RUNNER_PORT")
      assert.isUndefined(yield* ask(2, { isTwin: true }))
      assert.isUndefined(yield* ask(3, { held: [] }))
      assert.include(yield* ask(15_004, { held: [] }), "has held no shard for 15 seconds")
      assert.isUndefined(yield* ask(15_005))
      assert.isUndefined(yield* ask(15_006, { held: [] }))
    }).pipe(Effect.scoped))

  it.effect("is not ready when one message stays the oldest that nobody has read", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      yield* message(1)
      assert.isUndefined(yield* ask(0))
      assert.isUndefined(yield* ask(29_999))
      assert.match((yield* ask(30_000)) ?? "", /oldest message of this process has waited for 6\d seconds/)
      yield* clear
      yield* message(2)
      assert.isUndefined(yield* ask(60_000))
      yield* clear
      yield* message(3, { read: true })
      yield* message(4, { shard: "default:2" })
      yield* message(5, { dueIn: 3_600_000 })
      yield* message(6, { processed: true })
      yield* message(7, { dueIn: -1 })
      assert.isUndefined(yield* ask(90_000))
      assert.isUndefined(yield* ask(150_000))
      yield* clear
    }).pipe(Effect.scoped))

  it.effect("is not ready when its messages cannot be read", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      const sql = yield* SqlClient.SqlClient
      yield* sql`ALTER TABLE cluster_messages RENAME TO away`
      assert.include(yield* ask(0), "cannot be read")
      yield* sql`ALTER TABLE away RENAME TO cluster_messages`
      assert.isUndefined(yield* ask(1))
    }).pipe(Effect.scoped))

  it.effect("is not ready when its messages are not read within two seconds", () =>
    Effect.gen(function* () {
      const ask = yield* asked()
      const sql = yield* SqlClient.SqlClient
      const [locked, leave] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const holder = yield* Effect.forkChild(sql.withTransaction(
        sql`LOCK TABLE cluster_messages IN ACCESS EXCLUSIVE MODE`.pipe(
          Effect.andThen(Deferred.succeed(locked, undefined)),
          Effect.andThen(Deferred.await(leave))
        )
      ))
      yield* Deferred.await(locked)
      const fault = yield* ask(0).pipe(spent("1 second"), Effect.provide(TestClock.layer()))
      assert.include(fault, "cannot be read within two seconds")
      yield* Deferred.succeed(leave, undefined)
      yield* Fiber.join(holder)
    }).pipe(Effect.scoped))
})
