/** How the ticket generator speaks to the core: it asks what to print, and reports what it made. */
import { Context, Effect, Layer, Schema } from "effect"
import {
  type HttpBody,
  type HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse
} from "effect/http"
import { TicketsGenerated } from "../../../rpc/TicketWebhookBodies.ts"
import { isFinal } from "../../durable/FinalStatus.ts"
import * as OrchestrationLog from "../../telemetry/OrchestrationLog.ts"
import { ServiceTransport } from "../../trust/ServiceTransport.ts"
import { PrintDetails, PrintDetailsRequest } from "../../../rpc/PrintDetails.ts"

/**
 * The core did not answer 2xx, or not what it should. `retryable`: it passes, or a person mends it; otherwise the same
 * request will be refused again.
 */
export class CoreUnavailable extends Schema.TaggedError<CoreUnavailable>()("CoreUnavailable", {
  route: Schema.String,
  reason: Schema.String,
  retryable: Schema.Boolean
}) {}

const service = "ticket-generator-service"

/** A wrong secret is mended by a person; a body that breaks the contract is not sent at all. */
const unavailable =
  (route: string) =>
  (error: HttpClientError.HttpClientError | HttpBody.HttpBodyError | Schema.SchemaError): CoreUnavailable => {
    if (!HttpClientError.isHttpClientError(error)) {
      return new CoreUnavailable({ route, reason: error._tag, retryable: error._tag === "SchemaError" })
    }
    const { reason, response } = error
    if (response === undefined) return new CoreUnavailable({ route, reason: reason._tag, retryable: true })
    const { status } = response
    const retryable = !isFinal(status) || status === 401 || status === 403
    return new CoreUnavailable({ route, reason: `HTTP ${status}`, retryable })
  }

const post = Effect.fnUntraced(function* <S extends Schema.Codec<unknown, unknown>>(
  client: HttpClient.HttpClient,
  route: string,
  requestId: string,
  schema: S,
  body: S["Type"]
) {
  const request = HttpClientRequest.post(route, { headers: { "x-request-id": requestId } })
  return yield* HttpClientRequest.schemaBodyJson(schema)(request, body).pipe(
    Effect.flatMap((request) => client.execute(request)),
    Effect.flatMap(HttpClientResponse.filterStatusOk)
  )
})

/** The two calls; the transport retries each a few times, a caller that must get through goes on. */
export class CoreClient extends Context.Service<CoreClient, {
  readonly printDetails: (
    requestId: string,
    request: PrintDetailsRequest
  ) => Effect.Effect<PrintDetails, CoreUnavailable>
  /** Succeeds once the core has answered 2xx: the report is then in a mailbox. */
  readonly report: (batch: TicketsGenerated) => Effect.Effect<void, CoreUnavailable>
}>()("guichet/services/generator/CoreClient") {
  static readonly layer: Layer.Layer<CoreClient, never, ServiceTransport> = Layer.effect(
    CoreClient,
    Effect.gen(function* () {
      const transport = yield* ServiceTransport
      const signed = transport.client("core", { as: service })
      const webhooks = transport.client("core", { as: service, scheme: "ticket-webhook" })

      const printDetails = Effect.fn("CoreClient.printDetails")(
        (requestId: string, request: PrintDetailsRequest) =>
          post(signed, "/internal/print-details", requestId, PrintDetailsRequest, request).pipe(
            Effect.flatMap(HttpClientResponse.schemaBodyJson(PrintDetails)),
            Effect.mapError(unavailable("/internal/print-details")),
            OrchestrationLog.within(request.job_id)
          )
      )

      const report = Effect.fn("CoreClient.report")((batch: TicketsGenerated) =>
        Effect.scoped(Effect.asVoid(
          post(webhooks, "/ticket-webhook-routes/", batch.webhook_id, TicketsGenerated, batch).pipe(
            Effect.mapError(unavailable("/ticket-webhook-routes/")),
            OrchestrationLog.within(batch.job_id)
          )
        ))
      )

      return CoreClient.of({ printDetails, report })
    })
  )
}
