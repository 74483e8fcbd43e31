/** Feeds are numbered without a gap, end once, and can be resumed after any event, the last included. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { FeedStore } from "../../src/store/FeedStore.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const entry = (n: number) => ({ kind: "step", data: { n } })

const read = (feedId: string, seq: number) =>
  FeedStore.pipe(
    Effect.flatMap((feeds) => Stream.runCollect(feeds.watch(feedId, seq))),
    Effect.map((events) => events.map(({ kind, seq }) => `${seq} ${kind}`))
  )

const TestLayer = FeedStore.layer.pipe(Layer.provide(TestDatabase.layer))

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
      const numbers = Array.from({ length: 40 }, (_, at) => at + 1)
      yield* Effect.forEach(numbers, (n) => feeds.append("flow/3", entry(n)), { concurrency: "unbounded" })
      yield* feeds.close("flow/3", {})
      assert.deepStrictEqual(yield* Fiber.join(reading), [...numbers.map((n) => `${n} step`), "41 closed"])
    }))
})
