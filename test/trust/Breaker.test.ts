/**
 * What cuts a service off: its faults, and never its word that it is busy.
 * Guards whose removal turns this file red: `classify`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { call, statuses, transport } from "./ScriptedNetwork.ts"

/** Eight answers of this status to four calls, each tried twice. */
const eightTimes = Effect.fnUntraced(function* (status: number) {
  for (let calls = 0; calls < 4; calls++) {
    const fiber = yield* Effect.forkChild(call("scans"))
    yield* TestClock.adjust("1 second")
    assert.strictEqual((yield* Fiber.join(fiber)).status, status)
  }
})

describe("the breaker of a service", () => {
  for (const busy of [503, 429]) {
    it.effect(`stays closed after eight answers of ${busy}`, () => {
      const { layer, sent } = statuses(...Array<number>(8).fill(busy))
      return Effect.gen(function* () {
        yield* eightTimes(busy)
        assert.lengthOf(sent, 8)
        assert.strictEqual((yield* call("scans")).status, 200)
        assert.lengthOf(sent, 9)
      }).pipe(Effect.provide(transport(layer)))
    })
  }

  it.effect("opens after eight answers of 500", () => {
    const { layer, sent } = statuses(...Array<number>(8).fill(500))
    return Effect.gen(function* () {
      yield* eightTimes(500)
      assert.lengthOf(sent, 8)
      assert.include((yield* Effect.flip(call("scans"))).message, "Calls to scans are paused")
      assert.lengthOf(sent, 8)
    }).pipe(Effect.provide(transport(layer)))
  })
})
