/**
 * A stream of server-sent events as its client has it. Guards whose removal turns this file red: the heartbeat, the end
 * when the process leaves, the silence about a fault.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Layer, Logger, Stream } from "effect"
import { HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { TestClock } from "effect/testing"
import type { FeedEvent } from "../../rpc/Feed.ts"
import { FeedStream } from "../../src/http/Shapes.ts"
import { Drain } from "../../src/http/Drain.ts"
import { live } from "../../src/http/Sse.ts"
import { toWebHandler } from "../../src/http/ServerRules.ts"

const Api = HttpApi.make("watched").add(
  HttpApiGroup.make("feeds").add(HttpApiEndpoint.get("feed", "/feed", { success: FeedStream }))
)

const event = (seq: number): FeedEvent => ({
  seq,
  at: DateTime.makeUnsafe(0),
  kind: "step",
  data: { name: "guests" }
})

const text = (seq: number) =>
  `id: ${seq}\nevent: step\ndata: {"at":"1970-01-01T00:00:00.000Z","name":"guests"}\n\n`

/** Asks for this feed; answers what its client reads next. */
const watching = Effect.fnUntraced(function* (feed: Stream.Stream<FeedEvent>) {
  const drain = yield* Drain
  const handlers = HttpApiBuilder.group(
    Api,
    "feeds",
    (handlers) => Effect.succeed(handlers.handleAll({ feed: () => live(drain, Effect.succeed(feed)) }))
  )
  const handler = yield* toWebHandler(HttpApiBuilder.layer(Api).pipe(Layer.provide(handlers)))
  const response = yield* Effect.promise(() => handler(new Request("http://localhost/feed")))
  assert.strictEqual(response.headers.get("content-type"), "text/event-stream")
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  return Effect.map(Effect.promise(() => reader.read()), ({ value }) => value)
})

const Env = Layer.merge(Drain.layer, HttpServer.layerServices)

describe("a stream as it is served", () => {
  it.effect("says every fifteen seconds that it is there, so that no proxy cuts it", () =>
    Effect.gen(function* () {
      const next = yield* watching(Stream.concat(Stream.make(event(1)), Stream.never))
      assert.strictEqual(yield* next, text(1))
      for (let beat = 0; beat < 3; beat++) {
        const heard = yield* Effect.forkChild(next, { startImmediately: true })
        yield* TestClock.adjust("14 seconds")
        assert.isUndefined(heard.pollUnsafe())
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(heard), ": keep-alive\n\n")
      }
    }).pipe(Effect.scoped, Effect.provide(Env)))

  it.effect("ends when the process leaves", () =>
    Effect.gen(function* () {
      const next = yield* watching(Stream.concat(Stream.make(event(1), event(2)), Stream.never))
      assert.deepStrictEqual([yield* next, yield* next], [text(1), text(2)])
      const end = yield* Effect.forkChild(next, { startImmediately: true })
      yield* (yield* Drain).leave
      assert.isUndefined(yield* Fiber.join(end))
    }).pipe(Effect.scoped, Effect.provide(Env)))

  it.effect("ends with its feed", () =>
    Effect.gen(function* () {
      const next = yield* watching(Stream.make(event(1)))
      assert.deepStrictEqual([yield* next, yield* next], [text(1), undefined])
    }).pipe(Effect.scoped, Effect.provide(Env)))

  it.effect("ends at a fault of ours, which is logged once and told to nobody", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const log = Logger.layer([
        Logger.make(({ logLevel, message }) => void logged.push(`${logLevel} ${message}`))
      ])
      yield* Effect.gen(function* () {
        const fault = Stream.die(new Error("connection of jean@example.com"))
        const next = yield* watching(Stream.concat(Stream.make(event(1)), fault))
        assert.deepStrictEqual([yield* next, yield* next], [text(1), undefined])
      }).pipe(Effect.provide(log))
      assert.lengthOf(logged, 1)
      assert.match(logged[0]!, /^Error The request failed on our side/)
    }).pipe(Effect.scoped, Effect.provide(Env)))
})
