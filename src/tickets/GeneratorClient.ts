/** How the core speaks to the ticket generator: the contract's own client over a signed transport. */
import { Context, Effect, Layer, Schema } from "effect"
import { HttpClientError } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { createHash } from "node:crypto"
import type { Priority } from "../../rpc/TicketJob.ts"
import { isFinal } from "../durable/FinalStatus.ts"
import { ServiceTransport } from "../trust/ServiceTransport.ts"
import { type Accepted, type GenerationJob, TicketApi } from "../services/generator/TicketApi.ts"

/** The generator did not take the chunk, after every retry; `reason` names the last failure, `retryable` whether it may pass. */
export class GeneratorUnavailable extends Schema.TaggedError<GeneratorUnavailable>()("GeneratorUnavailable", {
  reason: Schema.String,
  retryable: Schema.Boolean
}) {}

/** Whether the same chunk may be taken later: the rest is a disagreement about the contract. */
const unavailable = (error: { readonly _tag: string }) => {
  if (!HttpClientError.isHttpClientError(error)) {
    return new GeneratorUnavailable({ reason: error._tag, retryable: error._tag === "Unavailable" })
  }
  const { reason: { _tag }, response } = error
  if (response === undefined) return new GeneratorUnavailable({ reason: _tag, retryable: true })
  const { status } = response
  return new GeneratorUnavailable({ reason: `HTTP ${status}`, retryable: !isFinal(status) })
}

/** Whose a chunk is, and how urgent: the generator gives its places by both. */
export interface ChunkTurn {
  readonly owner: string
  readonly priority: Priority
}

/** Tells organisers apart without naming one. */
const ownerKey = (owner: string): string => createHash("sha256").update(owner).digest("hex").slice(0, 32)

/** Hands chunks of jobs to the generator: one id is one chunk, however often it is sent. */
export class GeneratorClient extends Context.Service<GeneratorClient, {
  readonly generate: (
    chunkId: string,
    turn: ChunkTurn,
    job: GenerationJob
  ) => Effect.Effect<Accepted, GeneratorUnavailable>
}>()("guichet/tickets/GeneratorClient") {
  /** The transport brings the origin, the timeout, the retries, the signature and the breaker. */
  static readonly layer: Layer.Layer<GeneratorClient, never, ServiceTransport> = Layer.effect(
    GeneratorClient,
    Effect.gen(function* () {
      const transport = yield* ServiceTransport
      const client = yield* HttpApiClient.makeWith(TicketApi, {
        httpClient: transport.client("tickets", { as: "event-planner-core" })
      })

      const generate = Effect.fn("GeneratorClient.generate")(
        (chunkId: string, { owner, priority }: ChunkTurn, job: GenerationJob) =>
          client.tickets.generate({
            headers: { "x-request-id": chunkId, "x-job-priority": priority, "x-job-owner": ownerKey(owner) },
            payload: job
          }).pipe(Effect.mapError(unavailable))
      )

      return GeneratorClient.of({ generate })
    })
  )
}
