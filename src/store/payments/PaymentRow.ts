/** A payment as it is stored, and the one rule that turns its events into a state. */
import { DateTime, Schema } from "effect"
import {
  Customer,
  PaymentMetadata,
  type PaymentStatus,
  paymentStatuses,
  PaymentWebhook
} from "../../../rpc/Payment.ts"
import * as Rows from "../Rows.ts"

const PaymentMethod = Schema.Struct({
  type: Schema.String,
  brand: Schema.optionalKey(Schema.String),
  last4: Schema.optionalKey(Schema.String)
})

/** A row of `payments`; `settled_at` stays set after a refund or a dispute. */
export const PaymentRow = Schema.Struct({
  payment_id: PaymentWebhook.fields.payment_id,
  flow_id: Schema.NullOr(Schema.String),
  execution_id: Schema.NullOr(Schema.String),
  event_id: Schema.NullOr(Schema.Int),
  user_id: Schema.NullOr(Schema.Int),
  owner: Schema.NullOr(Schema.String),
  amount: Schema.Int,
  currency: Schema.String,
  status: Schema.Literals(paymentStatuses),
  gateway: Schema.String,
  gateway_ref: Schema.NullOr(Schema.String),
  customer: Schema.NullOr(Customer),
  payment_method: Schema.NullOr(PaymentMethod),
  metadata: Schema.NullOr(PaymentMetadata),
  create_invoice: Schema.Boolean,
  send_receipt: Schema.Boolean,
  created_at: Rows.At,
  settled_at: Rows.AtOrNull
})
export type PaymentRow = typeof PaymentRow.Type

/** One kind of event that a payment has seen, and when it first happened. */
export const PastEvent = Schema.Struct({ event_type: Schema.String, occurred_at: Rows.At })
export type PastEvent = typeof PastEvent.Type

const decisions: Readonly<Record<string, PaymentStatus>> = {
  "payment.failed": "failed",
  "payment.canceled": "canceled",
  "payment.completed": "settled",
  "payment.refunded": "refunded",
  "payment.disputed": "disputed"
}

/** What an event type says of its payment; types that decide nothing are kept and say null. */
export const decisionOf = (eventType: string): PaymentStatus | null => decisions[eventType] ?? null

/** How far to the right a status stands. */
export const rankOf = (status: PaymentStatus): number => paymentStatuses.indexOf(status)

const firstOf = (events: ReadonlyArray<PastEvent>, type: string): DateTime.Utc | null =>
  events.filter((event) => event.event_type === type).map((event) => event.occurred_at).sort(
    DateTime.Order
  )[0] ?? null

/** The state that a set of events means: the order they came in, and how often, cannot matter. */
export const stateOf = (events: ReadonlyArray<PastEvent>) => ({
  status: events.reduce<PaymentStatus>((furthest, { event_type }) => {
    const decided = decisionOf(event_type)
    return decided !== null && rankOf(decided) > rankOf(furthest) ? decided : furthest
  }, "pending"),
  settledAt: firstOf(events, "payment.completed"),
  refundedAt: firstOf(events, "payment.refunded")
})

/** What a payment's state says at the gate about the tickets it paid for. */
export const ticketStates = {
  pending: "pending",
  failed: "failed",
  canceled: "failed",
  settled: "paid",
  refunded: "refunded",
  disputed: "disputed"
} as const satisfies Record<PaymentStatus, string>
