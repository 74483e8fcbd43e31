/**
 * What idle watchers cost, and how they are woken, by this process and by another one.
 * Guards whose removal turns this file red: the one query for all feeds, the shared read of a feed, the end
 * of the query while nobody waits, the events that are handed on in memory, the gap that sends a watcher to SQL, the news that a watcher missed while it read, the query that goes on after a fault, the
 * comparison with what a watcher has seen.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Logger, Stream } from "effect"
import { SqlClient, Statement } from "effect/sql"
import { FeedStore } from "../../../src/store/flows/FeedStore.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const embedded = TestDatabase.serverUrl === undefined

/** The statements on feeds since the process began, by what they ask. */
class Asked extends Context.Service<Asked, { polls: number; reads: number }>()("test/Asked") {}

const countingLayer = Layer.effect(
  Statement.CurrentTransformer,
  Effect.map(Asked, (asked): Statement.Transformer => (statement) =>
    Effect.sync(() => {
      const [text] = statement.compile(true)
      if (text.includes("FROM feeds WHERE")) asked.polls++
      if (text.includes("ORDER BY seq LIMIT")) asked.reads++
      return statement
    }))
)

/** A process of its own on the database: a store with its reader and its bell. */
const store = Effect.map(Layer.build(Layer.fresh(FeedStore.layer)), (built) => Context.get(built, FeedStore))

const TestLayer = countingLayer.pipe(
  Layer.provideMerge(Layer.sync(Asked, () => ({ polls: 0, reads: 0 }))),
  Layer.provideMerge(TestDatabase.layer)
)

const watched = (feeds: FeedStore["Service"], feedId: string, seq = 0) =>
  Effect.forkScoped(Stream.runCollect(feeds.watch(feedId, seq)), { startImmediately: true })

const entry = { kind: "step", data: {} }

const idle = 500

const numbers = Array.from({ length: idle }, (_, at) => at)

/** What is asked within two seconds. */
const askedMeanwhile = Effect.gen(function* () {
  const asked = yield* Asked
  const before = { ...asked }
  yield* Effect.sleep("2 seconds")
  return { polls: asked.polls - before.polls, reads: asked.reads - before.reads }
})

const test = <A, E>(
  body: Effect.Effect<A, E, Layer.Success<typeof TestLayer> | import("effect").Scope.Scope>
) => body.pipe(Effect.scoped, Effect.provide(TestLayer))

