/** A ticket as a PDF: plain input in, bytes out; fonts are the only thing shared between two calls. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Canvas } from "../pdf/Canvas.ts"
import { type Colour, mm } from "../pdf/Shapes.ts"
import type { Fonts } from "../pdf/Fonts.ts"
import type { DecodedLogo } from "../pdf/Logo.ts"
import { PdfError, type RenderedPdf, writePdf } from "../pdf/PdfWriter.ts"
import { darkRuns, type QrMatrix, qrMatrix, quietZone } from "../qr/QrMatrix.ts"
import type { TicketView } from "./TicketView.ts"
import { accentOf, paperOf, templateOf, type TicketDesign, type TicketFormat } from "./TicketTemplates.ts"
import { doorHours, eventDate, groupedCode, languageOf, wordsOf } from "./TicketText.ts"

/**
 * All that is printed on a ticket, as plain data, which another thread may be sent. `locale` is the guest's, `timezone`
 * the event's IANA zone.
 */
export interface TicketInput {
  readonly code: string
  readonly qrData: string
  readonly issuedAt: Date
  readonly locale: string
  readonly guestName: string
  readonly ticketType: string
  readonly seat?: string | undefined
  readonly event: {
    readonly title: string
    readonly startsAt: Date
    readonly timezone: string
    readonly location: string
  }
  /** When guests are let in, and until when. */
  readonly doors?: { readonly open?: Date | undefined; readonly close?: Date | undefined } | undefined
  readonly order?: string | undefined
  readonly organizer?: string | undefined
  readonly terms?: string | undefined
  readonly design: TicketDesign
  readonly accent?: Colour | undefined
  readonly logo?: DecodedLogo | undefined
  readonly format?: TicketFormat | undefined
}

/** The largest QR whose modules stay at least 0.5 mm wide in the smallest square that a design gives it. */
const largestEdge = Math.floor((181 / mm) / 0.5)

const matrixOf = (qrData: string): Effect.Effect<QrMatrix, PdfError> =>
  Effect.try({
    try: () => {
      const matrix = qrMatrix(qrData)
      if (matrix.size + 2 * quietZone > largestEdge) throw new RangeError("modules under 0.5 mm")
      return matrix
    },
    catch: () =>
      new PdfError({ reason: "qr", message: "The QR data is empty or too long to be printed legibly." })
  })

const dateOf = (input: TicketInput) =>
  Effect.try({
    try: () => ({
      ...eventDate(input.event.startsAt, input.event.timezone, input.locale),
      doors: doorHours(input.doors ?? {}, input.event.timezone, input.locale)
    }),
    catch: () =>
      new PdfError({
        reason: "date",
        message: "The event's date, its time zone or the locale is not known."
      })
  })

/** Relative luminance (WCAG 2.2). */
const luminance = (colour: Colour): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** White or near-black, whichever contrasts more with the colour. */
const readableOn = (accent: Colour): Colour => luminance(accent) > 0.179 ? "#14171c" : "#ffffff"

/** The colour, darkened until it contrasts 4.5 to 1 with white. */
const readableOnWhite = (accent: Colour): Colour => {
  let ink = accent.toLowerCase()
  while (1.05 / (luminance(ink) + 0.05) < 4.5) {
    const parts = [1, 3, 5].map((at) => Math.floor(Number.parseInt(ink.slice(at, at + 2), 16) * 0.94))
    ink = `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`
  }
  return ink
}

const prepare = Effect.fnUntraced(function* (input: TicketInput, matrix: QrMatrix) {
  const { day, doors, hour } = yield* dateOf(input)
  const accent = input.accent !== undefined && /^#[0-9a-f]{6}$/i.test(input.accent)
    ? input.accent
    : accentOf(input.design)
  const words = wordsOf(languageOf(input.locale))
  const view: TicketView = {
    words,
    title: input.event.title,
    day,
    hour,
    doors,
    place: input.event.location,
    guest: input.guestName,
    type: input.ticketType,
    seat: input.seat,
    code: groupedCode(input.code),
    order: input.order,
    organizer: input.organizer,
    terms: input.terms,
    logo: input.logo,
    accent,
    accentInk: readableOnWhite(accent),
    onAccent: readableOn(accent),
    qr: { edge: matrix.size + 2 * quietZone, runs: darkRuns(matrix), alt: `QR · ${words.code} ${input.code}` }
  }
  return view
})

const drawPage = Effect.fnUntraced(
  function* (fonts: Fonts["Service"], input: TicketInput, matrix?: QrMatrix) {
    const format = input.format ?? "a4"
    const view = yield* prepare(input, matrix ?? (yield* matrixOf(input.qrData)))
    const draw = templateOf(input.design, format)
    return yield* fonts.complete(() => {
      const canvas = new Canvas(fonts, ...paperOf[format])
      draw(canvas, view)
      return canvas
    })
  }
)

const write = (fonts: Fonts["Service"], pages: ReadonlyArray<Canvas>, first: TicketInput) => {
  const language = languageOf(first.locale)
  const { ticket, tickets } = wordsOf(language)
  return writePdf(fonts, pages, {
    title: `${pages.length > 1 ? tickets : ticket} · ${first.event.title}`,
    language,
    author: first.organizer ?? "Guichet",
    createdAt: first.issuedAt
  })
}

/** One ticket on one page; hand over `matrix` when the QR image of the same ticket is rendered too. */
const render = Effect.fn("TicketPdf.render")(
  function* (fonts: Fonts["Service"], input: TicketInput, matrix?: QrMatrix) {
    return yield* write(fonts, [yield* drawPage(fonts, input, matrix)], input)
  }
)

/** One of several tickets cannot be printed: `code` says which, `reason` why. */
export class TicketUnprintable extends Schema.TaggedError<TicketUnprintable>()("TicketUnprintable", {
  code: Schema.String,
  reason: Schema.String
}) {}

const drawWhole = Effect.fnUntraced(
  function* (fonts: Fonts["Service"], input: TicketInput) {
    yield* Effect.yieldNow
    return yield* drawPage(fonts, input)
  },
  (effect, _fonts, { code }) =>
    Effect.catchTag(
      effect,
      "PdfError",
      ({ message, reason }) => new TicketUnprintable({ code, reason: `${reason}: ${message}` })
    )
)

/**
 * Several tickets in one document, a page each, titled and dated as the first; other work goes on between two pages.
 */
const renderMany = Effect.fn("TicketPdf.renderMany")(function* (
  fonts: Fonts["Service"],
  inputs: ReadonlyArray<TicketInput>
): Effect.fn.Return<RenderedPdf, PdfError | TicketUnprintable> {
  const [first] = inputs
  if (first === undefined) {
    return yield* new PdfError({ reason: "empty", message: "There is no ticket to print." })
  }
  return yield* write(fonts, yield* Effect.forEach(inputs, (input) => drawWhole(fonts, input)), first)
})

/** Ticket PDFs. */
export const TicketPdf = { render, renderMany }
