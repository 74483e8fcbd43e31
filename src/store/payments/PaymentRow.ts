/** A payment as it is stored, and its events. */
import { Effect, Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { PaymentAttention, PaymentStatus } from "../../../rpc/Payment.ts"
import {
  Customer,
  PaidWith,
  PaymentFacts,
  PaymentMetadata,
  PaymentWebhook
} from "../../../rpc/payments/PaymentWebhook.ts"
import { EventId } from "../../../rpc/values/Ids.ts"
import * as Rows from "../Rows.ts"

/** A row of `payments`; `settled_at` stays set after a refund or a dispute. */
export const PaymentRow = Schema.Struct({
  payment_id: PaymentWebhook.fields.payment_id,
  flow_id: Schema.NullOr(Schema.String),
  execution_id: Schema.NullOr(Schema.String),
  event_id: Schema.NullOr(EventId),
  user_id: Schema.NullOr(Schema.Int),
  owner: Schema.NullOr(Schema.String),
  amount: Schema.Int,
  currency: Schema.String,
  status: PaymentStatus,
  gateway: Schema.String,
  gateway_ref: Schema.NullOr(Schema.String),
  customer: Schema.NullOr(Customer),
  payment_method: Schema.NullOr(PaidWith),
  metadata: Schema.NullOr(PaymentMetadata),
  create_invoice: Schema.Boolean,
  send_receipt: Schema.Boolean,
  created_at: Rows.At,
  settled_at: Rows.AtOrNull,
  amount_received: Schema.Int,
  amount_refunded: Schema.Int,
  amount_disputed: Schema.Int,
  amount_credited: Schema.Int,
  refunded_through: Schema.Int,
  attention: Schema.Array(PaymentAttention)
})
export type PaymentRow = typeof PaymentRow.Type

/** One event that a payment has seen; one that an earlier version stored says no amounts. */
export const PastEvent = Schema.Struct({
  webhook_id: Schema.String,
  event_type: Schema.String,
  occurred_at: Rows.At,
  amount: Schema.NullOr(Schema.Int),
  currency: Schema.NullOr(Schema.String),
  facts: Schema.NullOr(PaymentFacts)
})
export type PastEvent = typeof PastEvent.Type

const decodeIds = Rows.all(Schema.Struct({ payment_id: PaymentRow.fields.payment_id }))

/** The ids of the payments that a statement answers. */
export const idsOf = (statement: Effect.Effect<ReadonlyArray<unknown>, SqlError>) =>
  Effect.map(decodeIds(statement), (rows) => rows.map(({ payment_id }) => payment_id))

/** A `jsonb` parameter: what there is not is NULL. */
export const json = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value)
