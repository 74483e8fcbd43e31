/** One payment: its states, its message, what is seen of it, and its refund. */
import * as Schema from "effect/Schema"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import * as Workflow from "effect/workflow/Workflow"
import { EventNumber, PaymentId, TemplateId } from "./values/Ids.ts"
import { Amount, Currency } from "./values/Money.ts"
import { PaymentWebhook } from "./payments/PaymentWebhook.ts"
import { Instant } from "./values/Values.ts"

/** What the events of a payment come to (`PaymentDecisions`). */
export const paymentStatuses = ["pending", "failed", "canceled", "settled", "refunded", "disputed"] as const
export const PaymentStatus = Schema.Literals(paymentStatuses)
export type PaymentStatus = typeof PaymentStatus.Type

/**
 * What a person has to look at: money that is not what was asked, a refund that the bank sent back, the places of such a
 * payment taken by others meanwhile, a dispute that waits
 * for an answer or was lost, an inquiry, or a payment about an event that nobody here has.
 */
export const PaymentAttention = Schema.Literals([
  "amount_mismatch",
  "refund_failed",
  "place_retaken",
  "dispute_open",
  "dispute_lost",
  "inquiry",
  "unknown_event"
])
export type PaymentAttention = typeof PaymentAttention.Type

export class PaymentNotFound extends Schema.TaggedError<PaymentNotFound>()("PaymentNotFound", {
  payment_id: PaymentId
}) {}

/** How an event of another price was answered by earlier versions, whose answers are stored: today it is kept and given back. */
export class AmountMismatch extends Schema.TaggedError<AmountMismatch>()("AmountMismatch", {
  payment_id: PaymentId,
  expected: Schema.String,
  received: Schema.String
}) {}

export const PaymentView = Schema.Struct({
  payment_id: PaymentId,
  flow_id: Schema.NullOr(Schema.String),
  event_id: Schema.NullOr(EventNumber),
  amount: Amount,
  currency: Currency,
  status: PaymentStatus,
  settled_at: Schema.NullOr(Instant),
  amount_received: Amount,
  amount_refunded: Amount,
  amount_disputed: Amount,
  /** What is left of it: received less refunded less disputed. A dispute about what was refunded makes it negative. */
  balance: Schema.Int,
  attention: Schema.Array(PaymentAttention),
  invoice_number: Schema.NullOr(Schema.String),
  credit_notes: Schema.Array(Schema.String),
  corrective_invoices: Schema.Array(Schema.String),
  template_access: Schema.Array(TemplateId)
})
export type PaymentView = typeof PaymentView.Type

/** Applies one webhook. Persisted: the webhook is answered 2xx only once it is in this mailbox. */
export const ApplyEvent = Rpc.make("ApplyEvent", {
  payload: { webhook: PaymentWebhook },
  success: PaymentStatus,
  error: AmountMismatch,
  primaryKey: ({ webhook }) => webhook.webhook_id
}).annotate(ClusterSchema.Persisted, true)

export const Payment = Entity.make("Payment", [ApplyEvent])

/** Refunds a payment that settled for nothing, once. Durable: what is away for a day loses nothing. Its stored name is GiveBack. */
export const RefundPayment = Workflow.make("GiveBack", {
  payload: { paymentId: PaymentId },
  idempotencyKey: ({ paymentId }) => paymentId
})
