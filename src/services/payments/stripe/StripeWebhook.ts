/**
 * Stripe's webhook: verified, translated, and handed on to the core; Stripe hears 2xx only once the core has
 * it.
 */
import { Effect, Layer, Option, Schema } from "effect"
import { HttpClientRequest, HttpServerRequest } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { ServiceRefused, Unavailable } from "../../../http/Problems.ts"
import { ProblemMiddleware } from "../../../http/ProblemMiddleware.ts"
import { ServiceTransport } from "../../../trust/ServiceClients.ts"
import { isOurs, toBody } from "./StripeTranslation.ts"
import type { StripeEvent } from "./StripeEvent.ts"
import { StripeSignature } from "./StripeSignature.ts"

/**
 * What Stripe sends, believed by its signature over the raw body; 5xx until the core has it, so that Stripe
 * retries.
 */
class StripeGroup extends HttpApiGroup.make("webhooks").add(
  HttpApiEndpoint.post("stripe", "/webhooks/stripe", {
    success: Schema.Struct({ received: Schema.Literal(true) }),
    error: [ServiceRefused, Unavailable]
  })
).middleware(ProblemMiddleware) {}

class StripeApi extends HttpApi.make("payment-stripe").add(StripeGroup).prefix("/api") {}

const received = { received: true } as const

const refused = new ServiceRefused({ detail: "Sign the raw body under the secret of this webhook endpoint." })

const later = new Unavailable({
  detail: "The core has not taken this event: send it again.",
  retry_after: 10
})

const report = Effect.fn("StripeWebhook.report")(function* (event: StripeEvent, body: Schema.Json) {
  const core = (yield* ServiceTransport).client("core", { as: "payment-service", scheme: "payment-webhook" })
  const response = yield* HttpClientRequest.post("/payment-webhook-routes/").pipe(
    HttpClientRequest.setHeader("x-request-id", `req_${event.id}`),
    HttpClientRequest.bodyText(JSON.stringify(body), "application/json"),
    core.execute,
    Effect.tapError((error) =>
      Effect.logWarning("The core did not answer a payment event", { reason: error.reason._tag })
    ),
    Effect.mapError(() => later)
  )
  if (response.status >= 200 && response.status < 300) return
  yield* Effect.logWarning("The core refused a payment event", { status: response.status, event: event.id })
  return yield* later
})

const take = Effect.fn("StripeWebhook.take")(function* (event: StripeEvent) {
  if (!isOurs(event.type)) return received
  const body = yield* toBody(event).pipe(
    Effect.catchTag(
      "PaymentForgotten",
      ({ payment_id }) =>
        Effect.andThen(
          Effect.logError("A payment is missing in the ledger", { payment_id }),
          Effect.fail(later)
        )
    ),
    Effect.catchTag("SchemaError", (fault) => Effect.die(fault))
  )
  if (Option.isNone(body)) {
    yield* Effect.logWarning("A Stripe event is about a payment of someone else", {
      event: event.id,
      type: event.type
    })
    return received
  }
  yield* report(event, body.value)
  return received
})

const handlers = HttpApiBuilder.group(
  StripeApi,
  "webhooks",
  Effect.fn(function* (handlers) {
    const signature = yield* StripeSignature
    return handlers.handle("stripe", () =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const raw = new Uint8Array(yield* Effect.orDie(request.arrayBuffer))
        const event = yield* Effect.mapError(
          signature.verify(raw, request.headers["stripe-signature"] ?? ""),
          () => refused
        )
        return yield* take(event)
      }))
  })
)

/** `POST /api/webhooks/stripe`. */
export const StripeRoutesLayer = HttpApiBuilder.layer(StripeApi).pipe(
  Layer.provide(handlers),
  Layer.provide(ProblemMiddleware.layer)
)
