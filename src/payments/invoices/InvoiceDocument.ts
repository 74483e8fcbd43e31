/** An invoice as it is archived: every figure and every word it was issued with, for good. */
import { DateTime, Schema } from "effect"
import type { InvoiceInput } from "../../print/invoices/InvoicePdf.ts"
import { invoiceTotals } from "../../print/invoices/InvoiceTotals.ts"
import type { Issuer } from "./Issuer.ts"

const Party = Schema.Struct({
  name: Schema.String,
  address: Schema.optional(Schema.Array(Schema.String)),
  email: Schema.optional(Schema.String),
  siren: Schema.optional(Schema.String),
  vat: Schema.optional(Schema.String)
})

/** Another document of the book. */
const issued = { number: Schema.String, issuedAt: Schema.DateTimeUtcFromString }

/**
 * Amounts are minor units, VAT included; instants are ISO 8601 in UTC and shown in `timezone`. What is sold is supplied at
 * the event (CGI, annexe II, art. 242 nonies A, 10°); older documents do not say when.
 */
export const InvoiceDocument = Schema.Struct({
  number: Schema.String,
  issuedAt: Schema.DateTimeUtcFromString,
  paidAt: Schema.DateTimeUtcFromString,
  suppliedAt: Schema.optional(Schema.DateTimeUtcFromString),
  paidBy: Schema.String,
  paymentId: Schema.String,
  /** The invoice that a credit note corrects; its lines then have negative quantities. */
  corrects: Schema.optional(Schema.Struct(issued)),
  /** The credit notes that a corrective invoice takes back, and how much of each. */
  reverses: Schema.optional(Schema.Array(Schema.Struct({ ...issued, amount: Schema.Int }))),
  /** What the corrections of the invoice came to before this one, at each rate. */
  carried: Schema.optional(
    Schema.Array(Schema.Struct({ vatRateBasisPoints: Schema.Int, gross: Schema.Int }))
  ),
  locale: Schema.String,
  timezone: Schema.String,
  currency: Schema.String,
  issuer: Party,
  customer: Party,
  lines: Schema.Array(Schema.Struct({
    label: Schema.String,
    quantity: Schema.Int,
    unitAmount: Schema.Int,
    vatRateBasisPoints: Schema.Int
  })),
  totals: Schema.Struct({ net: Schema.Int, vat: Schema.Int, gross: Schema.Int })
})
export type InvoiceDocument = typeof InvoiceDocument.Type

/** What is invoiced: `amount` for `quantity` tickets of the event called `title`. */
export interface Sale {
  readonly paymentId: string
  readonly amount: number
  readonly currency: string
  readonly quantity: number
  readonly title: string | null
  readonly startsAt: DateTime.Utc | null
  readonly customer: { readonly name: string; readonly email?: string }
  readonly paidAt: DateTime.Utc
  readonly paidBy: string
}

const lineOf = ({ amount, quantity, title }: Sale, { locale, vatBasisPoints }: Issuer["Service"]) => {
  const what = locale === "fr" ? (quantity > 1 ? "Billets" : "Billet") : (quantity > 1 ? "Tickets" : "Ticket")
  const label = title === null ? what : `${what} – ${title}`
  const whole = amount % quantity === 0
  return {
    label: whole ? label : `${quantity} × ${label}`,
    quantity: whole ? quantity : 1,
    unitAmount: whole ? amount / quantity : amount,
    vatRateBasisPoints: vatBasisPoints
  }
}

/** Writes the document; a price that its tickets do not divide is one line for them all. */
export const writeInvoice = (
  issuer: Issuer["Service"],
  sale: Sale,
  number: string,
  issuedAt: DateTime.Utc
): InvoiceDocument => {
  const lines = [lineOf(sale, issuer)]
  const { net, vat, gross } = invoiceTotals(lines)
  return {
    number,
    issuedAt,
    paidAt: sale.paidAt,
    suppliedAt: sale.startsAt ?? undefined,
    paidBy: sale.paidBy,
    paymentId: sale.paymentId,
    locale: issuer.locale,
    timezone: DateTime.zoneToString(issuer.timezone),
    currency: sale.currency,
    issuer: issuer.particulars,
    customer: sale.customer,
    lines,
    totals: { net, vat, gross }
  }
}

const toIssued = ({ issuedAt, number }: { readonly number: string; readonly issuedAt: DateTime.Utc }) => ({
  number,
  issuedAt: DateTime.toDateUtc(issuedAt)
})

/** The document as `InvoicePdf.render` wants it. */
export const toPdfInput = (document: InvoiceDocument): InvoiceInput => ({
  number: document.number,
  issuedAt: DateTime.toDateUtc(document.issuedAt),
  suppliedAt: DateTime.toDateUtc(document.suppliedAt ?? document.paidAt),
  ...(document.corrects === undefined
    ? { paid: { at: DateTime.toDateUtc(document.paidAt), method: document.paidBy } }
    : {
      corrects: toIssued(document.corrects),
      reverses: document.reverses?.map(toIssued)
    }),
  carried: document.carried,
  locale: document.locale,
  timezone: document.timezone,
  currency: document.currency,
  issuer: document.issuer,
  customer: document.customer,
  lines: document.lines
})

/** So many digits a number has at least. */
export const numberDigits = 6

/** `G-2026-`: what the numbers of a book begin with. */
export const numberPrefix = (prefix: string, year: number): string => `${prefix}-${year}-`

/** `G-2026-000001`: the issuer's prefix, the year of its book, and at least six digits. */
export const invoiceNumber = (prefix: string, year: number, sequence: number): string =>
  `${numberPrefix(prefix, year)}${String(sequence).padStart(numberDigits, "0")}`
