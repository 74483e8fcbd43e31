/**
 * Nobody waits longer than a client does.
 * Guards whose removal turns this file red: the deadline itself, the interruption of what is late, the answer while that
 * goes on, the clock that stands still while a body comes, the time that a fast path took, the longer times.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, References } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { BegunAt, deadlineOf, within } from "../../src/http/Deadline.ts"

const usual = Duration.seconds(4)

const requestTo = (path: string, method = "GET", length = 300) =>
  HttpServerRequest.fromWeb(
    new Request(`http://localhost${path}`, { method, headers: { "content-length": String(length) } })
  )

const quietly = Effect.provideService(References.MinimumLogLevel, "None")

describe("the time of a request", () => {
  const times: ReadonlyArray<readonly [method: string, path: string, seconds: number, length?: number]> = [
    ["POST", "/api/scans/validate", 4],
    ["POST", "/api/payment-webhook-routes/", 4],
    ["GET", "/api/orchestration/flows/flow_1/events?after=2", 4],
    ["GET", "/api/tickets/generation-jobs", 4],
    ["POST", "/api/tickets/generation-jobs", 4],
    ["POST", "/api/tickets/generation-jobs/", 30, 90_000],
    ["POST", "/api/scans/batch", 30, 90_000],
    ["POST", "/api/orchestration/complete-flow", 30, 90_000],
    ["GET", "/api/events/1/tickets.pdf?lang=fr", 30],
    ["GET", "/files/tickets/1/1.pdf?expires=1", 30],
    ["POST", "/api/payments", 14],
    ["POST", "/api/notifications/send", 9]
  ]
  for (const [method, path, seconds, length] of times) {
    it(`${method} ${path} with ${length ?? "few"} bytes is ${seconds} seconds`, () => {
      assert.strictEqual(Duration.toSeconds(deadlineOf(requestTo(path, method, length), usual)), seconds)
    })
  }
})

describe("a request that is not answered in time", () => {
  it.effect("ends with 503, and its work is interrupted", () =>
    Effect.gen(function* () {
      let isInterrupted = false
      const never = Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          isInterrupted = true
        }))
      const fiber = yield* Effect.forkChild(within(requestTo("/api/events"), usual, () => never))
      yield* TestClock.adjust("3 seconds")
      assert.isFalse(isInterrupted)
      yield* TestClock.adjust("1 second")
      const { headers, status } = yield* Fiber.join(fiber)
      yield* Effect.yieldNow
      assert.deepStrictEqual([status, headers["retry-after"], isInterrupted], [503, "2", true])
    }).pipe(quietly))

  it.effect("ends although its work cannot be interrupted", () =>
    Effect.gen(function* () {
      const stuck = Effect.uninterruptible(Effect.never)
      const fiber = yield* Effect.forkChild(within(requestTo("/api/events"), usual, () => stuck))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 503)
    }).pipe(quietly))

  it.effect("is not one whose body still comes", () =>
    Effect.gen(function* () {
      const slowBody = Effect.sleep("50 seconds")
      const answer = Effect.succeed(HttpServerResponse.empty({ status: 202 }))
      const reads = (rest: typeof answer) =>
        within(
          requestTo("/api/events", "PUT"),
          usual,
          (whileReading) => Effect.andThen(whileReading(slowBody), rest)
        )
      const inTime = yield* Effect.forkChild(reads(Effect.delay(answer, "3 seconds")))
      const late = yield* Effect.forkChild(reads(Effect.never))
      yield* TestClock.adjust("53 seconds")
      assert.strictEqual((yield* Fiber.join(inTime)).status, 202)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(late)).status, 503)
    }).pipe(quietly))

  it.effect("has no time left when a fast path took it", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 minute")
      const answer = within(requestTo("/api/scans/validate", "POST"), usual, () => Effect.never)
      const { status } = yield* Effect.provideService(answer, BegunAt, 55_000)
      assert.strictEqual(status, 503)
    }).pipe(quietly))

  it.effect("is not one that was answered: the answer is as it is, and so is a failure", () =>
    Effect.gen(function* () {
      const ask = <E>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E>) =>
        within(requestTo("/api/events"), usual, () => answer)
      assert.strictEqual((yield* ask(Effect.succeed(HttpServerResponse.empty({ status: 204 })))).status, 204)
      assert.strictEqual(yield* Effect.flip(ask(Effect.fail("refused"))), "refused")
    }))
})
