/**
 * Feeds are numbered without a gap, end once, and can be resumed after any event, the last included.
 * Guards whose removal turns this file red: the closed row that takes nothing, what `reopen` changes, the first closing
 * event that ends a watcher, the bell that waits for the commit.
 */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { FeedStore } from "../../../src/store/flows/FeedStore.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const entry = (n: number) => ({ kind: "step", data: { n } })

const numbered = (count: number) => Array.from({ length: count }, (_, at) => at + 1)

const read = (feedId: string, seq: number) =>
  FeedStore.pipe(
    Effect.flatMap((feeds) => Stream.runCollect(feeds.watch(feedId, seq))),
    Effect.map((events) => events.map(({ kind, seq }) => `${seq} ${kind}`))
  )

/** Writes in a transaction that is open until `commit`. */
const uncommitted = Effect.fnUntraced(function* (write: Effect.Effect<void>) {
  const sql = yield* SqlClient.SqlClient
  const [written, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const writing = yield* Effect.forkChild(
    sql.withTransaction(write.pipe(
      Effect.andThen(Deferred.succeed(written, undefined)),
      Effect.andThen(Deferred.await(go))
    ))
  )
  yield* Deferred.await(written)
  return { commit: Effect.andThen(Deferred.succeed(go, undefined), Fiber.join(writing)) }
})

/** Returns when somebody waits for a lock. */
const queued: Effect.Effect<unknown, never, SqlClient.SqlClient> = SqlClient.SqlClient.pipe(
  Effect.flatMap((sql) =>
    sql`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  ),
  Effect.orDie,
  Effect.repeat({ until: (rows) => rows.length > 0 })
)

const TestLayer = FeedStore.layer.pipe(Layer.provideMerge(TestDatabase.layer))

/** The embedded database has one session: nobody is beside a transaction. */
const embedded = TestDatabase.serverUrl === undefined

layer(TestLayer, { excludeTestServices: true })("a feed", (it) => {
  it.effect("takes nothing after its closing event, which it takes once", () =>
    Effect.gen(function* () {
      const feeds = yield* FeedStore
      yield* feeds.append("flow/1", entry(1), entry(2))
      yield* feeds.close("flow/1", { status: "completed" })
      yield* feeds.append("flow/1", entry(3))
      yield* feeds.close("flow/1", { status: "completed" })
      assert.deepStrictEqual(yield* read("flow/1", 0), ["1 step", "2 step", "3 closed"])
    }))

  it.effect("ends at once for whoever resumes after its closing event", () =>
    Effect.gen(function* () {
      const feeds = yield* FeedStore
      yield* feeds.append("flow/2", entry(1))
      yield* feeds.close("flow/2", {})
      assert.deepStrictEqual(yield* read("flow/2", 1), ["2 closed"])
      assert.deepStrictEqual(yield* read("flow/2", 2), [])
    }))

  it.effect("numbers what many append at once without a gap or a double", () =>
    Effect.gen(function* () {
      const feeds = yield* FeedStore
      const reading = yield* Effect.forkChild(read("flow/3", 0), { startImmediately: true })
      const numbers = numbered(40)
      yield* Effect.forEach(numbers, (n) => feeds.append("flow/3", entry(n)), { concurrency: "unbounded" })
      yield* feeds.close("flow/3", {})
      assert.deepStrictEqual(yield* Fiber.join(reading), [...numbers.map((n) => `${n} step`), "41 closed"])
    }))

  it.effect("opens again, and reads on for whoever saw it closed", () =>
    Effect.gen(function* () {
      const feeds = yield* FeedStore
      yield* feeds.close("flow/4", {})
      yield* feeds.reopen("flow/4")
      yield* feeds.append("flow/4", entry(1))
      yield* feeds.close("flow/4", {})
      assert.deepStrictEqual(yield* read("flow/4", 0), ["1 ended", "2 step", "3 closed"])
      assert.deepStrictEqual(yield* read("flow/4", 1), ["2 step", "3 closed"])
    }))

  it.effect("ends with its first closing event, whatever stands behind it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`
        INSERT INTO feed_events (feed_id, seq, kind, data)
        VALUES ('flow/5', 1, 'step', '{}'), ('flow/5', 2, 'closed', '{}'), ('flow/5', 3, 'step', '{}')`
      assert.deepStrictEqual(yield* read("flow/5", 0), ["1 step", "2 closed"])
      assert.deepStrictEqual(yield* read("flow/5", 3), [])
    }))

  it.effect.skipIf(embedded)(
    "takes nothing that waited for its closing event to be committed",
    () =>
      Effect.gen(function* () {
        const feeds = yield* FeedStore
        yield* feeds.append("flow/6", entry(1))
        const { commit } = yield* uncommitted(feeds.close("flow/6", {}))
        const late = yield* Effect.forkChild(feeds.append("flow/6", entry(2)))
        yield* queued
        yield* commit
        yield* Fiber.join(late)
        const events = yield* feeds.after("flow/6", 0)
        assert.deepStrictEqual(events.map(({ kind }) => kind), ["step", "closed"])
      })
  )
})

/** The reader's clock stands still: what wakes a watcher is the bell. */
const StillLayer = FeedStore.layer.pipe(
  Layer.provide(TestClock.layer()),
  Layer.provideMerge(TestDatabase.layer)
)

layer(StillLayer, { excludeTestServices: true })("a feed that nobody reads by the clock", (it) => {
  it.effect.skipIf(embedded)(
    "wakes its watchers when what was written can be seen",
    () =>
      Effect.gen(function* () {
        const feeds = yield* FeedStore
        const reading = yield* Effect.forkChild(read("flow/7", 0), { startImmediately: true })
        const looked = Effect.forEach(numbered(200), () => feeds.after("flow/7", 0), { concurrency: 20 })
        yield* looked
        const { commit } = yield* uncommitted(feeds.close("flow/7", {}))
        yield* looked
        yield* commit
        assert.deepStrictEqual(yield* Fiber.join(reading), ["1 closed"])
      })
  )
})
