/**
 * Invoices and the credit notes that correct them: one book, numbered without a gap, chronological, one invoice a payment,
 * unchangeable once issued.
 */
import { Context, DateTime, Effect, Layer, Option, Schema, Semaphore } from "effect"
import { SqlClient } from "effect/sql"
import { PaymentNotFound } from "../../../rpc/Payment.ts"
import { PaymentProvider, providerTitles } from "../../../rpc/payments/PaymentProvider.ts"
import {
  InvoiceDocument,
  numberDigits,
  numberPrefix,
  type Sale,
  writeCreditNote,
  writeInvoice
} from "./InvoiceDocument.ts"
import { Issuer } from "./Issuer.ts"
import { PaymentRow } from "../../store/payments/PaymentRow.ts"
import * as Rows from "../../store/Rows.ts"
import { durably, isFault, patiently } from "../../store/Transaction.ts"

/**
 * A row of `invoices`; `file_key` is null until its PDF is stored. A credit note has the invoice that it `corrects`, the
 * amount that it has `credited`, and what the payment's credit notes come to with it.
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
  credited: Schema.NullOr(Schema.Int),
  credited_through: Schema.NullOr(Schema.Int)
})
export type InvoiceRow = typeof InvoiceRow.Type

/** A payment with what its invoice says of its event, and the invoice itself; `revision` changes with the payment's row. */
const Invoiced = Schema.Struct({
  ...PaymentRow.fields,
  title: Schema.NullOr(Schema.String),
  starts_at: Rows.AtOrNull,
  revision: Schema.String,
  invoice: Schema.NullOr(Schema.Struct({ ...InvoiceRow.fields, issued_at: Schema.DateTimeUtcFromString }))
})
type Invoiced = typeof Invoiced.Type

const isProvider = Schema.is(PaymentProvider)
const decodeInvoices = Schema.decodeUnknownEffect(Schema.Array(InvoiceRow))
const decodePayments = Schema.decodeUnknownEffect(Schema.Array(Invoiced))
const encodeDocument = Schema.encodeEffect(InvoiceDocument)
const ThroughRow = Schema.Struct({ credited_through: Schema.Int })

const decodeCredited = Schema.decodeUnknownEffect(Schema.Tuple([Schema.Struct({ credited: Schema.Int })]))

