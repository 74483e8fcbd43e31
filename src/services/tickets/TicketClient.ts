/** How the core speaks to the ticket generator: the contract's own client over a signed transport. */
import { Context, Effect, Layer, Schema } from "effect"
import { HttpApiClient } from "effect/http-api"
import type { Priority } from "../../../rpc/TicketJob.ts"
import { ServiceTransport } from "../ServiceClients.ts"
import { type Accepted, type GenerationJob, TicketApi } from "./TicketApi.ts"

/** The generator did not take the chunk, after every retry; `reason` names the last failure, `retryable` whether it may pass. */
export class GeneratorUnavailable extends Schema.TaggedError<GeneratorUnavailable>()("GeneratorUnavailable", {
  reason: Schema.String,
  retryable: Schema.Boolean
}) {}

/** Failures that the same chunk may not meet again: the rest is a disagreement about the contract. */
const passing: ReadonlySet<string> = new Set(["HttpClientError", "Unavailable"])

/** Hands chunks of jobs to the generator: one id is one chunk, however often it is sent. */
export class TicketClient extends Context.Service<TicketClient, {
  readonly generate: (
    chunkId: string,
    priority: Priority,
    job: GenerationJob
  ) => Effect.Effect<Accepted, GeneratorUnavailable>
}>()("guichet/services/tickets/TicketClient") {
  /** The transport brings the origin, the timeout, the retries, the signature and the breaker. */
  static readonly layer: Layer.Layer<TicketClient, never, ServiceTransport> = Layer.effect(
    TicketClient,
    Effect.gen(function* () {
      const transport = yield* ServiceTransport
      const client = yield* HttpApiClient.makeWith(TicketApi, {
        httpClient: transport.client("tickets", { as: "event-planner-core" })
      })

      const generate = Effect.fn("TicketClient.generate")(
        (chunkId: string, priority: Priority, job: GenerationJob) =>
          client.tickets.generate({
            headers: { "x-request-id": chunkId, "x-job-priority": priority },
            payload: job
          }).pipe(Effect.mapError((error) =>
            new GeneratorUnavailable({ reason: error._tag, retryable: passing.has(error._tag) })
          ))
      )

      return TicketClient.of({ generate })
    })
  )
}
