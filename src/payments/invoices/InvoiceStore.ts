/**
 * Invoices and what corrects them: one book, numbered without a gap, chronological, one invoice a payment,
 * unchangeable once issued.
 */
import { Context, DateTime, Effect, Layer, Option, Schema, Semaphore } from "effect"
import { SqlClient } from "effect/sql"
import { PaymentNotFound } from "../../../rpc/Payment.ts"
import { PaymentProvider, providerTitles } from "../../../rpc/payments/PaymentProvider.ts"
import { InvoiceDocument, invoiceNumber, type Sale, writeInvoice } from "./InvoiceDocument.ts"
import { type Page, writeCreditNote, writeReversal } from "./Corrections.ts"
import { Issuer } from "./Issuer.ts"
import { PaymentRow } from "../../store/payments/PaymentRow.ts"
import * as Rows from "../../store/Rows.ts"
import { durably } from "../../store/Transaction.ts"

/**
 * A row of `invoices`; `file_key` is null until its PDF is stored. A correction has the invoice that it `corrects` and
 * which of its corrections it is; what a credit note has `credited` is positive, what a corrective invoice takes back
 * negative; `credited_through` is what refunds of the payment had ever come to by then.
 */
export const InvoiceRow = Schema.Struct({
  issuer: Schema.String,
  year: Schema.Int,
  sequence: Schema.Int,
  number: Schema.String,
  payment_id: Schema.String,
  flow_id: Schema.NullOr(Schema.String),
  owner: Schema.NullOr(Schema.String),
  issued_at: Rows.At,
  document: InvoiceDocument,
  file_key: Schema.NullOr(Schema.String),
  corrects: Schema.NullOr(Schema.String),
  correction: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  credited: Schema.NullOr(Schema.Int),
  credited_through: Schema.NullOr(Schema.Int)
})
export type InvoiceRow = typeof InvoiceRow.Type

const Invoiced = Schema.Struct({
  ...PaymentRow.fields,
  title: Schema.NullOr(Schema.String),
  starts_at: Rows.AtOrNull
})

/** The `nth` correction of an invoice, in the amount that it credits. */
interface Correction {
  readonly corrects: string
  readonly nth: number
  readonly amount: number
  readonly through: number
}

const isProvider = Schema.is(PaymentProvider)
const decodeInvoices = Schema.decodeUnknownEffect(Schema.Array(InvoiceRow))
const decodePayments = Schema.decodeUnknownEffect(Schema.Array(Invoiced))
const encodeDocument = Schema.encodeEffect(InvoiceDocument)
const decodeSequence = Schema.decodeUnknownEffect(Schema.Tuple([Schema.Struct({ sequence: Schema.Int })]))
const ThroughRow = Schema.Struct({ credited_through: Schema.Int })

const decodeTime = Schema.decodeUnknownEffect(Schema.Tuple([Schema.Struct({ issued_at: Rows.At })]))

/** A payment that began with a webhook names no provider: it came the way of the first. */
const nameOf = ({ gateway, payment_method: method }: PaymentRow): string => {
  if (method === null) return providerTitles[isProvider(gateway) ? gateway : PaymentProvider.literals[0]]
  return [method.brand ?? method.type, ...(method.last4 === undefined ? [] : [`•••• ${method.last4}`])].join(
    " "
  )
}

