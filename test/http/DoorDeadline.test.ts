/**
 * Nobody waits longer than a client does.
 * Guards whose removal turns this file red: the time of a scan, that of a document, that of everything else.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, References } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { within } from "../../src/http/DoorDeadline.ts"

const times = {
  "/api/scans/validate": 4,
  "/api/scans/verify?x=1": 4,
  "/api/scans/batch": 60,
  "/files/tickets/1/1.pdf?expires=1": 60,
  "/api/events/1": 15
}

describe("a request that is not answered", () => {
  for (const [url, seconds] of Object.entries(times)) {
    it.effect(`to ${url} ends after ${seconds} seconds with 503, and its handler with it`, () =>
      Effect.gen(function* () {
        const request = HttpServerRequest.fromWeb(new Request(`http://localhost${url}`))
        let isInterrupted = false
        const never = Effect.onInterrupt(Effect.never, () =>
          Effect.sync(() => {
            isInterrupted = true
          }))
        const fiber = yield* Effect.forkChild(within(request, never))
        yield* TestClock.adjust(`${seconds - 1} seconds`)
        assert.isFalse(isInterrupted)
        yield* TestClock.adjust("2 seconds")
        const { headers, status } = yield* Fiber.join(fiber)
        assert.deepStrictEqual([status, headers["retry-after"], isInterrupted], [503, "2", true])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))
  }

  it.effect("in time is answered as it is", () =>
    Effect.gen(function* () {
      const request = HttpServerRequest.fromWeb(new Request("http://localhost/api/events/1"))
      const answer = yield* within(request, Effect.succeed(HttpServerResponse.empty({ status: 204 })))
      assert.strictEqual(answer.status, 204)
    }))
})
