/** One payment and the book its invoice is numbered in. */
import * as Schema from "effect/Schema"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import * as Workflow from "effect/workflow/Workflow"
import { EventId, PaymentId, TemplateId } from "./Ids.ts"
import { Amount, Currency } from "./Money.ts"
import { AnyEmail, Instant, text } from "./Values.ts"

/** Ordered: of two events, the one further to the right decides, whatever order they arrive in. */
export const paymentStatuses = ["pending", "failed", "canceled", "settled", "refunded", "disputed"] as const
export const PaymentStatus = Schema.Literals(paymentStatuses)
export type PaymentStatus = typeof PaymentStatus.Type

export const PaymentEventType = Schema.Literals([
  "payment.completed",
  "payment.failed",
  "payment.refunded",
  "payment.disputed",
  "payment.canceled"
])
export type PaymentEventType = typeof PaymentEventType.Type

const Integer = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))

export const PaymentMetadata = Schema.Struct({
  event_id: Schema.optionalKey(EventId),
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
  payment_method: Schema.optionalKey(
    Schema.Struct({
      type: text(100),
      brand: Schema.optionalKey(text(100)),
      last4: Schema.optionalKey(text(100))
    })
  ),
  webhook_id: text(128).check(Schema.isNonEmpty()),
  created: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
})
export type PaymentWebhook = typeof PaymentWebhook.Type

export class PaymentNotFound extends Schema.TaggedError<PaymentNotFound>()("PaymentNotFound", {
  payment_id: PaymentId
}) {}

/** The webhook's amount is not the payment's: someone pays another price than was asked. */
export class AmountMismatch extends Schema.TaggedError<AmountMismatch>()("AmountMismatch", {
  payment_id: PaymentId,
  expected: Schema.String,
  received: Schema.String
}) {}

export const PaymentView = Schema.Struct({
  payment_id: PaymentId,
  flow_id: Schema.NullOr(Schema.String),
  event_id: Schema.NullOr(EventId),
  amount: Amount,
  currency: Currency,
  status: PaymentStatus,
  settled_at: Schema.NullOr(Instant),
  invoice_number: Schema.NullOr(Schema.String),
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

/** Refunds a payment that settled for nothing. Durable: once a payment, whatever is away for a day. */
export const GiveBack = Workflow.make("GiveBack", {
  payload: { paymentId: PaymentId },
  idempotencyKey: ({ paymentId }) => paymentId
})

/** The next number for a payment's invoice. Persisted and keyed by payment: one payment, one number. */
export const IssueInvoice = Rpc.make("IssueInvoice", {
  payload: { paymentId: PaymentId },
  success: Schema.Struct({ number: Schema.String }),
  error: PaymentNotFound,
  primaryKey: ({ paymentId }) => paymentId
}).annotate(ClusterSchema.Persisted, true)

/** One book an issuer and year, so that numbers have neither a gap nor a double. */
export const InvoiceBook = Entity.make("InvoiceBook", [IssueInvoice])
