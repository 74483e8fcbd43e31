/** The `minimal` design: large type on white, one rule, the QR. */
import type { Canvas } from "../../pdf/Canvas.ts"
import { quietZone } from "./QrMatrix.ts"
import { drawQr, field, footer, ink, notes } from "./TicketParts.ts"
import type { TicketView } from "./TicketTemplates.ts"

const margin = 56

/** Draws on A4. */
export const drawMinimal = (canvas: Canvas, view: TicketView): void => {
  const width = canvas.width - 2 * margin
  canvas.logo({ x: margin, y: margin, width: 160, height: 36 }, view.logo, "left")
  const title = canvas.fit(
    view.title,
    { size: 38, bold: true, fill: view.accent, width, leading: 43, lines: 2 },
    22
  )
  const titleEnd = canvas.paragraph(margin, margin + 84, view.title, title)
  canvas.text(margin, titleEnd + 32, view.day, { size: 14, fill: ink.text })
  canvas.text(margin, titleEnd + 52, view.hour, { size: 14, fill: ink.caption })
  canvas.rect({ x: margin, y: titleEnd + 76, width, height: 2 }, view.accent)

  const top = titleEnd + 102
  const edge = 196
  const quiet = (edge / view.qr.edge) * quietZone
  drawQr(canvas, canvas.width - margin - edge + quiet, top - quiet, edge, view.qr)
  canvas.text(canvas.width - margin - edge + 2 * quiet, top + edge - quiet + 13, view.code, {
    size: 10.5,
    bold: true,
    fill: ink.text,
    align: "center",
    width: edge - 2 * quiet
  })
  const column = width - edge - 20
  const plain = { size: 13, fill: ink.text, width: column, leading: 17, lines: 3 }
  const guest = field(canvas, margin, top + 8, view.words.guest, view.guest, {
    ...plain,
    size: 19,
    bold: true,
    leading: 23,
    lines: 2
  })
  const place = field(canvas, margin, guest + 34, view.words.place, view.place, plain)
  const type = field(canvas, margin, place + 34, view.words.type, view.type, { ...plain, lines: 1 })
  if (view.seat !== undefined) {
    field(canvas, margin, type + 34, view.words.seat, view.seat, { ...plain, lines: 1 })
  }
  notes(canvas, view, margin, Math.max(top + edge + 84, type + 110), width)
  footer(canvas, view, margin)
}
