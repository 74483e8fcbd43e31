/** The two webhooks of the flows document: how their headers are made and how they are believed. */
import { Effect, Layer, Option, type Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import { CallingService } from "./CallingService.ts"
import { signedRequest, verifySigned } from "./ServiceAuth.ts"
import { ServiceSecrets } from "./ServiceSecrets.ts"
import { freshInstant, sign, type SignedRequest } from "./ServiceSignature.ts"
import { signedSecond, stripeHeader, stripeSignatureHeader } from "./StripeHeader.ts"
import { ServiceRefused } from "../http/Problems.ts"

/** The header of flow 4, over the canonical text of services. */
export const ticketSignatureHeader = "x-ticket-service-signature"

const refused = new ServiceRefused({
  detail: "Sign the raw body with the secret of the sending service, and send the headers of this webhook."
})

const secondsOf = (instant: number): number => Math.floor(instant / 1000)

/**
 * The `Stripe-Signature` of a body at an instant: `t=<seconds>,v1=<hex>`
 * (https://docs.stripe.com/webhooks#verify-manually).
 */
export const signPaymentWebhook = (secret: Redacted.Redacted, request: SignedRequest): string =>
  stripeHeader(secret, secondsOf(Date.parse(request.timestamp)), request.body)

/**
 * Whether one of the secrets signed this body at the second that its `X-Timestamp` says, within the allowed skew of now;
 * `header` is its `Stripe-Signature`.
 */
export const isSignedPayment = (
  header: string,
  timestamp: string,
  body: Uint8Array,
  secrets: ReadonlyArray<Redacted.Redacted>,
  now: number
): boolean => {
  const instant = freshInstant(timestamp, now)
  const seconds = signedSecond(header, body, secrets, now)
  return seconds !== undefined && Option.isSome(instant) && secondsOf(instant.value) === seconds
}

/** The `X-Ticket-Service-Signature` of a request. */
export const signTicketWebhook: (secret: Redacted.Redacted, request: SignedRequest) => string = sign

/**
 * Flow 2: Stripe's scheme over the raw body, and an `X-Timestamp` that says the same second as the signed
 * `t`.
 */
export class PaymentWebhookAuth
  extends HttpApiMiddleware.Service<PaymentWebhookAuth, { provides: CallingService }>()(
    "guichet/trust/PaymentWebhookAuth",
    { error: ServiceRefused }
  ) {
  /** Believes `payment-service` alone, within ±300 s, under either of its secrets. */
  static readonly layer: Layer.Layer<PaymentWebhookAuth, never, ServiceSecrets> = Layer.effect(
    PaymentWebhookAuth,
    Effect.gen(function* () {
      const secrets = yield* ServiceSecrets
      return PaymentWebhookAuth.of(Effect.fnUntraced(function* (answer) {
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        const { body, now, service, timestamp } = yield* Effect.mapError(
          signedRequest(stripeSignatureHeader),
          () => refused
        )
        const header = headers[stripeSignatureHeader] ?? ""
        const accepted = secrets.accepted("payment-service")
        if (service !== "payment-service" || !isSignedPayment(header, timestamp, body, accepted, now)) {
          return yield* refused
        }
        return yield* Effect.provideService(answer, CallingService, { name: "payment-service" })
      }))
    })
  )
}

/** Flow 4: the canonical signature of services, in this webhook's own header. */
export class TicketWebhookAuth
  extends HttpApiMiddleware.Service<TicketWebhookAuth, { provides: CallingService }>()(
    "guichet/trust/TicketWebhookAuth",
    { error: ServiceRefused }
  ) {
  /**
   * Believes `ticket-generator-service` alone; a redelivery is welcome, its effect is deduplicated by its
   * ids.
   */
  static readonly layer: Layer.Layer<TicketWebhookAuth, never, ServiceSecrets> = Layer.effect(
    TicketWebhookAuth,
    Effect.gen(function* () {
      const secrets = yield* ServiceSecrets
      return TicketWebhookAuth.of(Effect.fnUntraced(function* (answer) {
        const { name } = yield* Effect.mapError(verifySigned(secrets, ticketSignatureHeader), () => refused)
        if (name !== "ticket-generator-service") return yield* refused
        return yield* Effect.provideService(answer, CallingService, { name })
      }))
    })
  )
}
