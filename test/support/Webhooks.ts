/** Signed deliveries of the two webhooks of the flows document: its headers, with the time and signature of now. */
import { Clock, Effect } from "effect"
import { randomUUID } from "node:crypto"
import {
  signPaymentWebhook,
  signTicketWebhook,
  ticketSignatureHeader
} from "../../src/trust/WebhookSignatures.ts"
import { stripeSignatureHeader } from "../../src/trust/StripeHeader.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import paymentHeaders from "../fixtures/bodies/2-payment-webhook.headers.json" with { type: "json" }
import ticketHeaders from "../fixtures/bodies/4-ticket-webhook.headers.json" with { type: "json" }
import { TestApp } from "./TestApp.ts"

/** What a delivery may do otherwise than the document. */
export interface Variation {
  readonly path?: string
  readonly requestId?: string
  readonly headers?: Readonly<Record<string, string>>
}

const timestamp = Effect.map(Clock.currentTimeMillis, (now) => new Date(now).toISOString())

const signed = (url: string, service: string, requestId: string, at: string, text: string) => ({
  method: "POST",
  url,
  service,
  requestId,
  timestamp: at,
  body: new TextEncoder().encode(text)
})

const lowered = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

const textOf = (body: unknown): string => typeof body === "string" ? body : JSON.stringify(body)

/** Flow 2's body with its headers, as the payment service sends it. */
export const signedPayment = Effect.fnUntraced(function* (body: unknown, vary: Variation = {}) {
  const { path = "/api/payment-webhook-routes/", requestId = `req_${randomUUID()}` } = vary
  const secret = (yield* ServiceSecrets).signing("payment-service")
  const at = yield* timestamp
  const text = textOf(body)
  return {
    path,
    body: text,
    headers: {
      ...lowered(paymentHeaders),
      "x-request-id": requestId,
      "x-timestamp": at,
      [stripeSignatureHeader]: signPaymentWebhook(
        secret,
        signed(path, "payment-service", requestId, at, text)
      ),
      ...lowered(vary.headers ?? {})
    }
  }
})

/** Sends flow 2's body as the payment service does. */
export const payment = Effect.fn("Webhooks.payment")(function* (body: unknown, vary: Variation = {}) {
  const { path, ...asked } = yield* signedPayment(body, vary)
  return yield* (yield* TestApp).ask(path, asked)
})

/** Sends flow 4's body as the ticket generator does. */
export const ticket = Effect.fn("Webhooks.ticket")(function* (body: unknown, vary: Variation = {}) {
  const { path = "/api/ticket-webhook-routes/", requestId = `req_ticket_${randomUUID()}` } = vary
  const secret = (yield* ServiceSecrets).signing("ticket-generator-service")
  const at = yield* timestamp
  const text = textOf(body)
  const parts = signed(path, "ticket-generator-service", requestId, at, text)
  return yield* (yield* TestApp).ask(path, {
    body: text,
    headers: {
      ...lowered(ticketHeaders),
      "x-request-id": requestId,
      "x-timestamp": at,
      [ticketSignatureHeader]: signTicketWebhook(secret, parts),
      ...lowered(vary.headers ?? {})
    }
  })
})
