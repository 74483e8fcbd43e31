/**
 * An invoice or credit note as a PDF: plain input in, bytes out; everything that is summed is summed here.
 */
import * as Effect from "effect/Effect"
import { format, formatUnit } from "../../../rpc/values/Money.ts"
import { Canvas } from "../pdf/Canvas.ts"
import { mm } from "../pdf/Shapes.ts"
import type { Fonts } from "../pdf/Fonts.ts"
import type { DecodedLogo } from "../pdf/Logo.ts"
import { PdfError, writePdf } from "../pdf/PdfWriter.ts"
import { drawInvoice, type InvoiceView } from "./InvoiceLayout.ts"
import type { InvoiceParty } from "./InvoiceParty.ts"
import { invoiceFormats, invoiceLanguage, type InvoiceWords, invoiceWords } from "./InvoiceText.ts"
import { type Carried, type InvoiceLine, invoiceTotals } from "./InvoiceTotals.ts"

/** Another document of the book. */
interface Issued {
  readonly number: string
  readonly issuedAt: Date
}

/**
 * All that an invoice says. A credit note has `corrects`, and lines with negative quantities; a corrective invoice takes
 * the credit notes back that it `reverses`. Both go on from what earlier corrections `carried`.
 */
export interface InvoiceInput {
  readonly number: string
  readonly issuedAt: Date
  readonly suppliedAt?: Date | undefined
  readonly paid?: { readonly at: Date; readonly method?: string | undefined } | undefined
  readonly dueAt?: Date | undefined
  readonly corrects?: Issued | undefined
  readonly reverses?: ReadonlyArray<Issued> | undefined
  readonly carried?: ReadonlyArray<Carried> | undefined
  readonly locale: string
  readonly timezone: string
  readonly currency: string
  readonly issuer: InvoiceParty
  readonly customer: InvoiceParty
  readonly lines: ReadonlyArray<InvoiceLine>
  readonly mentions?: ReadonlyArray<string> | undefined
  readonly logo?: DecodedLogo | undefined
}

/** What a document is and what it refers to. */
const titleOf = ({ corrects, reverses }: InvoiceInput, words: InvoiceWords): string =>
  reverses !== undefined ? words.correctiveInvoice : corrects === undefined ? words.invoice : words.creditNote

const referenceOf = (
  { corrects, reverses }: InvoiceInput,
  words: InvoiceWords,
  date: (at: Date) => string
): string | undefined =>
  reverses !== undefined
    ? words.reverses(reverses.map(({ issuedAt, number }) => words.numbered(number, date(issuedAt))))
    : corrects && words.corrects(corrects.number, date(corrects.issuedAt))

/** Throws a `RangeError` for what `Intl` does not know, the currency included. */
const prepare = (input: InvoiceInput): InvoiceView => {
  const words = invoiceWords(invoiceLanguage(input.locale))
  const { date, rate, locale } = invoiceFormats(input.locale, input.timezone)
  const totals = invoiceTotals(input.lines, input.carried)
  const money = (amount: number): string => format(amount, input.currency, locale)
  money(totals.gross)
  const untaxed = input.issuer.vat === undefined && totals.vat === 0
  return {
    words,
    title: titleOf(input, words),
    number: input.number,
    issued: date(input.issuedAt),
    supplied: date(input.suppliedAt ?? input.issuedAt),
    corrects: referenceOf(input, words, date),
    settlement: input.paid !== undefined
      ? words.paid(date(input.paid.at), input.paid.method)
      : input.dueAt && words.due(date(input.dueAt)),
    issuer: input.issuer,
    customer: input.customer,
    totals,
    rate,
    money,
    unit: (amount) => formatUnit(amount, input.currency, locale),
    mentions: [
      ...(untaxed ? [words.exempt] : []),
      words.services,
      ...(input.customer.siren === undefined ? [] : [words.professional]),
      ...(input.mentions ?? [])
    ],
    logo: input.logo
  }
}

/** Draws and writes an invoice; totals and VAT per rate are computed from the lines. */
const render = Effect.fn("InvoicePdf.render")(function* (fonts: Fonts["Service"], input: InvoiceInput) {
  if (input.lines.length === 0) {
    return yield* new PdfError({ reason: "empty", message: "An invoice has at least one line." })
  }
  const view = yield* Effect.try({
    try: () => prepare(input),
    catch: () =>
      new PdfError({
        reason: "date",
        message: "A date, the time zone, the locale or the currency of the invoice is not known."
      })
  })
  const pages = yield* fonts.complete(() => drawInvoice(() => new Canvas(fonts, 210 * mm, 297 * mm), view))
  return yield* writePdf(fonts, pages, {
    title: `${view.title} ${view.number}`,
    language: invoiceLanguage(input.locale),
    author: input.issuer.name,
    createdAt: input.issuedAt
  })
})

/** Invoice PDFs. */
export const InvoicePdf = { render }
