/**
 * Stripe's events as the sandbox makes them: the fields that Stripe sends and we read, named from the
 * payment.
 */
import { Schema } from "effect"
import { createHash } from "node:crypto"
import type { PaymentEventType } from "../../../../rpc/payments/PaymentWebhook.ts"
import type { PaymentRequest } from "../contract/PaymentApi.ts"
import { paymentKey, refundKey, stripeEvents } from "../stripe/StripeTranslation.ts"

/** What the customer and the bank do to a sandbox payment. */
export const SandboxAction = Schema.Literals([
  "confirm",
  "fail",
  "cancel",
  "refund",
  "refund_arrives",
  "fail_refund",
  "inquire",
  "dispute",
  "win",
  "lose"
])
export type SandboxAction = typeof SandboxAction.Type

/** What has to happen to a sandbox payment for each event to be sent. */
export const sandboxActions: Readonly<Record<PaymentEventType, SandboxAction>> = {
  "payment.completed": "confirm",
  "payment.failed": "fail",
  "payment.canceled": "cancel",
  "payment.refunded": "refund",
  "payment.partially_refunded": "refund",
  "payment.refund_updated": "refund_arrives",
  "payment.refund_failed": "fail_refund",
  "payment.disputed": "dispute"
}

const stripeTypes: Readonly<Record<SandboxAction, string>> = {
  confirm: stripeEvents["payment.completed"][0],
  fail: stripeEvents["payment.failed"][0],
  cancel: stripeEvents["payment.canceled"][0],
  refund: stripeEvents["payment.refunded"][0],
  refund_arrives: stripeEvents["payment.refund_updated"][0],
  fail_refund: stripeEvents["payment.refund_failed"][0],
  inquire: stripeEvents["payment.disputed"][0],
  dispute: stripeEvents["payment.disputed"][0],
  win: "charge.dispute.closed",
  lose: "charge.dispute.closed"
}

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
  amount_received: action === "confirm" ? request.amount : 0,
  currency: request.currency.toLowerCase(),
  customer: charge(request, 0).customer,
  metadata: { [paymentKey]: request.payment_id },
  status: action === "confirm" ? "succeeded" : action === "cancel" ? "canceled" : "requires_payment_method",
  latest_charge: action === "confirm" ? charge(request, 0) : null,
  last_payment_error: action === "fail"
    ? { type: "card_error", code: "card_declined", payment_method: card("0002") }
    : null
})

const dispute = (status: string) => (request: PaymentRequest) => ({
  id: `dp_sandbox_${digest(request.payment_id)}`,
  object: "dispute",
  amount: request.amount,
  currency: request.currency.toLowerCase(),
  charge: charge(request, 0).id,
  payment_intent: refOf(request.payment_id),
  reason: "fraudulent",
  status,
  metadata: {}
})

/** A refund by the key that makes it one; the bank's name of it. */
export const refundIdOf = (paymentId: string, key: string): string =>
  `re_sandbox_${digest(`${paymentId} ${key}`)}`

const refund =
  (status: "succeeded" | "failed") => (request: PaymentRequest, amount: number, named: Named) => ({
    id: refundIdOf(request.payment_id, named.key),
    object: "refund",
    amount,
    currency: request.currency.toLowerCase(),
    charge: charge(request, 0).id,
    payment_intent: refOf(request.payment_id),
    status,
    ...(status === "failed" ? { failure_reason: "expired_or_canceled_card" } : {}),
    metadata: { [paymentKey]: request.payment_id, ...(named.name === "" ? {} : { [refundKey]: named.name }) }
  })

/** The refund that an event is about: its key at the bank, and the name under which it was asked for. */
interface Named {
  readonly key: string
  readonly name: string
}

/** What the event is about, as Stripe sends it. */
const objects: Readonly<
  Record<SandboxAction, (request: PaymentRequest, refunded: number, named: Named) => object>
> = {
  confirm: (request) => intent(request, "confirm"),
  fail: (request) => intent(request, "fail"),
  cancel: (request) => intent(request, "cancel"),
  refund: charge,
  refund_arrives: refund("succeeded"),
  fail_refund: refund("failed"),
  inquire: dispute("warning_needs_response"),
  dispute: dispute("needs_response"),
  win: dispute("won"),
  lose: dispute("lost")
}

const unnamed: Named = { key: "", name: "sandbox" }

/** One event; `refunded` is what refunds come to by now, or the one `refund` that it is about, in minor units. */
export const sandboxEvent = (
  request: PaymentRequest,
  event: {
    readonly id: string
    readonly action: SandboxAction
    readonly created: number
    readonly refunded: number
    readonly refund?: Named
  }
) => ({
  id: event.id,
  object: "event",
  type: stripeTypes[event.action],
  created: event.created,
  livemode: false,
  pending_webhooks: 1,
  request: { id: null, idempotency_key: request.payment_id },
  data: { object: objects[event.action](request, event.refunded, event.refund ?? unnamed) }
})
