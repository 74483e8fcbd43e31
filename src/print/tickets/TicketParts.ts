/** What every design of a ticket shares: greys, captions above values, the QR, advice and terms. */
import { type Canvas } from "../pdf/Canvas.ts"
import { type Box, type Colour, mm, type ParagraphStyle, type TextStyle } from "../pdf/Shapes.ts"
import { quietZone } from "../qr/QrMatrix.ts"
import type { TicketView } from "./TicketView.ts"

/** Near-black for text, grey for captions, the lines and the paper of cards. */
export const ink = {
  text: "#14171c",
  caption: "#5b6371",
  small: "#454c58",
  line: "#c9ced6",
  paper: "#f4f5f8",
  white: "#ffffff"
} as const

/** A small caption in capitals. */
export const caption = (
  canvas: Canvas,
  x: number,
  y: number,
  text: string,
  fill: Colour = ink.caption
): void => canvas.text(x, y, text.toLocaleUpperCase(), { size: 7.5, fill, bold: true, spacing: 0.7 })

/** A caption and its value below; the value shrinks before it is cut. Returns the last baseline. */
export const field = (
  canvas: Canvas,
  x: number,
  y: number,
  label: string,
  value: string,
  style: ParagraphStyle
): number => {
  caption(canvas, x, y, label)
  const fitted = canvas.fit(value, style, style.size * 0.52)
  return canvas.paragraph(x, y + 6 + fitted.size, value, fitted)
}

/** The QR with its quiet zone, filling a white square of `edge` points. */
export const drawQr = (canvas: Canvas, x: number, y: number, edge: number, qr: TicketView["qr"]): void => {
  const unit = edge / qr.edge
  const quiet = quietZone * unit
  canvas.rect({ x, y, width: edge, height: edge }, ink.white)
  canvas.cells(x + quiet, y + quiet, unit, qr.runs, qr.alt)
}

/** The code on one line in the middle of `width`; one of a long event number is smaller, most of all on a narrow roll. Returns the last baseline. */
export const printCode = (
  canvas: Canvas,
  x: number,
  y: number,
  view: TicketView,
  style: TextStyle & { readonly width: number }
): number => {
  const line = {
    ...style,
    bold: true,
    grouped: true,
    align: "center",
    leading: style.size * 1.1,
    lines: 1
  } as const
  return canvas.paragraph(x, y, view.code, canvas.fit(view.code, line, canvas.width < 70 * mm ? 5 : 7))
}

const body = 9.5

const heading = (canvas: Canvas, x: number, y: number, text: string): void =>
  canvas.text(x, y, text, { size: 10.5, bold: true, fill: ink.text })

const advice = (canvas: Canvas, view: TicketView, x: number, y: number, width: number): void => {
  heading(canvas, x, y, view.words.beforeYouCome)
  let last = y + 3
  for (const sentence of view.words.advice) {
    canvas.rect({ x, y: last + 12, width: 3.4, height: 3.4 }, view.accentInk, 1.7)
    const style = { size: body - 0.5, fill: ink.text, width: width - 12, leading: 12.5, lines: 5 }
    last = canvas.paragraph(x + 12, last + 17, sentence, style) - 1
  }
}

const sizes = [8.5, 8, 7.5, 7, 6.5, 6, 5.5, 5]

/** Its lines, without those that are empty, one after the other. */
const onOneLine = (text: string): string =>
  text.split(/[\r\n]/).map((line) => line.trim()).filter((line) => line !== "").join(" · ")

/** The terms as large as their room allows; without their line breaks when not even the smallest print fits. */
const terms = (canvas: Canvas, text: string, box: Box): void => {
  const style = (size: number): ParagraphStyle => ({
    size,
    fill: ink.small,
    width: box.width,
    leading: size * 1.36,
    lines: Math.floor(box.height / (size * 1.36))
  })
  const size = sizes.find((size) => canvas.lines(text, style(size)) <= style(size).lines)
  const shown = size === undefined ? onOneLine(text) : text
  const chosen = size ?? sizes.at(-1)!
  canvas.paragraph(box.x, box.y + chosen, shown, style(chosen))
}

/** Advice as a list and the organiser's terms beside it, between the ticket and the foot of the page. */
export const notes = (canvas: Canvas, view: TicketView, margin: number, y: number): void => {
  const width = canvas.width - 2 * margin
  if (view.terms === undefined) return advice(canvas, view, margin, y, width)
  const column = 178
  const x = margin + column + 30
  advice(canvas, view, margin, y, column)
  heading(canvas, x, y, view.words.terms)
  const top = y + 8
  terms(canvas, view.terms, { x, y: top, width: margin + width - x, height: canvas.height - foot - 26 - top })
}

/** From the foot of the page to the line of the organiser. */
const foot = 36

/** Who organises, and which order the ticket belongs to. */
export const colophon = ({ order, organizer, words }: TicketView): string =>
  [
    ...(organizer === undefined ? [] : [`${words.organizer} ${organizer}`]),
    ...(order === undefined ? [] : [`${words.order} ${order}`])
  ].join(" · ")

/** The hour, and when guests are let in. */
export const hours = ({ doors, hour }: TicketView): string =>
  doors === undefined ? hour : `${hour} · ${doors}`

/** The organiser and the order, at the foot of the page. */
export const footer = (canvas: Canvas, view: TicketView, margin: number): void => {
  const text = colophon(view)
  if (text === "") return
  const y = canvas.height - foot
  const style = { size: 8.5, fill: ink.small, width: canvas.width - 2 * margin, leading: 11, lines: 1 }
  canvas.line([margin, y - 16], [canvas.width - margin, y - 16], ink.line, 0.6)
  canvas.paragraph(margin, y, text, canvas.fit(text, style, 6.5))
}
