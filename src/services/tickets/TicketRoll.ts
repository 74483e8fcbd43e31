/** Every design on the 80 mm roll of a thermal printer: black on white, as long as its text. */
import { type Canvas, mm } from "../../pdf/Canvas.ts"
import { drawQr } from "./TicketParts.ts"
import type { TicketView } from "./TicketTemplates.ts"

const margin = 5 * mm
const black = "#000000"

/** Draws on a page 80 mm wide and sets its height. */
export const drawRoll = (canvas: Canvas, view: TicketView): void => {
  const width = canvas.width - 2 * margin
  const centred = { fill: black, align: "center", width } as const
  const rule = (y: number): void => canvas.line([margin, y], [canvas.width - margin, y], black, 0.8, 3)

  let y = margin
  if (view.logo !== undefined) {
    canvas.logo({ x: margin, y, width, height: 40 }, view.logo, "center")
    y += 48
  }
  const title = canvas.fit(view.title, { ...centred, size: 16, bold: true, leading: 19, lines: 3 }, 11)
  y = canvas.paragraph(margin, y + 16, view.title, title)
  y = canvas.paragraph(margin, y + 20, view.day, { ...centred, size: 10, leading: 13, lines: 2 })
  canvas.text(margin, y + 14, view.hour, { ...centred, size: 10 })
  y = canvas.paragraph(margin, y + 28, view.place, { ...centred, size: 9, leading: 12, lines: 3 })
  rule(y + 12)
  const edge = 62 * mm
  drawQr(canvas, (canvas.width - edge) / 2, y + 16, edge, view.qr)
  y += 16 + edge
  canvas.text(margin, y + 12, view.code, { ...centred, size: 11, bold: true, spacing: 0.3 })
  rule(y + 24)
  const guest = canvas.fit(view.guest, { ...centred, size: 15, bold: true, leading: 18, lines: 2 }, 10)
  y = canvas.paragraph(margin, y + 46, view.guest, guest)
  const kind = view.seat === undefined ? view.type : `${view.type}  ·  ${view.words.seat} ${view.seat}`
  y = canvas.paragraph(margin, y + 18, kind, { ...centred, size: 11, leading: 14, lines: 2 })
  for (const small of [view.terms, view.organizer && `${view.words.organizer} ${view.organizer}`]) {
    if (small !== undefined) {
      y = canvas.paragraph(margin, y + 18, small, { ...centred, size: 7.5, leading: 10, lines: 8 })
    }
  }
  canvas.height = y + margin
}
