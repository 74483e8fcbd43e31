/**
 * The locks of shards on a real PostgreSQL, without the cluster above them: who holds what, and what becomes of it when
 * the session that holds them is lost.
 * Guards whose removal turns this file red: that locks are taken again, the owner in `shard_owners`, that nothing is kept
 * beside a runner that notes nothing there, and, by the limit of a test, that a marked runner lives by its lock and not by
 * its heartbeat, and that its silent transactions are ended, and no session without one. Not tried: how long they are silent.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Option, Schedule } from "effect"
import {
  Runner,
  RunnerAddress,
  RunnerStorage,
  ShardId,
  ShardingConfig,
  SqlRunnerStorage
} from "effect/cluster"
import { SqlClient } from "effect/sql"
import * as LockedRunnerStorage from "../../../src/cluster/runners/LockedRunnerStorage.ts"
import { ShardLocks } from "../../../src/cluster/runners/ShardLocks.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const config = (port: number) =>
  ShardingConfig.layer({
    runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", port)),
    shardsPerGroup: 64
  })

/** A runner's storage, as long as the test's scope is open. */
const runner = Effect.fnUntraced(function* (port: number, kind: "ours" | "stock" = "ours") {
  const storage = kind === "ours"
    ? LockedRunnerStorage.layer
    : Layer.merge(SqlRunnerStorage.layer, ShardLocks.layer)
  const built = yield* Layer.build(Layer.fresh(storage).pipe(Layer.provide(config(port))))
  const address = RunnerAddress.make("127.0.0.1", port)
  const { acquire, getRunners, refresh, register, release, releaseAll, unregister } = Context.get(
    built,
    RunnerStorage.RunnerStorage
  )
  const names = (shards: ReadonlyArray<ShardId.ShardId>) => shards.map(({ id }) => id).sort((a, b) => a - b)
  const shards = (...ids: ReadonlyArray<number>) => ids.map((id) => ShardId.make("default", id))
  return {
    register: Effect.orDie(register(Runner.make({ address, groups: ["default"], weight: 1 }), true)),
    others: Effect.map(getRunners, (all) => all.map(([{ address }]) => address.port).sort((a, b) => a - b)),
    acquire: (...ids: ReadonlyArray<number>) => Effect.map(acquire(address, shards(...ids)), names),
    holds: (...ids: ReadonlyArray<number>) => Effect.map(refresh(address, shards(...ids)), names),
    release: (id: number) => release(address, ShardId.make("default", id)),
    releaseAll: releaseAll(address),
    forget: unregister(address),
    provedAt: Effect.map(
      Effect.suspend(() => Context.get(built, ShardLocks).state),
      ({ provedAt }) => provedAt
    )
  }
})

/** The sessions of locks, oldest first. */
const sessions = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) =>
    sql<{ pid: number }>`
      SELECT pid FROM pg_stat_activity
      WHERE application_name = 'guichet locks' AND datname = current_database() ORDER BY backend_start`
).pipe(Effect.map((rows) => rows.map(({ pid }) => pid)))

/** How many transactions wait for their process. */
const silentTransactions = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) =>
    sql`
      SELECT 1 FROM pg_stat_activity WHERE application_name = 'guichet' AND datname = current_database()
        AND state = 'idle in transaction'`
).pipe(Effect.map((rows) => rows.length))

