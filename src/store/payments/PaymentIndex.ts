/** Which payments, disputes and documents there are, in pages, newest first. */
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { PaymentAttention, PaymentStatus } from "../../../rpc/Payment.ts"
import { DisputeStatus } from "../../../rpc/payments/PaymentWebhook.ts"
import { EventNumber, PaymentId } from "../../../rpc/values/Ids.ts"
import { Currency } from "../../../rpc/values/Money.ts"
import { Instant } from "../../../rpc/values/Values.ts"
import { numberOf } from "../EventNumbers.ts"
import * as KeysetPage from "../KeysetPage.ts"
import * as Rows from "../Rows.ts"

/** From this instant on, and before that one. */
const between = { from: Schema.optionalKey(Instant), to: Schema.optionalKey(Instant) }

/** What the list of payments may be filtered by; `attention` is one of the things that a person has to look at. */
export const PaymentFilters = {
  status: Schema.optionalKey(PaymentStatus),
  attention: Schema.optionalKey(PaymentAttention),
  event_id: Schema.optionalKey(EventNumber),
  currency: Schema.optionalKey(Currency),
  ...between
}
type PaymentFilters = Schema.Struct<typeof PaymentFilters>["Type"]

export const DisputeFilters = {
  status: Schema.optionalKey(DisputeStatus),
  payment_id: Schema.optionalKey(PaymentId),
  event_id: Schema.optionalKey(EventNumber)
}
type DisputeFilters = Schema.Struct<typeof DisputeFilters>["Type"]

/** What a document of the book is: a corrective invoice takes a credit note back. */
export const DocumentKind = Schema.Literals(["invoice", "credit_note", "corrective_invoice"])
export type DocumentKind = typeof DocumentKind.Type

export const InvoiceFilters = {
  kind: Schema.optionalKey(DocumentKind),
  payment_id: Schema.optionalKey(PaymentId),
  ...between
}
type InvoiceFilters = Schema.Struct<typeof InvoiceFilters>["Type"]

const PaymentLine = Schema.Struct({
  seq: Schema.Int,
  owner: Schema.NullOr(Schema.String),
  payment_id: Schema.String,
  flow_id: Schema.NullOr(Schema.String),
  event_id: Schema.NullOr(EventNumber),
  amount: Schema.Int,
  currency: Schema.String,
  status: PaymentStatus,
  created_at: Rows.At,
  settled_at: Rows.AtOrNull,
  amount_received: Schema.Int,
  amount_refunded: Schema.Int,
  amount_disputed: Schema.Int,
  balance: Schema.Int,
  attention: Schema.Array(PaymentAttention)
})

const DisputeLine = Schema.Struct({
  seq: Schema.Int,
  owner: Schema.NullOr(Schema.String),
  dispute_id: Schema.String,
  payment_id: Schema.String,
  event_id: Schema.NullOr(EventNumber),
  amount: Schema.Int,
  currency: Schema.String,
  status: DisputeStatus,
  opened_at: Rows.At,
  updated_at: Rows.At
})

const InvoiceLine = Schema.Struct({
  seq: Schema.Int,
  owner: Schema.NullOr(Schema.String),
  number: Schema.String,
  kind: DocumentKind,
  corrects: Schema.NullOr(Schema.String),
  payment_id: Schema.String,
  issued_at: Rows.At,
  currency: Schema.String,
  net: Schema.Int,
  vat: Schema.Int,
  gross: Schema.Int
})

/** A column that is no plain one, by its name. */
const computed: Readonly<Record<string, (table: string) => string>> = {
  event_id: (table) => `${numberOf(`${table}.event_id`)} AS event_id`,
  balance: () => "amount_received - amount_refunded - amount_disputed AS balance",
  kind: () => `${kindOf} AS kind`
}

const kindOf =
  "CASE WHEN corrects IS NULL THEN 'invoice' WHEN credited > 0 THEN 'credit_note' ELSE 'corrective_invoice' END"

const columnsOf = (table: string, row: { readonly fields: object }): string =>
  Object.keys(row.fields).map((column) => computed[column]?.(table) ?? column).join(", ")

const invoiceColumns = [
  ...["seq", "owner", "number", "corrects", "payment_id", "issued_at", `${kindOf} AS kind`],
  "document ->> 'currency' AS currency",
  ...["net", "vat", "gross"].map((sum) => `(document -> 'totals' ->> '${sum}')::bigint AS ${sum}`)
].join(", ")

export class PaymentIndex extends Context.Service<PaymentIndex, {
  readonly payments: KeysetPage.Read<PaymentFilters, typeof PaymentLine.Type>
  readonly disputes: KeysetPage.Read<DisputeFilters, typeof DisputeLine.Type>
  readonly invoices: KeysetPage.Read<InvoiceFilters, typeof InvoiceLine.Type>
}>()("guichet/store/payments/PaymentIndex") {
  static readonly layer: Layer.Layer<PaymentIndex, never, SqlClient.SqlClient> = Layer.effect(
    PaymentIndex,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const ofEvent = (number: number) =>
        sql`event_id IN (SELECT n.event_id FROM event_numbers n WHERE n.number = ${number}::bigint)`
      const since = (column: string) => ({
        from: (from: DateTime.Utc) => sql`${sql(column)} >= ${DateTime.toDateUtc(from)}::timestamptz`,
        to: (to: DateTime.Utc) => sql`${sql(column)} < ${DateTime.toDateUtc(to)}::timestamptz`
      })

      return PaymentIndex.of({
        payments: KeysetPage.make<typeof PaymentLine, PaymentFilters>(
          sql,
          "payments",
          columnsOf("payments", PaymentLine),
          PaymentLine,
          {
            status: (status) => sql`status = ${status}`,
            attention: (attention) => sql`${attention} = ANY(attention)`,
            event_id: ofEvent,
            currency: (currency) => sql`currency = ${currency}`,
            ...since("created_at")
          }
        ),
        disputes: KeysetPage.make<typeof DisputeLine, DisputeFilters>(
          sql,
          "disputes",
          columnsOf("disputes", DisputeLine),
          DisputeLine,
          {
            status: (status) => sql`status = ${status}`,
            payment_id: (paymentId) => sql`payment_id = ${paymentId}`,
            event_id: ofEvent
          }
        ),
        invoices: KeysetPage.make<typeof InvoiceLine, InvoiceFilters>(
          sql,
          "invoices",
          invoiceColumns,
          InvoiceLine,
          {
            kind: (kind) => sql`${sql.literal(kindOf)} = ${kind}`,
            payment_id: (paymentId) => sql`payment_id = ${paymentId}`,
            ...since("issued_at")
          }
        )
      })
    })
  )
}
