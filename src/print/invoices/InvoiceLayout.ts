/**
 * Where everything stands on an invoice: head, parties, lines over as many pages as they need, totals,
 * mentions.
 */
import type { Canvas } from "../pdf/Canvas.ts"
import type { DecodedLogo } from "../pdf/Logo.ts"
import type { InvoiceParty } from "./InvoiceParty.ts"
import type { InvoiceWords } from "./InvoiceText.ts"
import type { InvoiceTotals } from "./InvoiceTotals.ts"

/** An invoice ready to draw. */
export interface InvoiceView {
  readonly words: InvoiceWords
  readonly title: string
  readonly number: string
  readonly issued: string
  readonly supplied: string
  readonly corrects: string | undefined
  readonly settlement: string | undefined
  readonly issuer: InvoiceParty
  readonly customer: InvoiceParty
  readonly totals: InvoiceTotals
  readonly rate: (basisPoints: number) => string
  readonly money: (amount: number) => string
  /** A price of one. */
  readonly unit: (amount: number) => string
  readonly mentions: ReadonlyArray<string>
  readonly logo: DecodedLogo | undefined
}

const ink = { text: "#14171c", grey: "#687080", line: "#c9ced6", paper: "#f4f5f8" } as const
const margin = 50
const right = 545
const width = right - margin
const foot = 780

/** Right edges of the numeric columns; the label takes what is left. */
const columns = { quantity: 278, unitNet: 350, rate: 388, net: 462, gross: right - 8 } as const
const labelWidth = 196

const plain = { size: 9, fill: ink.text } as const
const small = { size: 8, fill: ink.grey } as const

const partyLines = (party: InvoiceParty, words: InvoiceWords): ReadonlyArray<string> =>
  [
    ...(party.address ?? []),
    party.email,
    party.siren && `${words.siren} ${party.siren}`,
    party.vat && `${words.vatNumber} ${party.vat}`,
    party.legal
  ].filter((line) => line !== undefined && line !== "") as ReadonlyArray<string>

const drawParty = (
  canvas: Canvas,
  x: number,
  y: number,
  party: InvoiceParty,
  words: InvoiceWords
): number => {
  const room = { width: 225, lines: 3 }
  let last = canvas.paragraph(x, y, party.name, { ...plain, ...room, size: 11, leading: 14, bold: true })
  for (const line of partyLines(party, words)) {
    last = canvas.paragraph(x, last + 13, line, { ...plain, ...room, leading: 12 })
  }
  return last
}

const drawHead = (canvas: Canvas, view: InvoiceView): number => {
  const { words } = view
  canvas.logo({ x: margin, y: 44, width: 150, height: 40 }, view.logo, "left")
  canvas.text(margin, 72, view.title, { size: 26, bold: true, fill: ink.text, align: "right", width })
  const facts = [[words.number, view.number], [words.issued, view.issued], [
    words.supplied,
    view.supplied
  ]] as const
  facts.forEach(([label, value], index) => {
    canvas.text(margin, 96 + index * 14, `${label} : ${value}`, { ...plain, align: "right", width })
  })
  const issuerEnd = drawParty(canvas, margin, 112, view.issuer, words)
  canvas.text(320, 166, words.customer.toLocaleUpperCase(), { ...small, size: 7.5, bold: true, spacing: 0.7 })
  const customerEnd = drawParty(canvas, 320, 182, view.customer, words)
  const last = Math.max(issuerEnd, customerEnd)
  if (view.corrects === undefined) return last + 34
  canvas.text(margin, last + 30, view.corrects, { ...plain, bold: true })
  return last + 52
}

const drawColumns = (canvas: Canvas, y: number, words: InvoiceWords): number => {
  canvas.rect({ x: margin, y, width, height: 22 }, ink.paper, 4)
  const head = { size: 8, bold: true, fill: ink.grey } as const
  canvas.text(margin + 8, y + 14.5, words.label, head)
  for (const name of ["quantity", "unitNet", "rate", "net", "gross"] as const) {
    canvas.text(0, y + 14.5, words[name], { ...head, align: "right", width: columns[name] })
  }
  return y + 22
}

