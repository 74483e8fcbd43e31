/**
 * What strangers may keep a process holding while their signatures are not verified.
 * Guards whose removal turns this red: the places by declared length, the ten seconds.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { HttpServerRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { Unavailable } from "../../src/http/Problems.ts"
import * as UnprovedBodies from "../../src/trust/UnprovedBodies.ts"

/** A request whose body is as long as it declares, or never ends. */
const request = (body: Uint8Array<ArrayBuffer> | undefined, headers: Record<string, string> = {}) =>
  HttpServerRequest.fromWeb(
    new Request("http://localhost/api/payment-webhook-routes", {
      method: "POST",
      headers,
      body: body ?? new ReadableStream(),
      ...(body === undefined ? { duplex: "half" as const } : {})
    })
  )

const endless = () => request(undefined, { "content-length": String(1024 * 1024) })

const isUnavailable = (exit: Exit.Exit<unknown>): boolean =>
  Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof Unavailable

describe("bodies of senders who have not proved themselves", () => {
  it.effect("come to 32 MiB at one time, and are given up after ten seconds", () =>
    Effect.gen(function* () {
      const held = yield* Effect.forEach(
        Array.from({ length: 32 }),
        () => Effect.forkChild(Effect.exit(UnprovedBodies.read(endless())), { startImmediately: true })
      )
      const body = new Uint8Array([1, 2, 3])
      assert.isTrue(isUnavailable(yield* Effect.exit(UnprovedBodies.read(endless()))))
      assert.isTrue(isUnavailable(yield* Effect.exit(UnprovedBodies.read(request(body)))))
      yield* TestClock.adjust("10 seconds")
      for (const fiber of held) assert.isTrue(isUnavailable(yield* Fiber.join(fiber)))
      assert.deepStrictEqual(yield* UnprovedBodies.read(request(body)), body)
    }))
})
