/**
 * Which refusals of the generator may pass: a job waits for those, and for no other.
 * Guards whose removal turns this file red: `retryable` of `GeneratorUnavailable`, the statuses.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import job from "../fixtures/bodies/1-generation-job.to-ticket-generator.json" with { type: "json" }
import { GenerationJob } from "../../src/services/generator/TicketApi.ts"
import { GeneratorClient } from "../../src/tickets/GeneratorClient.ts"
import { spent } from "../support/PassingTime.ts"
import { network, transport } from "../trust/ScriptedNetwork.ts"

const problem = (status: number, slug: string, more: object = {}) =>
  new Response(JSON.stringify({ type: `/problems/${slug}`, title: slug, status, detail: "no", ...more }), {
    status,
    headers: { "content-type": "application/problem+json", "retry-after": "0" }
  })

const refusal = (answer: () => Response) =>
  Effect.gen(function* () {
    const client = yield* GeneratorClient
    const chunk = Schema.decodeUnknownSync(GenerationJob)(job)
    return yield* spent("1 minute")(
      Effect.flip(client.generate("job_1_0", { owner: "alice", priority: "high" }, chunk))
    )
  }).pipe(
    Effect.provide(Layer.provide(GeneratorClient.layer, transport(network(() => Effect.sync(answer)).layer)))
  )

describe("the client of the ticket generator", () => {
  it.effect("says that a generator which is away may be there again", () =>
    Effect.gen(function* () {
      for (
        const answer of [
          () => problem(503, "unavailable"),
          () => new Response("bad gateway", { status: 502 }),
          () => new Response("wait", { status: 429, headers: { "retry-after": "0" } }),
          () => problem(425, "too-early"),
          () => new Response("too slow", { status: 408 })
        ]
      ) {
        assert.isTrue((yield* refusal(answer)).retryable)
      }
    }))

  it.effect("says that a refused chunk will be refused again", () =>
    Effect.gen(function* () {
      const refusals = [
        () => problem(422, "invalid-request", { errors: [] }),
        () => problem(401, "service-refused"),
        () => problem(403, "forbidden"),
        () => problem(404, "not-found"),
        () => new Response("too large", { status: 413 })
      ]
      for (const answer of refusals) {
        assert.isFalse((yield* refusal(answer)).retryable)
      }
    }))

  it.effect("says with which status", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refusal(() => problem(404, "not-found"))).reason, "HTTP 404")
      assert.strictEqual((yield* refusal(() => problem(401, "service-refused"))).reason, "ServiceRefused")
    }))
})