export class InvoiceStore extends Context.Service<InvoiceStore, {
  /** Issues the payment's invoice under the next number of its book, or returns the one it has. */
  readonly issue: (paymentId: string) => Effect.Effect<InvoiceRow, PaymentNotFound>
  /**
   * Issues what makes the payment's corrections come to what went back by now, its refunds and lost disputes: a credit
   * note of what is missing, or a corrective invoice of what came again. None where nothing is due, or nothing was invoiced.
   */
  readonly credit: (paymentId: string) => Effect.Effect<Option.Option<InvoiceRow>, PaymentNotFound>
  /** What refunds of the payment had ever come to when each of its credit notes was issued. */
  readonly creditedThrough: (paymentId: string) => Effect.Effect<ReadonlyArray<number>>
  /** The credit note that covers what refunds of the payment came to. */
  readonly creditNote: (paymentId: string, refunded: number) => Effect.Effect<Option.Option<InvoiceRow>>
  /** Notes where the PDF is; the first key stays. */
  readonly filed: (number: string, fileKey: string) => Effect.Effect<void>
  readonly forPayment: (paymentId: string) => Effect.Effect<Option.Option<InvoiceRow>>
  readonly get: (number: string) => Effect.Effect<Option.Option<InvoiceRow>>
}>()("guichet/payments/invoices/InvoiceStore") {
  static readonly layer: Layer.Layer<InvoiceStore, never, SqlClient.SqlClient | Issuer> = Layer.effect(
    InvoiceStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const issuer = yield* Issuer
      /** One connection of this process at most waits for the locked book: the others serve scans meanwhile. */
      const turn = yield* Semaphore.make(1)

      const settledAt = (payment: PaymentRow) =>
        payment.settled_at === null ? DateTime.now : Effect.succeed(payment.settled_at)

      const lockPayment = Effect.fnUntraced(function* (paymentId: string) {
        const [payment] = yield* Effect.flatMap(
          sql`
            SELECT p.*, (SELECT title FROM events e WHERE e.event_id = p.event_id) AS title,
              (SELECT starts_at FROM events e WHERE e.event_id = p.event_id) AS starts_at
            FROM payments p WHERE p.payment_id = ${paymentId} FOR UPDATE OF p`,
          decodePayments
        )
        return payment ?? (yield* new PaymentNotFound({ payment_id: paymentId }))
      })

      /**
       * The next page of the book of the year in which it is issued. The time is taken before the book is locked, so that the
       * year's last invoice is of that year. The book stays locked until the transaction ends; only the next statement sees
       * what was written before.
       */
      const turnPage = Effect.gen(function* () {
        const now = yield* DateTime.now
        const year = issuer.yearOf(now)
        const [{ sequence }] = yield* Effect.flatMap(
          sql`
            INSERT INTO invoice_books AS book (issuer, year, next) VALUES (${issuer.prefix}, ${year}::int, 2)
            ON CONFLICT (issuer, year) DO UPDATE SET next = book.next + 1 RETURNING next - 1 AS sequence`,
          decodeSequence
        )
        const [{ issued_at }] = yield* Effect.flatMap(
          sql`
            SELECT greatest(${DateTime.toDateUtc(now)}::timestamptz, max(issued_at)) AS issued_at
            FROM invoices WHERE issuer = ${issuer.prefix} AND year = ${year}::int`,
          decodeTime
        )
        return { year, sequence, issued_at }
      })

      const saleOf = (payment: typeof Invoiced.Type, paidAt: DateTime.Utc): Sale => ({
        paymentId: payment.payment_id,
        amount: payment.amount,
        currency: payment.currency,
        quantity: Math.max(payment.metadata?.ticket_count ?? 1, 1),
        title: payment.title,
        startsAt: payment.starts_at,
        customer: {
          name: payment.customer?.name ?? "–",
          ...(payment.customer && { email: payment.customer.email })
        },
        paidAt,
        paidBy: nameOf(payment)
      })

      const existing = (paymentId: string) =>
        Effect.flatMap(
          sql`SELECT * FROM invoices WHERE payment_id = ${paymentId} AND corrects IS NULL`,
          decodeInvoices
        )

      /** The next page with what is written on it. */
      const write = Effect.fnUntraced(function* (
        payment: PaymentRow,
        written: (page: Page) => InvoiceDocument,
        correction: Correction | undefined
      ) {
        const page = yield* turnPage
        const number = invoiceNumber(issuer.prefix, page.year, page.sequence)
        const document = yield* encodeDocument(written({ number, issuedAt: page.issued_at }))
        const [row] = yield* Effect.flatMap(
          sql`
            INSERT INTO invoices (issuer, year, sequence, number, payment_id, flow_id, owner, issued_at, document,
              corrects, correction, credited, credited_through)
            VALUES (${issuer.prefix}, ${page.year}::int, ${page.sequence}::int, ${number}, ${payment.payment_id},
              ${payment.flow_id}, ${payment.owner}, ${DateTime.toDateUtc(page.issued_at)}::timestamptz,
              ${JSON.stringify(document)}::jsonb, ${correction?.corrects ?? null},
              ${correction?.nth ?? null}::int, ${correction?.amount ?? null}::bigint,
              ${correction?.through ?? null}::bigint) RETURNING *`,
          decodeInvoices
        )
        return row ?? (yield* Effect.die(new Error("An inserted document was not returned")))
      })

      const issue: InvoiceStore["Service"]["issue"] = Effect.fn("InvoiceStore.issue")((paymentId) =>
        turn.withPermit(durably(
          sql,
          Effect.gen(function* () {
            const payment = yield* lockPayment(paymentId)
            const [issued] = yield* existing(paymentId)
            if (issued !== undefined) return issued
            const settled = yield* settledAt(payment)
            const sale = saleOf(payment, settled)
            return yield* write(
              payment,
              ({ issuedAt, number }) => writeInvoice(issuer, sale, number, issuedAt),
              undefined
            )
          })
        ))
      )

      const corrections = (paymentId: string) =>
        Effect.flatMap(
          sql`
            SELECT * FROM invoices WHERE payment_id = ${paymentId} AND corrects IS NOT NULL
            ORDER BY correction`,
          decodeInvoices
        )

      const credit: InvoiceStore["Service"]["credit"] = Effect.fn("InvoiceStore.credit")((paymentId) =>
        turn.withPermit(durably(
          sql,
          Effect.gen(function* () {
            const payment = yield* lockPayment(paymentId)
            const [invoice] = yield* existing(paymentId)
            if (invoice === undefined) return Option.none()
            const earlier = yield* corrections(paymentId)
            const soFar = earlier.reduce((sum, { credited }) => sum + (credited ?? 0), 0)
            const amount = payment.amount_credited - soFar
            if (amount === 0) return Option.none()
            const written = amount > 0 ? writeCreditNote : writeReversal
            const documents = earlier.map(({ document }) => document)
            return Option.some(
              yield* write(
                payment,
                (page) => written(invoice.document, documents, Math.abs(amount), page),
                {
                  corrects: invoice.number,
                  nth: earlier.length + 1,
                  amount,
                  through: payment.refunded_through
                }
              )
            )
          })
        ))
      )

      const creditedThrough = (paymentId: string) =>
        Effect.map(
          Rows.all(ThroughRow)(sql`
            SELECT credited_through FROM invoices WHERE payment_id = ${paymentId} AND credited > 0`),
          (rows) => rows.map(({ credited_through }) => credited_through)
        )

      const creditNote = (paymentId: string, refunded: number) =>
        Rows.first(InvoiceRow)(sql`
          SELECT * FROM invoices WHERE payment_id = ${paymentId} AND credited > 0
            AND credited_through >= ${refunded}::bigint
          ORDER BY credited_through, correction LIMIT 1`)

      const filed = (number: string, fileKey: string) =>
        Rows.run(sql`UPDATE invoices SET file_key = ${fileKey} WHERE number = ${number} AND file_key IS NULL`)

      const forPayment = (paymentId: string) =>
        Rows.first(InvoiceRow)(sql`
          SELECT * FROM invoices WHERE payment_id = ${paymentId} AND corrects IS NULL`)

      const get = (number: string) =>
        Rows.first(InvoiceRow)(sql`SELECT * FROM invoices WHERE number = ${number}`)

      return InvoiceStore.of({ issue, credit, creditedThrough, creditNote, filed, forPayment, get })
    })
  )
}
