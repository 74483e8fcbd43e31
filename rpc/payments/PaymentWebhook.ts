/** The documented body of a payment event (flow 2), in its one home: who sends, receives or documents it reads it here. */
import * as Schema from "effect/Schema"
import { EventNumber, PaymentId, TemplateId } from "../values/Ids.ts"
import { Amount, Currency } from "../values/Money.ts"
import { AnyEmail, Instant, text } from "../values/Values.ts"

/** The events that mean something; what each means is in `PaymentDecisions`. */
export const PaymentEventType = Schema.Literals([
  "payment.completed",
  "payment.failed",
  "payment.refunded",
  "payment.partially_refunded",
  "payment.refund_updated",
  "payment.refund_failed",
  "payment.disputed",
  "payment.canceled"
])
export type PaymentEventType = typeof PaymentEventType.Type

const Integer = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))

export const PaymentMetadata = Schema.Struct({
  event_id: Schema.optionalKey(EventNumber),
  user_id: Schema.optionalKey(Integer),
  ticket_count: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  template_id: Schema.optionalKey(TemplateId)
})

export const Customer = Schema.Struct({
  id: Schema.optionalKey(text(255)),
  email: AnyEmail,
  name: text(200)
})
export type Customer = typeof Customer.Type

/** How a payment was made: a card by its brand and last digits, everything else by its type. */
export const PaidWith = Schema.Struct({
  type: text(100),
  brand: Schema.optionalKey(text(100)),
  last4: Schema.optionalKey(text(100))
})
export type PaidWith = typeof PaidWith.Type

/**
 * Where a dispute stands: an `inquiry` moves no money, an `open` one has taken it for now, and the bank decides whether
 * it is `won` or `lost` (https://docs.stripe.com/disputes/how-disputes-work).
 */
export const DisputeStatus = Schema.Literals(["inquiry", "open", "won", "lost"])
export type DisputeStatus = typeof DisputeStatus.Type

/** Where one refund stands at the gateway: on its way, arrived, or sent back by the bank. */
export const RefundProgress = Schema.Literals(["pending", "succeeded", "failed"])
export type RefundProgress = typeof RefundProgress.Type

/**
 * What moved, in minor units, where the sender knows more than the price: `amount_received` of a completed payment;
 * `amount_refunded` so far, which is cumulative; the one `refund` that is spoken of, with the `name` under which it was
 * asked for; the `dispute`. A body without them means what its event type says: all of the price.
 */
export const PaymentFacts = Schema.Struct({
  amount_received: Schema.optionalKey(Amount),
  amount_refunded: Schema.optionalKey(Amount),
  refund: Schema.optionalKey(Schema.Struct({
    id: text(255),
    amount: Amount,
    status: Schema.optionalKey(RefundProgress),
    name: Schema.optionalKey(text(100))
  })),
  dispute: Schema.optionalKey(Schema.Struct({ id: text(255), amount: Amount, status: DisputeStatus }))
})
export type PaymentFacts = typeof PaymentFacts.Type

/** The body of the flows document, section «Flow 2»; unknown event types are kept and ignored. */
export const PaymentWebhook = Schema.Struct({
  event_type: text(100).check(Schema.isNonEmpty()),
  payment_id: PaymentId,
  amount: Amount,
  currency: Currency,
  status: text(100),
  timestamp: Instant,
  metadata: PaymentMetadata,
  customer: Customer,
  payment_method: Schema.optionalKey(PaidWith),
  facts: Schema.optionalKey(PaymentFacts),
  webhook_id: text(128).check(Schema.isNonEmpty()),
  created: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
})
export type PaymentWebhook = typeof PaymentWebhook.Type

/** An example for the documentation, where it is signed byte for byte. */
export const paymentWebhookExample =
  `{"event_type":"payment.completed","payment_id":"pay_1234567890","amount":9999,"currency":"EUR","status":"succeeded","timestamp":"2025-06-15T14:30:00Z","metadata":{},"customer":{"email":"customer@example.com","name":"John Doe"},"webhook_id":"wh_1234567890","created":1749997800}`