/** Nobody changes what is held. */
const held = <A, E, R>(written: Effect.Effect<Option.Option<A>, E, R>) =>
  Effect.flatMap(
    written,
    Option.match({
      onNone: () => Effect.die(new Error("A held payment was changed")),
      onSome: Effect.succeed
    })
  )

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
   * Issues the credit note of what went back of the payment since the last one: its refunds and lost disputes less the
   * credit notes that it has. None where nothing is due, or nothing was invoiced.
   */
  readonly credit: (paymentId: string) => Effect.Effect<Option.Option<InvoiceRow>, PaymentNotFound>
  /** What the payment's credit notes come to with each of them. */
  readonly creditedThrough: (paymentId: string) => Effect.Effect<ReadonlyArray<number>>
  /** The credit note that covers what refunds of the payment came to. */
  readonly creditNote: (paymentId: string, refunded: number) => Effect.Effect<Option.Option<InvoiceRow>>
  /** Notes where the PDF is; the first key stays. */
  readonly filed: (number: string, fileKey: string) => Effect.Effect<void>
  readonly forPayment: (paymentId: string) => Effect.Effect<Option.Option<InvoiceRow>>
  /** A payment and its invoice, as they are at one moment. */
  readonly withPayment: (paymentId: string) => Effect.Effect<
    Option.Option<{ readonly payment: PaymentRow; readonly invoice: Option.Option<InvoiceRow> }>
  >
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

      /** The payment with its invoice, as they are now. */
      const read = Effect.fnUntraced(function* (paymentId: string) {
        const [payment] = yield* Effect.flatMap(
          sql`
            SELECT p.*, p.xmin::text AS revision, e.title, e.starts_at,
              (SELECT to_jsonb(i) FROM invoices i WHERE i.payment_id = p.payment_id AND i.corrects IS NULL) AS invoice
            FROM payments p LEFT JOIN events e USING (event_id) WHERE p.payment_id = ${paymentId}`,
          decodePayments
        )
        return payment ?? (yield* new PaymentNotFound({ payment_id: paymentId }))
      })

      /** Held until the transaction ends. */
      const lock = (paymentId: string) =>
        sql`SELECT payment_id FROM payments WHERE payment_id = ${paymentId} FOR UPDATE`

      const saleOf = (payment: Invoiced, paidAt: DateTime.Utc): Sale => ({
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

      /**
       * The next page of the book of the year in which it is issued, with what is written on it: number and time are the
       * book's, which goes on by the same statement. None when the payment is another than was read: whoever issues for it
       * writes its row anew. The time is taken before the book is locked, so that the year's last invoice is of that year.
       */
      const write = Effect.fnUntraced(function* (
        payment: Invoiced,
        written: (number: string, issuedAt: DateTime.Utc) => InvoiceDocument,
        credit?: { readonly corrects: string; readonly amount: number; readonly through: number }
      ) {
        const now = yield* DateTime.now
        const year = issuer.yearOf(now)
        const { issuedAt: _issuedAt, number: _number, ...document } = yield* encodeDocument(written("", now))
        const [row] = yield* Effect.flatMap(
          sql`
            WITH payment AS (
              UPDATE payments SET updated_at = updated_at
              WHERE payment_id = ${payment.payment_id} AND xmin::text = ${payment.revision} RETURNING payment_id
            ), page AS (
              INSERT INTO invoice_books AS book (issuer, year, next, issued_at)
              SELECT ${issuer.prefix}, ${year}::int, 2, ${DateTime.toDateUtc(now)}::timestamptz FROM payment
              ON CONFLICT (issuer, year) DO UPDATE SET next = book.next + 1,
                issued_at = greatest(book.issued_at, excluded.issued_at)
              RETURNING next - 1 AS sequence, issued_at
            ), numbered AS (
              SELECT sequence, issued_at, ${numberPrefix(issuer.prefix, year)}::text ||
                lpad(sequence::text, greatest(${numberDigits}::int, length(sequence::text)), '0') AS number FROM page
            )
            INSERT INTO invoices (issuer, year, sequence, number, payment_id, flow_id, owner, issued_at, document,
              corrects, credited, credited_through)
            SELECT ${issuer.prefix}, ${year}::int, sequence, number, ${payment.payment_id}, ${payment.flow_id},
              ${payment.owner}, issued_at, ${
            JSON.stringify(document)
          }::jsonb || jsonb_build_object('number', number,
                'issuedAt', to_char(issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
              ${credit?.corrects ?? null}, ${credit?.amount ?? null}::bigint, ${
            credit?.through ?? null
          }::bigint
            FROM numbered RETURNING *`,
          decodeInvoices
        )
        return Option.fromNullishOr(row)
      })

      const issueOnce = Effect.fnUntraced(function* (paymentId: string) {
        const payment = yield* read(paymentId)
        if (payment.invoice !== null) return Option.some<InvoiceRow>(payment.invoice)
        const sale = saleOf(payment, yield* settledAt(payment))
        return yield* write(payment, (number, at) => writeInvoice(issuer, sale, number, at))
      })

      /** Two statements where nobody changes the payment between them, as nearly always; under its lock otherwise. */
      const issue: InvoiceStore["Service"]["issue"] = Effect.fn("InvoiceStore.issue")((paymentId) =>
        turn.withPermit(Effect.gen(function* () {
          const issued = yield* patiently(issueOnce(paymentId))
          if (Option.isSome(issued)) return issued.value
          return yield* durably(sql, Effect.andThen(lock(paymentId), held(issueOnce(paymentId))))
        }))
      )

      const creditedSoFar = (paymentId: string) =>
        Effect.map(
          Effect.flatMap(
            sql`SELECT coalesce(sum(credited), 0)::bigint AS credited FROM invoices WHERE payment_id = ${paymentId}`,
            decodeCredited
          ),
          ([{ credited }]) => credited
        )

      const credit: InvoiceStore["Service"]["credit"] = Effect.fn("InvoiceStore.credit")((paymentId) =>
        turn.withPermit(durably(
          sql,
          Effect.gen(function* () {
            yield* lock(paymentId)
            const { invoice, ...payment } = yield* read(paymentId)
            if (invoice === null) return Option.none()
            const amount = payment.amount_credited - (yield* creditedSoFar(paymentId))
            if (amount <= 0) return Option.none()
            const { document } = invoice
            return Option.some(
              yield* held(
                write(
                  { ...payment, invoice },
                  (number, at) => writeCreditNote(document, amount, number, at),
                  {
                    corrects: invoice.number,
                    amount,
                    through: payment.amount_credited
                  }
                )
              )
            )
          })
        ))
      )

      const creditedThrough = (paymentId: string) =>
        Effect.map(
          Rows.all(ThroughRow)(sql`
            SELECT credited_through FROM invoices WHERE payment_id = ${paymentId} AND corrects IS NOT NULL`),
          (rows) => rows.map(({ credited_through }) => credited_through)
        )

      const creditNote = (paymentId: string, refunded: number) =>
        Rows.first(InvoiceRow)(sql`
          SELECT * FROM invoices WHERE payment_id = ${paymentId} AND credited_through >= ${refunded}::bigint
          ORDER BY credited_through LIMIT 1`)

      const filed = (number: string, fileKey: string) =>
        Rows.run(sql`UPDATE invoices SET file_key = ${fileKey} WHERE number = ${number} AND file_key IS NULL`)

      const forPayment = (paymentId: string) =>
        Rows.first(InvoiceRow)(sql`
          SELECT * FROM invoices WHERE payment_id = ${paymentId} AND corrects IS NULL`)

      const withPayment: InvoiceStore["Service"]["withPayment"] = (paymentId) =>
        Effect.map(
          Effect.option(Effect.catchIf(read(paymentId), isFault, (fault) => Effect.die(fault))),
          Option.map(({ invoice, ...payment }) => ({ payment, invoice: Option.fromNullOr(invoice) }))
        )

      const get = (number: string) =>
        Rows.first(InvoiceRow)(sql`SELECT * FROM invoices WHERE number = ${number}`)

      return InvoiceStore.of({
        issue,
        credit,
        creditedThrough,
        creditNote,
        filed,
        forPayment,
        withPayment,
        get
      })
    })
  )
}
