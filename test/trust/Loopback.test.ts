/** Services of this process answer without a socket, also those that are still being built. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { HttpClientRequest } from "effect/http"
import { Loopback, overHandler } from "../../src/trust/Loopback.ts"

const ask = Effect.gen(function* () {
  const handler = (yield* Loopback).find("core")
  assert.isDefined(handler)
  return yield* overHandler(handler).execute(HttpClientRequest.get("http://core/api/who"))
})

const answering = () => Promise.resolve(new Response("core"))

describe("the loopback", () => {
  it.live("holds requests to an expected service until it is there", () =>
    Effect.gen(function* () {
      const loopback = yield* Loopback
      yield* loopback.expect(["core"])
      const asked = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* loopback.register("core", answering)
      assert.strictEqual(yield* (yield* Fiber.join(asked)).text, "core")
      assert.strictEqual(yield* (yield* ask).text, "core")
    }).pipe(Effect.provide(Loopback.layer)))

  it.live("finds nothing for a service that is neither registered nor expected", () =>
    Effect.gen(function* () {
      const loopback = yield* Loopback
      yield* loopback.register("core", answering)
      yield* loopback.expect(["core"])
      assert.strictEqual(loopback.find("core"), answering)
      assert.isUndefined(loopback.find("payments"))
    }).pipe(Effect.provide(Loopback.layer)))
})