const drawLines = (page: () => Canvas, first: Canvas, top: number, view: InvoiceView) => {
  let canvas = first
  let y = drawColumns(canvas, top, view.words)
  for (const line of view.totals.lines) {
    const label = { ...plain, width: labelWidth, leading: 12, lines: 3 }
    const height = canvas.wrap(line.label, label).length * label.leading + 10
    if (y + height > foot - 30) {
      canvas = page()
      y = drawColumns(canvas, margin, view.words)
    }
    canvas.paragraph(margin + 8, y + 15, line.label, label)
    const cells = {
      quantity: String(line.quantity),
      unitNet: view.unit(line.unitNet),
      rate: view.rate(line.vatRateBasisPoints),
      net: view.money(line.net),
      gross: view.money(line.gross)
    }
    for (const name of ["quantity", "unitNet", "rate", "net", "gross"] as const) {
      canvas.text(0, y + 15, cells[name], { ...plain, align: "right", width: columns[name] })
    }
    y += height
    canvas.line([margin, y], [right, y], ink.line, 0.5)
  }
  return { canvas, y }
}

const drawTotals = (canvas: Canvas, y: number, view: InvoiceView): number => {
  const { totals, words, money } = view
  const edges = [margin + 46, margin + 130, margin + 210] as const
  ;[words.rate, words.base, words.vat].forEach((label, index) => {
    canvas.text(0, y + 16, label, { ...small, bold: true, align: "right", width: edges[index]! })
  })
  totals.rates.forEach((rate, row) => {
    ;[view.rate(rate.vatRateBasisPoints), money(rate.net), money(rate.vat)].forEach((value, index) => {
      canvas.text(0, y + 31 + row * 14, value, { ...plain, align: "right", width: edges[index]! })
    })
  })
  const sums = [[words.totalNet, totals.net], [words.totalVat, totals.vat]] as const
  sums.forEach(([label, amount], row) => {
    canvas.text(340, y + 16 + row * 16, label, plain)
    canvas.text(0, y + 16 + row * 16, money(amount), { ...plain, align: "right", width: columns.gross })
  })
  canvas.rect({ x: 332, y: y + 42, width: right - 332, height: 28 }, ink.text, 5)
  const total = { size: 12, bold: true, fill: "#ffffff" } as const
  canvas.text(342, y + 60.5, words.totalGross, total)
  canvas.text(0, y + 60.5, money(totals.gross), { ...total, align: "right", width: columns.gross })
  const end = Math.max(y + 78, y + 31 + totals.rates.length * 14)
  if (view.settlement === undefined) return end
  canvas.text(332, end + 12, view.settlement, { ...plain, bold: true, align: "right", width: right - 332 })
  return end + 16
}

const heightOfEnd = (canvas: Canvas, view: InvoiceView): number =>
  150 + view.totals.rates.length * 14 + view.mentions.reduce(
    (sum, mention) => sum + canvas.wrap(mention, mentionStyle).length * mentionStyle.leading + 4,
    0
  )

const mentionStyle = { ...small, width, leading: 11, lines: 6 }

/** The pages of an invoice, numbered when there are several; `page` makes an empty one. */
export const drawInvoice = (page: () => Canvas, view: InvoiceView): ReadonlyArray<Canvas> => {
  const pages: Array<Canvas> = []
  const next = (): Canvas => {
    const canvas = page()
    pages.push(canvas)
    return canvas
  }
  const first = next()
  const lines = drawLines(next, first, drawHead(first, view), view)
  const fits = lines.y + heightOfEnd(lines.canvas, view) <= foot
  const last = fits ? lines.canvas : next()
  let y = drawTotals(last, fits ? lines.y + 12 : margin, view) + 36
  for (const mention of view.mentions) {
    y = last.paragraph(margin, y, mention, mentionStyle) + mentionStyle.leading + 4
  }
  pages.forEach((canvas, index) => {
    canvas.text(margin, foot + 26, `${view.issuer.name} · ${view.title} ${view.number}`, {
      ...small,
      size: 7.5
    })
    const label = view.words.page(index + 1, pages.length)
    canvas.text(margin, foot + 26, label, { ...small, size: 7.5, align: "right", width })
  })
  return pages
}
