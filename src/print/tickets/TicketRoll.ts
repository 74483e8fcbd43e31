/** Every design on the 80 mm roll of a thermal printer: black on white, as long as its text. */
import { type Canvas, mm, type ParagraphStyle } from "../pdf/Canvas.ts"
import { drawQr, printCode } from "./TicketParts.ts"
import type { TicketView } from "./TicketView.ts"

const margin = 5 * mm
const black = "#000000"
const edge = 64 * mm

/** Draws on a page 80 mm wide and sets its height. */
export const drawRoll = (canvas: Canvas, view: TicketView): void => {
  const width = canvas.width - 2 * margin
  const centred = { fill: black, align: "center", width } as const
  /** The paper is as long as it takes: nothing is cut. */
  const fit = (text: string, style: Omit<ParagraphStyle, keyof typeof centred>, smallest: number) => ({
    ...canvas.fit(text, { ...centred, ...style }, smallest),
    lines: Infinity
  })
  const rule = (y: number): void => canvas.line([margin, y], [canvas.width - margin, y], black, 0.8, 3)

  let y = margin
  if (view.logo !== undefined) {
    canvas.logo({ x: margin, y, width, height: 44 }, view.logo, "center")
    y += 54
  }
  const title = fit(view.title, { size: 18, bold: true, leading: 21, lines: 3 }, 12)
  y = canvas.paragraph(margin, y + title.size, view.title, title)
  const day = fit(view.day, { size: 11.5, bold: true, leading: 14, lines: 1 }, 9.5)
  y = canvas.paragraph(margin, y + 24, view.day, day)
  canvas.text(margin, y + 15, view.hour, { ...centred, size: 11.5 })
  const place = fit(view.place, { size: 10, leading: 12.5, lines: 3 }, 9)
  y = canvas.paragraph(margin, y + 32, view.place, place)
  rule(y + 13)
  drawQr(canvas, (canvas.width - edge) / 2, y + 15, edge, view.qr)
  y = printCode(canvas, margin, y + 26 + edge, view, { size: 11.5, spacing: 0.3, fill: black, width })
  rule(y + 13)
  const guest = fit(view.guest, { size: 18, bold: true, leading: 21, lines: 2 }, 9)
  y = canvas.paragraph(margin, y + 23 + guest.size, view.guest, guest)
  const kind = fit(view.type, { size: 12, leading: 15, lines: 2 }, 10)
  y = canvas.paragraph(margin, y + 18, view.type, kind)
  if (view.seat !== undefined) {
    const seat = `${view.words.seat} ${view.seat}`
    const style = fit(seat, { size: 16, bold: true, leading: 19, lines: 1 }, 11)
    y = canvas.paragraph(margin, y + 6 + style.size, seat, style)
  }
  const small = { fill: black, width, size: 7.5, leading: 10, lines: Infinity }
  if (view.terms !== undefined) {
    rule(y + 12)
    y = canvas.paragraph(margin, y + 27, view.terms, small)
  }
  if (view.organizer !== undefined) {
    y = canvas.paragraph(margin, y + 19, `${view.words.organizer} ${view.organizer}`, {
      ...small,
      ...centred
    })
  }
  canvas.height = y + margin
}