const terminate = (pid: number) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT pg_terminate_backend(${pid})`)

/** Waits, without a limit of its own. */
const until = <A, E, R>(work: Effect.Effect<A, E, R>, enough: (value: A) => boolean) =>
  Effect.repeat(work, { until: enough, schedule: Schedule.spaced("20 millis") })

const replaced = Effect.fnUntraced(function* (before: ReadonlyArray<number>) {
  yield* until(sessions, (now) => now.length === before.length && now.some((pid) => !before.includes(pid)))
})

const all = Array.from({ length: 64 }, (_, at) => at + 1)

describe.skipIf(TestDatabase.serverUrl === undefined)("the locks of shards", () => {
  layer(TestDatabase.layerPostgres, { excludeTestServices: true })((it) => {
    it.effect("are held by one runner at a time, of this version or of one with Effect's own storage", () =>
      Effect.gen(function* () {
        const ours = yield* runner(1)
        const stock = yield* runner(2, "stock")
        assert.deepStrictEqual(yield* ours.acquire(...all.slice(0, 40)), all.slice(0, 40))
        assert.deepStrictEqual(yield* stock.acquire(...all), all.slice(40))
        assert.deepStrictEqual(yield* ours.acquire(...all), all.slice(0, 40))
        yield* ours.release(1)
        assert.deepStrictEqual(yield* stock.acquire(1, 2), [1])
        assert.deepStrictEqual(yield* ours.holds(1, 2), [2])
        yield* stock.releaseAll
        assert.deepStrictEqual(yield* ours.acquire(...all), all)
        yield* ours.releaseAll
        assert.deepStrictEqual(yield* stock.acquire(...all), all)
      }).pipe(Effect.scoped))

    it.effect("are free when the runner has gone", () =>
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(runner(1), ({ acquire }) => acquire(...all)))
        const next = yield* runner(2)
        yield* until(next.acquire(...all), (held) => held.length === all.length)
      }).pipe(Effect.scoped))

    it.effect("are confirmed while the table of runners is locked", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const one = yield* runner(1)
        yield* one.register
        yield* one.acquire(1, 2)
        yield* sql.withTransaction(Effect.gen(function* () {
          yield* sql`LOCK TABLE cluster_runners IN ACCESS EXCLUSIVE MODE`
          const locked = performance.now()
          yield* until(one.provedAt, (at) => at > locked)
          assert.deepStrictEqual(yield* one.holds(2), [2])
        }))
      }).pipe(Effect.scoped))

    it.effect("are still held after their session is terminated, as long as nobody took them", () =>
      Effect.gen(function* () {
        const one = yield* runner(1)
        yield* one.register
        yield* one.acquire(...all)
        for (let nth = 0; nth < 3; nth++) {
          const before = yield* sessions
          yield* terminate(before[0]!)
          assert.deepStrictEqual(yield* one.holds(...all), all)
          yield* replaced(before)
          assert.deepStrictEqual(yield* one.holds(5), [5])
        }
        const other = yield* runner(2)
        assert.deepStrictEqual(yield* other.acquire(...all), [])
      }).pipe(Effect.scoped))

    it.effect("are lost with their session when another took them in between", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const one = yield* runner(1)
        yield* one.register
        yield* one.acquire(...all)
        yield* sql`UPDATE shard_owners SET owner = 'another' WHERE shard_id = 'default:7'`
        const before = yield* sessions
        yield* terminate(before[0]!)
        yield* replaced(before)
        assert.deepStrictEqual(yield* one.holds(7), [])
        assert.deepStrictEqual(yield* one.holds(...all), all.filter((id) => id !== 7))
        const other = yield* runner(2)
        yield* until(other.acquire(7), (held) => held.length === 1)
      }).pipe(Effect.scoped))

    it.effect("are lost with their session beside a runner that notes nothing", () =>
      Effect.gen(function* () {
        const one = yield* runner(1)
        const stock = yield* runner(2, "stock")
        yield* one.register
        yield* stock.register
        yield* one.acquire(...all)
        const before = yield* sessions
        yield* terminate(before[0]!)
        yield* replaced(before)
        assert.deepStrictEqual(yield* one.holds(9), [])
        yield* stock.forget
      }).pipe(Effect.scoped))

    it.effect("answer a hundred who ask at once, without a statement each", () =>
      Effect.gen(function* () {
        const one = yield* runner(1)
        yield* one.acquire(...all)
        const before = yield* one.provedAt
        yield* until(one.provedAt, (at) => at > before)
        const answers = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, at) => at % 64 + 1),
          (id) => Effect.zip(one.holds(id), one.provedAt),
          { concurrency: "unbounded" }
        )
        assert.isTrue(answers.every(([held]) => held.length === 1))
        assert.isAtMost(new Set(answers.map(([, at]) => at)).size, 2)
      }).pipe(Effect.scoped))

    it.effect("tell of a runner's end within two looks, of one with a heartbeat alone after six seconds, and end what it held up", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const one = yield* runner(1)
        yield* one.register
        yield* Effect.scoped(Effect.gen(function* () {
          const two = yield* runner(2)
          yield* two.register
          const stock = yield* runner(3, "stock")
          yield* stock.register
          yield* until(one.others, (ports) => ports.join() === "1,2,3")
          yield* until(stock.others, (ports) => ports.join() === "1,2,3")
          yield* sql`
            UPDATE cluster_runners SET last_heartbeat = now() + interval '1 hour' WHERE address = '127.0.0.1:2'`
        }))
        const idle = yield* sql.reserve
        const pid = idle.executeValues("SELECT pg_backend_pid()", [])
        const before = yield* pid
        const leave = yield* Deferred.make<void>()
        const frozen = yield* Effect.forkChild(Effect.exit(sql.withTransaction(
          Effect.andThen(sql`SELECT 1 FROM cluster_runners FOR UPDATE`, Deferred.await(leave))
        )))
        yield* until(silentTransactions, (count) => count === 1)
        yield* until(one.others, (ports) => !ports.includes(2))
        yield* until(one.others, (ports) => ports.length === 1)
        yield* until(Effect.andThen(one.others, silentTransactions), (count) => count === 0)
        yield* Deferred.succeed(leave, undefined)
        assert.isTrue(Exit.isFailure(yield* Fiber.join(frozen)))
        assert.deepStrictEqual(yield* pid, before)
      }).pipe(Effect.scoped))
  })
})
