/**
 * The history of one payment: every event in the order in which it was received, what it changed, what was issued, asked
 * for and sent. What an event changed is computed from those that came before it, by the rule that computes the payment.
 */
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { PaymentAttention, PaymentStatus } from "../../../rpc/Payment.ts"
import { PaymentFacts } from "../../../rpc/payments/PaymentWebhook.ts"
import { RefundOrigin } from "../../../rpc/payments/Refund.ts"
import { Instant } from "../../../rpc/values/Values.ts"
import * as Rows from "../Rows.ts"
import { type Standing, stateOf } from "./PaymentDecisions.ts"
import { PastEvent, type PaymentRow } from "./PaymentRow.ts"

/** Most events, documents, refunds and messages that are shown, each; the earliest are. */
const most = 200

/** What the payment is after an event: all of it where nothing came before. */
export const Sums = Schema.Struct({
  status: PaymentStatus,
  amount_received: Schema.Int,
  amount_refunded: Schema.Int,
  amount_disputed: Schema.Int,
  attention: Schema.Array(PaymentAttention)
})
type Sums = typeof Sums.Type

const Told = Schema.Struct({
  event_type: Schema.String,
  webhook_id: Schema.String,
  occurred_at: Instant,
  facts: Schema.NullOr(PaymentFacts),
  /** What it made of the payment; null where it changed nothing. */
  changed: Schema.NullOr(Sums)
})

/** One thing that happened, at the instant at which it was known here. */
export const HistoryEntry = Schema.Union([
  Schema.Struct({ at: Instant, what: Schema.Literal("event"), ...Told.fields }),
  Schema.Struct({
    at: Instant,
    what: Schema.Literal("refund"),
    refund_id: Schema.String,
    amount: Schema.Int,
    reason: Schema.String,
    origin: RefundOrigin,
    asked_by: Schema.NullOr(Schema.String)
  }),
  Schema.Struct({
    at: Instant,
    what: Schema.Literal("document"),
    number: Schema.String,
    corrects: Schema.NullOr(Schema.String),
    gross: Schema.Int
  }),
  Schema.Struct({
    at: Instant,
    what: Schema.Literal("message"),
    message_id: Schema.String,
    template: Schema.String,
    channel: Schema.String,
    status: Schema.String
  })
])
export type HistoryEntry = typeof HistoryEntry.Type

const EventRow = Schema.Struct({ ...PastEvent.fields, received_at: Rows.At })

const RefundRow = Schema.Struct({
  created_at: Rows.At,
  refund_id: Schema.String,
  amount: Schema.Int,
  reason: Schema.String,
  origin: RefundOrigin,
  asked_by: Schema.NullOr(Schema.String)
})

const DocumentRow = Schema.Struct({
  issued_at: Rows.At,
  number: Schema.String,
  corrects: Schema.NullOr(Schema.String),
  gross: Schema.Int
})

const MessageRow = Schema.Struct({
  created_at: Rows.At,
  message_id: Schema.String,
  template: Schema.String,
  channel: Schema.String,
  status: Schema.String
})

const sumsOf = ({ attention, disputed, received, refunded, status }: Standing): Sums => ({
  status,
  amount_received: received,
  amount_refunded: refunded,
  amount_disputed: disputed,
  attention: [...attention]
})

const same = (some: Sums, other: Sums): boolean => JSON.stringify(some) === JSON.stringify(other)

/** Each event with what it made of the payment, given those that were received before it. */
const eventsOf = (
  payment: PaymentRow,
  events: ReadonlyArray<typeof EventRow.Type>
): ReadonlyArray<HistoryEntry> => {
  let before = sumsOf(stateOf(payment, []))
  return events.map(({ event_type, facts, occurred_at, received_at, webhook_id }, nth) => {
    const after = sumsOf(stateOf(payment, events.slice(0, nth + 1)))
    const changed = same(before, after) ? null : after
    before = after
    return { at: received_at, what: "event", event_type, webhook_id, occurred_at, facts, changed }
  })
}

export class PaymentHistory extends Context.Service<PaymentHistory, {
  /** All that is known of a payment, in order of time. */
  readonly of: (payment: PaymentRow) => Effect.Effect<ReadonlyArray<HistoryEntry>>
}>()("guichet/store/payments/PaymentHistory") {
  static readonly layer: Layer.Layer<PaymentHistory, never, SqlClient.SqlClient> = Layer.effect(
    PaymentHistory,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const told = (payment: PaymentRow) =>
        Effect.map(
          Rows.all(EventRow)(sql`
            SELECT webhook_id, event_type, occurred_at, received_at, amount, currency, facts FROM payment_events
            WHERE payment_id = ${payment.payment_id} ORDER BY seq LIMIT ${most}::int`),
          (events) => eventsOf(payment, events)
        )

      const refunds = ({ payment_id }: PaymentRow) =>
        Effect.map(
          Rows.all(RefundRow)(sql`
            SELECT created_at, refund_id, amount, reason, origin, asked_by FROM refunds
            WHERE payment_id = ${payment_id} ORDER BY seq LIMIT ${most}::int`),
          (rows) =>
            rows.map(({ created_at: at, ...refund }): HistoryEntry => ({ at, what: "refund", ...refund }))
        )

      const documents = ({ payment_id }: PaymentRow) =>
        Effect.map(
          Rows.all(DocumentRow)(sql`
            SELECT issued_at, number, corrects, (document -> 'totals' ->> 'gross')::bigint AS gross FROM invoices
            WHERE payment_id = ${payment_id} ORDER BY seq LIMIT ${most}::int`),
          (rows) =>
            rows.map(({ issued_at: at, ...document }): HistoryEntry => ({
              at,
              what: "document",
              ...document
            }))
        )

      /** Messages of the payment itself, and the receipt that its flow sent. */
      const messages = ({ event_id, flow_id, payment_id }: PaymentRow) =>
        Effect.map(
          Rows.all(MessageRow)(sql`
            SELECT created_at, message_id, template, channel, status FROM notifications
            WHERE ${
            flow_id === null
              ? sql`flow_id IS NULL AND event_id IS NOT DISTINCT FROM ${event_id}::bigint
                  AND starts_with(message_id, ${`${payment_id}.`})`
              : sql`flow_id = ${flow_id} AND template IN ('payment_confirmation', 'refund_confirmation')`
          } ORDER BY created_at, message_id LIMIT ${most}::int`),
          (rows) =>
            rows.map(({ created_at: at, ...message }): HistoryEntry => ({ at, what: "message", ...message }))
        )

      const of: PaymentHistory["Service"]["of"] = Effect.fn("PaymentHistory.of")(function* (payment) {
        const parts = yield* Effect.all([
          told(payment),
          refunds(payment),
          documents(payment),
          messages(payment)
        ])
        return parts.flat().sort((some, other) => DateTime.Order(some.at, other.at))
      })

      return PaymentHistory.of({ of })
    })
  )
}
