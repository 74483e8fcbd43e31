/** Every design on the roll of a thermal printer, 80 or 58 mm wide: black on white, as long as its text. */
import { type Canvas } from "../pdf/Canvas.ts"
import { mm, type ParagraphStyle } from "../pdf/Shapes.ts"
import { colophon, drawQr, printCode } from "./TicketParts.ts"
import type { TicketView } from "./TicketView.ts"

const black = "#000000"

/** Of a thermal printer's head: 203 to an inch. */
const dot = 72 / 203

/** A narrow roll has 5 mm at its sides that are not printed on, which the margin counts in. */
const wide = { margin: 5 * mm, edge: 64 * mm, large: 1, small: 1 }
/** Large letters shrink with the paper, small ones less. */
const narrow = { margin: 3 * mm, edge: 52 * mm, large: 0.72, small: 0.87 }

/** Each module is as many whole dots as fit, and the dots of no two modules meet. */
const snapped = (edge: number, modules: number): number =>
  Math.max(1, Math.floor(edge / modules / dot + 1e-9)) * dot * modules

/** Draws on a page as wide as its roll and sets its height. */
export const drawRoll = (canvas: Canvas, view: TicketView): void => {
  const { edge: most, large, margin, small } = canvas.width < 70 * mm ? narrow : wide
  const edge = snapped(most, view.qr.edge)
  const width = canvas.width - 2 * margin
  const centred = { fill: black, align: "center", width } as const
  /** The paper is as long as it takes: nothing is cut. */
  const fit = (text: string, style: Omit<ParagraphStyle, keyof typeof centred>, smallest: number) => {
    const scale = style.size > 12 ? large : small
    const scaled = { ...centred, ...style, size: style.size * scale, leading: style.leading * scale }
    return { ...canvas.fit(text, scaled, smallest * large), lines: Infinity }
  }
  const rule = (y: number): void => canvas.line([margin, y], [canvas.width - margin, y], black, 0.8, 3)

  let y = margin
  if (view.logo !== undefined) {
    canvas.logo({ x: margin, y, width, height: 44 }, view.logo, "center")
    y += 54
  }
  const title = fit(view.title, { size: 18, bold: true, leading: 21, lines: 3 }, 12)
  y = canvas.paragraph(margin, y + title.size, view.title, { ...title, role: "H1" })
  const day = fit(view.day, { size: 11.5, bold: true, leading: 14, lines: 1 }, 9.5)
  y = canvas.paragraph(margin, y + 24, view.day, day)
  const hour = fit(view.hour, { size: 11.5, leading: 14, lines: 1 }, 9.5)
  y = canvas.paragraph(margin, y + 15, view.hour, hour) - 15
  if (view.doors !== undefined) {
    y =
      canvas.paragraph(margin, y + 29, view.doors, fit(view.doors, { size: 10, leading: 12, lines: 1 }, 9)) -
      15
  }
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
  const note = { fill: black, width, size: 7.5, leading: 10, lines: Infinity }
  if (view.terms !== undefined) {
    rule(y + 12)
    y = canvas.paragraph(margin, y + 27, view.terms, note)
  }
  const foot = colophon(view)
  if (foot !== "") {
    y = canvas.paragraph(margin, y + 19, foot, {
      ...note,
      ...centred
    })
  }
  canvas.height = y + margin
}