describe("the reader of the feeds", () => {
  for (
    const [what, feedOf] of [["one feed", () => "flow/one"], [
      "as many feeds",
      (n: number) => `flow/${n}`
    ]] as const
  ) {
    it.live(`asks once for ${idle} idle watchers of ${what}`, () =>
      test(Effect.gen(function* () {
        const feeds = yield* store
        yield* Effect.forEach(numbers, (n) => feeds.append(feedOf(n), entry), { concurrency: 4 })
        const watchers = yield* Effect.forEach(numbers, (n) => watched(feeds, feedOf(n), 1_000))
        yield* Effect.sleep("2 seconds")
        const { polls, reads } = yield* askedMeanwhile
        assert.isAtMost(polls, embedded ? 0 : 6)
        assert.strictEqual(reads, 0)
        yield* Effect.forEach(watchers, Fiber.interrupt, { concurrency: "unbounded" })
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual(yield* askedMeanwhile, { polls: 0, reads: 0 })
      })))
  }

  it.live("reads a feed once for all who wait for it", () =>
    test(Effect.gen(function* () {
      const feeds = yield* store
      const asked = yield* Asked
      const watchers = yield* Effect.forEach(numbers, () => watched(feeds, "flow/crowd"))
      yield* Effect.sleep("1 second")
      const before = asked.reads
      yield* feeds.append("flow/crowd", entry)
      yield* feeds.close("flow/crowd", {})
      for (const watcher of watchers) {
        const seen = yield* Fiber.join(watcher)
        assert.deepStrictEqual(seen.map(({ seq }) => seq), [1, 2])
      }
      assert.isAtMost(asked.reads - before, 10)
    })))

  it.live("asks for nothing that this process writes, but how the feed was closed", () =>
    test(Effect.gen(function* () {
      const feeds = yield* store
      const asked = yield* Asked
      const seen: Array<string> = []
      const watcher = yield* Effect.forkScoped(
        Stream.runForEach(
          feeds.watch("flow/own", 0),
          ({ data, kind, seq }) => Effect.sync(() => seen.push(`${seq} ${kind} ${JSON.stringify(data)}`))
        )
      )
      const until = (count: number) =>
        Effect.repeat(Effect.sleep("5 millis"), { until: () => seen.length >= count })
      yield* feeds.append("flow/own", entry)
      yield* until(1)
      const before = asked.reads
      for (let n = 2; n <= 20; n++) {
        yield* feeds.append("flow/own", { kind: "step", data: { n } })
        yield* until(n)
      }
      assert.strictEqual(asked.reads, before)
      yield* feeds.close("flow/own", {})
      yield* Fiber.join(watcher)
      assert.strictEqual(asked.reads, before + 1)
      assert.strictEqual(seen[19], `20 step {"n":20}`)
      assert.strictEqual(seen[20], "21 closed {}")
    })))

  it.live.skipIf(embedded)(
    "keeps the order when two processes write to a feed by turns",
    () =>
      test(Effect.gen(function* () {
        const [feeds, elsewhere] = [yield* store, yield* store]
        const watcher = yield* watched(feeds, "flow/turns")
        for (let n = 0; n < 20; n++) {
          yield* feeds.append("flow/turns", entry)
          if (n % 3 === 0) yield* elsewhere.append("flow/turns", entry)
        }
        yield* elsewhere.close("flow/turns", {})
        const seen = yield* Fiber.join(watcher)
        assert.deepStrictEqual(seen.map(({ seq }) => seq), Array.from({ length: 28 }, (_, at) => at + 1))
      }))
  )

  it.live("misses nothing that this process writes while a watcher reads", () =>
    test(Effect.gen(function* () {
      const feeds = yield* store
      const watcher = yield* watched(feeds, "flow/busy")
      const began = performance.now()
      for (let n = 0; n < 200; n++) yield* feeds.append("flow/busy", entry)
      yield* feeds.close("flow/busy", {})
      const seen = yield* Fiber.join(watcher)
      assert.deepStrictEqual(seen.map(({ seq }) => seq), Array.from({ length: 201 }, (_, at) => at + 1))
      assert.isBelow(performance.now() - began, 60_000)
    })))

  it.live.skipIf(embedded)("wakes for what another process writes", () =>
    test(Effect.gen(function* () {
      const [feeds, elsewhere] = [yield* store, yield* store]
      const watcher = yield* watched(feeds, "flow/far")
      yield* Effect.sleep("500 millis")
      yield* elsewhere.close("flow/far", {})
      const waited = yield* Effect.timed(Fiber.join(watcher))
      assert.deepStrictEqual(waited[1].map(({ seq }) => seq), [1])
    })))

  it.live.skipIf(embedded)(
    "reports a fault once, and goes on when it is over",
    () =>
      Effect.gen(function* () {
        const logged: Array<string> = []
        const log = Logger.layer([
          Logger.make(({ logLevel, message }) =>
            void (logLevel === "Error" ? logged.push(String(message)) : 0)
          )
        ])
        yield* test(Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const [feeds, elsewhere] = [yield* store, yield* store]
          const watcher = yield* watched(feeds, "flow/fault")
          yield* Effect.sleep("500 millis")
          yield* sql`ALTER TABLE feeds RENAME TO feeds_away`
          yield* Effect.sleep("1 second")
          yield* sql`ALTER TABLE feeds_away RENAME TO feeds`
          yield* elsewhere.close("flow/fault", {})
          assert.lengthOf(yield* Fiber.join(watcher), 1)
        })).pipe(Effect.provide(log))
        assert.lengthOf(logged.filter((line) => line.includes("feeds cannot be read")), 1)
      })
  )
})
