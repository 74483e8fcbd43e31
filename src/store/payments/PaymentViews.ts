/** A payment as its organiser sees it. */
import { Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { PaymentAttention } from "../../../rpc/Payment.ts"
import { EventNumber } from "../../../rpc/values/Ids.ts"
import { numberOf } from "../EventNumbers.ts"
import * as Rows from "../Rows.ts"
import { PaymentRow } from "./PaymentRow.ts"

const ViewRow = Schema.Struct({
  owner: Schema.NullOr(Schema.String),
  payment_id: PaymentRow.fields.payment_id,
  flow_id: PaymentRow.fields.flow_id,
  event_id: Schema.NullOr(EventNumber),
  amount: Schema.Int,
  currency: Schema.String,
  status: PaymentRow.fields.status,
  settled_at: Rows.AtOrNull,
  amount_received: Schema.Int,
  amount_refunded: Schema.Int,
  amount_disputed: Schema.Int,
  balance: Schema.Int,
  attention: Schema.Array(PaymentAttention),
  invoice_number: Schema.NullOr(Schema.String),
  credit_notes: Schema.Array(Schema.String),
  corrective_invoices: Schema.Array(Schema.String),
  template_access: Schema.Array(Schema.Int)
})

/** Part of `PaymentStore`. */
export const make = (sql: SqlClient.SqlClient) => {
  const view = (paymentId: string) =>
    Rows.first(ViewRow)(sql`
      SELECT p.payment_id, p.flow_id, p.owner, p.amount, p.currency, p.status, p.settled_at,
        p.amount_received, p.amount_refunded, p.amount_disputed, p.attention,
        p.amount_received - p.amount_refunded - p.amount_disputed AS balance,
        coalesce(${sql.literal(numberOf("p.event_id"))}, (p.metadata->>'event_id')::bigint) AS event_id,
        (SELECT number FROM invoices i WHERE i.payment_id = p.payment_id AND i.corrects IS NULL) AS invoice_number,
        (SELECT coalesce(jsonb_agg(i.number ORDER BY i.issued_at, i.number), '[]'::jsonb) FROM invoices i
          WHERE i.payment_id = p.payment_id AND i.credited > 0) AS credit_notes,
        (SELECT coalesce(jsonb_agg(i.number ORDER BY i.issued_at, i.number), '[]'::jsonb) FROM invoices i
          WHERE i.payment_id = p.payment_id AND i.credited < 0) AS corrective_invoices,
        (SELECT coalesce(jsonb_agg(a.template_id ORDER BY a.template_id), '[]'::jsonb) FROM template_access a
          WHERE a.payment_id = p.payment_id AND a.revoked_at IS NULL) AS template_access
      FROM payments p WHERE p.payment_id = ${paymentId}`)

  return { view }
}
