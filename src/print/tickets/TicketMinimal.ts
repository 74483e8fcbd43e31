/** The `minimal` design: large type on white, one rule, the QR. */
import type { Canvas } from "../pdf/Canvas.ts"
import { quietZone } from "../qr/QrMatrix.ts"
import { drawQr, field, footer, hours, ink, notes, printCode } from "./TicketParts.ts"
import type { TicketView } from "./TicketView.ts"

const margin = 52
const edge = 214

/** Draws on A4. */
export const drawMinimal = (canvas: Canvas, view: TicketView): void => {
  const width = canvas.width - 2 * margin
  canvas.logo({ x: margin, y: margin - 6, width: 180, height: 40 }, view.logo, "left")
  const title = canvas.fit(
    view.title,
    { size: 40, bold: true, fill: view.accentInk, width, leading: 45, lines: 2 },
    17
  )
  const titleEnd = canvas.paragraph(
    margin,
    margin + (view.logo === undefined ? 0 : 56) + title.size,
    view.title,
    { ...title, role: "H1" }
  )
  canvas.text(margin, titleEnd + 34, view.day, { size: 16, bold: true, fill: ink.text })
  const when = { size: 16, fill: ink.small, width, leading: 19, lines: 1 }
  canvas.paragraph(margin, titleEnd + 55, hours(view), { ...canvas.fit(hours(view), when, 9), lines: 1 })
  canvas.rect({ x: margin, y: titleEnd + 76, width, height: 2.4 }, view.accent)

  const top = titleEnd + 108
  const quiet = (edge / view.qr.edge) * quietZone
  const left = canvas.width - margin - edge + quiet
  drawQr(canvas, left, top - quiet, edge, view.qr)
  printCode(canvas, left + quiet, top + edge - 2 * quiet + 20, view, {
    size: 11,
    fill: ink.text,
    width: edge - 2 * quiet
  })
  const column = width - edge + quiet - 16
  const plain = { size: 13, fill: ink.text, width: column, leading: 17, lines: 3 }
  const strong = { ...plain, size: 15, bold: true, leading: 19, lines: 2 }
  const large = { ...strong, size: 22, leading: 26 }
  const guest = field(canvas, margin, top + 6, view.words.guest, view.guest, large)
  const place = field(canvas, margin, guest + 32, view.words.place, view.place, plain)
  let y = field(canvas, margin, place + 32, view.words.type, view.type, strong)
  if (view.seat !== undefined) {
    y = field(canvas, margin, y + 32, view.words.seat, view.seat, { ...strong, lines: 1 })
  }
  notes(canvas, view, margin, Math.max(top + edge + 36, y + 46))
  footer(canvas, view, margin)
}
