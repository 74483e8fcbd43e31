/** The two webhooks of the flows document: how their headers are made and how they are believed. */
import { Effect, Layer, Option, type Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import { CallingService } from "./CallingService.ts"
import { signedRequest, verifySigned } from "./ServiceAuth.ts"
import { ServiceSecrets } from "./ServiceSecrets.ts"
import { freshInstant, hmacHex, matches, sign, signaturesOf, type SignedRequest } from "./ServiceSignature.ts"
import { ServiceRefused } from "../http/Problems.ts"

/** The header of flow 2, in Stripe's scheme. */
export const stripeSignatureHeader = "stripe-signature"

/** The header of flow 4, over the canonical text of services. */
export const ticketSignatureHeader = "x-ticket-service-signature"

const refused = new ServiceRefused({
  detail: "Sign the raw body with the secret of the sending service, and send the headers of this webhook."
})

const encoder = new TextEncoder()

const stripeText = (seconds: number, body: Uint8Array): Uint8Array => {
  const head = encoder.encode(`${seconds}.`)
  const text = new Uint8Array(head.length + body.length)
  text.set(head)
  text.set(body, head.length)
  return text
}

const secondsOf = (instant: number): number => Math.floor(instant / 1000)

/**
 * The `Stripe-Signature` of a body at an instant: `t=<seconds>,v1=<hex>`
 * (https://docs.stripe.com/webhooks#verify-manually).
 */
export const signPaymentWebhook = (secret: Redacted.Redacted, request: SignedRequest): string => {
  const seconds = secondsOf(Date.parse(request.timestamp))
  return `t=${seconds},v1=${hmacHex(secret, stripeText(seconds, request.body))}`
}

/** The `X-Ticket-Service-Signature` of a request. */
export const signTicketWebhook: (secret: Redacted.Redacted, request: SignedRequest) => string = sign

const secondsIn = (header: string): number | undefined => {
  const stamps = header.split(",").map((item) => item.trim()).filter((item) => item.startsWith("t="))
  const [stamp] = stamps
  return stamps.length === 1 && stamp !== undefined && /^t=\d{1,12}$/.test(stamp)
    ? Number(stamp.slice(2))
    : undefined
}

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
        const { body, service, timestamp } = yield* signedRequest
        const header = headers[stripeSignatureHeader] ?? ""
        const seconds = secondsIn(header)
        const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        const instant = freshInstant(timestamp, now)
        const signed = matches(
          stripeText(seconds ?? 0, body),
          secrets.accepted("payment-service"),
          signaturesOf(header)
        )
        if (
          service !== "payment-service" || seconds === undefined || Option.isNone(instant) ||
          secondsOf(instant.value) !== seconds || !signed
        ) return yield* refused
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
        const { name } = yield* verifySigned(secrets, ticketSignatureHeader)
        if (name !== "ticket-generator-service") return yield* refused
        return yield* Effect.provideService(answer, CallingService, { name })
      }))
    })
  )
}
