/**
 * Which refusals of the core may pass: a chunk waits for those, and is not rendered again for any other.
 * Guards whose removal turns this file red: `retryable` of `CoreUnavailable`, the statuses, the bodies.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Schema } from "effect"
import { requestIdFrom } from "../../../src/http/RequestId.ts"
import { TicketsGenerated } from "../../../rpc/TicketWebhookBodies.ts"
import { CoreClient } from "../../../src/services/generator/CoreClient.ts"
import { ChunkId } from "../../../src/services/generator/TicketApi.ts"
import { spent } from "../../support/PassingTime.ts"
import { network, transport } from "../../trust/ScriptedNetwork.ts"

const reportOf = (reason: string): TicketsGenerated => ({
  event_type: "tickets.generated",
  webhook_id: "wh_job_1_0",
  job_id: "job_1",
  event_id: 1,
  generated_at: DateTime.makeUnsafe("2025-06-15T10:25:00Z"),
  processing_time_ms: 12,
  tickets: [{ ticket_id: 1, status: "failed", reason, generation_data: null, metadata: {} }]
})

const refusal = (status: number, reason = "ticket_voided") => {
  const { layer, sent } = network(() =>
    Effect.sync(() => new Response("no", { status, headers: { "retry-after": "0" } }))
  )
  return Effect.gen(function* () {
    const core = yield* CoreClient
    const error = yield* spent("1 minute")(Effect.flip(core.report(reportOf(reason))))
    return { error, requests: sent.length }
  }).pipe(Effect.provide(Layer.provide(CoreClient.layer, transport(layer))))
}

describe("the client of the core", () => {
  it.effect("says that what passes, and what a person mends, may be taken later", () =>
    Effect.gen(function* () {
      for (const status of [302, 401, 403, 408, 425, 429, 500, 502, 503]) {
        assert.isTrue((yield* refusal(status)).error.retryable, `${status}`)
      }
    }))

  it.effect("says that a refused report will be refused again, and with which status", () =>
    Effect.gen(function* () {
      for (const status of [400, 404, 413, 422]) {
        const { error } = yield* refusal(status)
        assert.deepInclude(error, { retryable: false, reason: `HTTP ${status}` })
      }
    }))

  it.effect("says so without a request of a report that breaks the contract", () =>
    Effect.gen(function* () {
      const { error, requests } = yield* refusal(200, "half of a \ud83d")
      assert.isFalse(error.retryable)
      assert.strictEqual(requests, 0)
    }))

  it.effect("has a webhook's id and a request's id for the longest id of a chunk, and none for a longer one", () =>
    Effect.sync(() => {
      const longest = "c".repeat(122)
      assert.isTrue(Schema.is(ChunkId)(longest))
      assert.isFalse(Schema.is(ChunkId)(`${longest}c`))
      assert.isTrue(Schema.is(TicketsGenerated.fields.webhook_id)(`wh_${longest}`))
      assert.strictEqual(requestIdFrom(`print_${longest}`), `print_${longest}`)
    }))
})
