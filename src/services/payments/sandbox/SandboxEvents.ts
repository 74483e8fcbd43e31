/**
 * Stripe's events as the sandbox makes them: the fields that Stripe sends and we read, named from the
 * payment.
 */
import { Schema } from "effect"
import { createHash } from "node:crypto"
import { PaymentEventType } from "../../../../rpc/payments/PaymentWebhook.ts"
import type { PaymentRequest } from "../contract/PaymentApi.ts"
import { paymentKey, stripeEvents } from "../stripe/StripeTranslation.ts"

/** What happens to a sandbox payment, by the event that Stripe sends of it. */
export const sandboxActions = {
  "payment.completed": "confirm",
  "payment.failed": "fail",
  "payment.canceled": "cancel",
  "payment.refunded": "refund",
  "payment.disputed": "dispute"
} as const satisfies Record<PaymentEventType, string>

export const SandboxAction = Schema.Literals(Object.values(sandboxActions))
export type SandboxAction = typeof SandboxAction.Type

const stripeTypes = new Map(
  PaymentEventType.literals.map((event) => [sandboxActions[event] as SandboxAction, stripeEvents[event].type])
)

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 24)

/** The gateway's name of a payment; the same payment has the same one after any restart. */
export const refOf = (paymentId: string): string => `pi_sandbox_${digest(paymentId)}`

/** The id of an event: what happens twice to one payment is one event. */
export const eventIdOf = (paymentId: string, action: SandboxAction, part = ""): string =>
  `evt_sandbox_${digest(`${paymentId} ${action} ${part}`)}`

const card = (last4: string) => ({ type: "card", card: { brand: "visa", last4 } })

const charge = (request: PaymentRequest, refunded: number) => ({
  id: `ch_sandbox_${digest(request.payment_id)}`,
  object: "charge",
  amount: request.amount,
  amount_refunded: refunded,
  refunded: refunded === request.amount,
  currency: request.currency.toLowerCase(),
  customer: request.customer.id ?? `cus_sandbox_${digest(request.customer.email)}`,
  metadata: { [paymentKey]: request.payment_id },
  payment_intent: refOf(request.payment_id),
  payment_method_details: card("4242")
})

const intent = (request: PaymentRequest, action: SandboxAction) => ({
  id: refOf(request.payment_id),
  object: "payment_intent",
  amount: request.amount,
  currency: request.currency.toLowerCase(),
  customer: charge(request, 0).customer,
  metadata: { [paymentKey]: request.payment_id },
  status: action === "confirm" ? "succeeded" : action === "cancel" ? "canceled" : "requires_payment_method",
  latest_charge: action === "confirm" ? charge(request, 0) : null,
  last_payment_error: action === "fail"
    ? { type: "card_error", code: "card_declined", payment_method: card("0002") }
    : null
})

const dispute = (request: PaymentRequest) => ({
  id: `dp_sandbox_${digest(request.payment_id)}`,
  object: "dispute",
  amount: request.amount,
  currency: request.currency.toLowerCase(),
  charge: charge(request, 0).id,
  payment_intent: refOf(request.payment_id),
  reason: "fraudulent",
  status: "needs_response",
  metadata: {}
})

/** What the event is about, as Stripe sends it. */
const objects: Readonly<Record<SandboxAction, (request: PaymentRequest, refunded: number) => object>> = {
  confirm: (request) => intent(request, "confirm"),
  fail: (request) => intent(request, "fail"),
  cancel: (request) => intent(request, "cancel"),
  refund: charge,
  dispute
}

/** One event; `refunded` is what refunds come to by now, in minor units. */
export const sandboxEvent = (
  request: PaymentRequest,
  event: {
    readonly id: string
    readonly action: SandboxAction
    readonly created: number
    readonly refunded: number
  }
) => ({
  id: event.id,
  object: "event",
  type: stripeTypes.get(event.action),
  created: event.created,
  livemode: false,
  pending_webhooks: 1,
  request: { id: null, idempotency_key: request.payment_id },
  data: { object: objects[event.action](request, event.refunded) }
})
