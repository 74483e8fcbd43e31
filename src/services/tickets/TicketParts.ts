/** What every design of a ticket shares: greys, captions above values, the QR, advice and terms. */
import type { Canvas, Colour, ParagraphStyle } from "../../pdf/Canvas.ts"
import { quietZone } from "./QrMatrix.ts"
import type { TicketView } from "./TicketTemplates.ts"

/** Near-black for text, grey for captions, the lines and the paper of cards. */
export const ink = {
  text: "#14171c",
  caption: "#687080",
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
  const fitted = canvas.fit(value, style, style.size * 0.6)
  return canvas.paragraph(x, y + 6 + fitted.size, value, fitted)
}

/** The QR with its quiet zone, filling a white square of `edge` points. */
export const drawQr = (canvas: Canvas, x: number, y: number, edge: number, qr: TicketView["qr"]): void => {
  const unit = edge / qr.edge
  const quiet = quietZone * unit
  canvas.rect({ x, y, width: edge, height: edge }, ink.white)
  canvas.cells(x + quiet, y + quiet, unit, qr.runs)
}

/** Advice as a list, then the organiser's terms, between two margins; returns the last baseline. */
export const notes = (canvas: Canvas, view: TicketView, x: number, y: number, width: number): number => {
  const body = { size: 9.5, fill: ink.text, width: width - 14, leading: 14, lines: 3 }
  canvas.text(x, y, view.words.beforeYouCome, { size: 11, bold: true, fill: ink.text })
  let last = y + 6
  for (const advice of view.words.advice) {
    canvas.rect({ x, y: last + 11, width: 4, height: 4 }, view.accent, 2)
    last = canvas.paragraph(x + 14, last + 16, advice, body)
  }
  if (view.terms === undefined) return last
  return canvas.paragraph(x, last + 26, view.terms, {
    size: 8,
    fill: ink.caption,
    width,
    leading: 11.5,
    lines: 10
  })
}

/** The organiser, at the foot of the page. */
export const footer = (canvas: Canvas, view: TicketView, margin: number): void => {
  const y = canvas.height - margin
  if (view.organizer === undefined) return
  canvas.line([margin, y - 16], [canvas.width - margin, y - 16], ink.line, 0.6)
  canvas.text(margin, y, `${view.words.organizer} ${view.organizer}`, {
    size: 8.5,
    fill: ink.caption,
    width: canvas.width - 2 * margin
  })
}
