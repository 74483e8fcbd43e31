/**
 * What corrects an invoice once money went back, or came again. A credit note is for money that went back: a refund, a
 * lost dispute. Where that turns out not to have happened (the bank sent the refund back, the dispute was won after all),
 * the credit note stays in the book and a corrective invoice takes it back. So invoice less credit notes plus corrective
 * invoices is at any time what was kept, at each rate and to the cent of its VAT: every correction goes on from what the
 * earlier ones came to.
 */
import type { DateTime } from "effect"
import { type Carried, invoiceTotals } from "../../print/invoices/InvoiceTotals.ts"
import type { InvoiceDocument } from "./InvoiceDocument.ts"

const sumOf = (amounts: ReadonlyArray<number>): number => amounts.reduce((sum, amount) => sum + amount, 0)

/** What documents come to at each rate, in the order of the invoice's lines. */
const grossByRate = (documents: ReadonlyArray<InvoiceDocument>): ReadonlyArray<Carried> => {
  const rates = new Map<number, number>()
  for (const { quantity, unitAmount, vatRateBasisPoints: rate } of documents.flatMap(({ lines }) => lines)) {
    rates.set(rate, (rates.get(rate) ?? 0) + quantity * unitAmount)
  }
  return [...rates].map(([vatRateBasisPoints, gross]) => ({ vatRateBasisPoints, gross }))
}

/**
 * An amount over parts in proportion to their size, to the last unit: what is left of rounding down goes to those that
 * lost most by it, so that none gets more than it has. The amount is at most what the parts come to.
 */
export const allotted = (amount: number, parts: ReadonlyArray<number>): ReadonlyArray<number> => {
  const whole = BigInt(sumOf(parts))
  if (whole === 0n) return parts.map(() => 0)
  const shares = parts.map((part, at) => {
    const product = BigInt(amount) * BigInt(part)
    return { at, share: Number(product / whole), lost: product % whole }
  })
  const left = amount - sumOf(shares.map(({ share }) => share))
  const most = shares.toSorted((a, b) => a.lost === b.lost ? a.at - b.at : a.lost > b.lost ? -1 : 1)
  const extra = new Set(most.slice(0, left).map(({ at }) => at))
  return shares.map(({ at, share }) => share + (extra.has(at) ? 1 : 0))
}

const words = {
  fr: { part: "Remboursement partiel", back: "Annulation d’avoir" },
  en: { part: "Partial refund", back: "Credit note taken back" }
} as const

/** One line a rate: the amount over what is there at each. */
const linesOf = (
  invoice: InvoiceDocument,
  amount: number,
  there: ReadonlyArray<Carried>,
  what: "part" | "back"
): InvoiceDocument["lines"] => {
  const shares = allotted(amount, there.map(({ gross }) => gross))
  const says = words[invoice.locale === "fr" ? "fr" : "en"][what]
  const labelOf = (rate: number) =>
    invoice.lines.find(({ vatRateBasisPoints }) => vatRateBasisPoints === rate)?.label ?? invoice.number
  return there.flatMap(({ vatRateBasisPoints }, at) =>
    shares[at] === 0 ? [] : [{
      label: `${says} – ${labelOf(vatRateBasisPoints)}`,
      quantity: what === "part" ? -1 : 1,
      unitAmount: shares[at]!,
      vatRateBasisPoints
    }]
  )
}

/** A document of the book under its number and time. */
export interface Page {
  readonly number: string
  readonly issuedAt: DateTime.Utc
}

const writeCorrection = (
  invoice: InvoiceDocument,
  carried: ReadonlyArray<Carried>,
  lines: InvoiceDocument["lines"],
  page: Page
): InvoiceDocument => {
  const { gross, net, vat } = invoiceTotals(lines, carried)
  return {
    ...invoice,
    ...page,
    corrects: { number: invoice.number, issuedAt: invoice.issuedAt },
    carried,
    lines,
    totals: { net, vat, gross }
  }
}

/** What corrections of the invoice came to so far: nothing, or less than nothing, at each of its rates. */
const carriedOf = (invoice: InvoiceDocument, earlier: ReadonlyArray<InvoiceDocument>) => {
  const corrections = grossByRate(earlier)
  return grossByRate([invoice]).map(({ vatRateBasisPoints: rate }): Carried => ({
    vatRateBasisPoints: rate,
    gross: corrections.find(({ vatRateBasisPoints }) => vatRateBasisPoints === rate)?.gross ?? 0
  }))
}

/**
 * Writes the credit note of an amount, VAT included, that was paid by the invoice and goes back (CGI, annexe II, art. 242
 * nonies A; it names the invoice that it corrects, CGI art. 289, I, 5). All of an invoice is given back line by line, a
 * part of it in one line a rate, in proportion to what is left at each.
 */
export const writeCreditNote = (
  invoice: InvoiceDocument,
  earlier: ReadonlyArray<InvoiceDocument>,
  amount: number,
  page: Page
): InvoiceDocument => {
  const carried = carriedOf(invoice, earlier)
  const isWhole = amount === invoice.totals.gross && carried.every(({ gross }) => gross === 0)
  const left = grossByRate([invoice]).map((rate, at) => ({ ...rate, gross: rate.gross + carried[at]!.gross }))
  const lines = isWhole
    ? invoice.lines.map((line) => ({ ...line, quantity: -line.quantity }))
    : linesOf(invoice, amount, left, "part")
  return writeCorrection(invoice, carried, lines, page)
}

/** How much of each credit note is not taken back yet. */
const standing = (notes: ReadonlyArray<InvoiceDocument>) => {
  const back = new Map<string, number>()
  for (const { amount, number } of notes.flatMap(({ reverses }) => reverses ?? [])) {
    back.set(number, (back.get(number) ?? 0) + amount)
  }
  return notes.filter(({ reverses }) => reverses === undefined).map(({ issuedAt, number, totals }) => ({
    number,
    issuedAt,
    amount: -totals.gross - (back.get(number) ?? 0)
  })).filter(({ amount }) => amount > 0)
}

/** The credit note of just this amount, the newest first; else the newest ones, as far as it takes. */
const reversedBy = (amount: number, notes: ReturnType<typeof standing>) => {
  const newest = notes.toReversed()
  const same = newest.find((note) => note.amount === amount)
  if (same !== undefined) return [same]
  let left = amount
  return newest.flatMap((note) => {
    const taken = Math.min(left, note.amount)
    left -= taken
    return taken === 0 ? [] : [{ ...note, amount: taken }]
  })
}

/**
 * Writes the corrective invoice that takes an amount of earlier credit notes back: what they were issued for did not stay
 * so. It names them, as whatever changes a document of the book must (CGI art. 289, I, 5).
 */
export const writeReversal = (
  invoice: InvoiceDocument,
  earlier: ReadonlyArray<InvoiceDocument>,
  amount: number,
  page: Page
): InvoiceDocument => {
  const carried = carriedOf(invoice, earlier)
  const credited = carried.map(({ gross, vatRateBasisPoints }) => ({ vatRateBasisPoints, gross: -gross }))
  return {
    ...writeCorrection(invoice, carried, linesOf(invoice, amount, credited, "back"), page),
    reverses: reversedBy(amount, standing(earlier))
  }
}
