/** The `classic` design: a framed certificate, everything on one axis. */
import type { Canvas } from "../../pdf/Canvas.ts"
import { drawQr, footer, ink, notes } from "./TicketParts.ts"
import type { TicketView } from "./TicketTemplates.ts"

const margin = 42
const inner = margin + 40
const height = 590

/** Draws on A4. */
export const drawClassic = (canvas: Canvas, view: TicketView): void => {
  const width = canvas.width - 2 * inner
  const outer = { x: margin, y: margin, width: canvas.width - 2 * margin, height }
  canvas.frame(outer, view.accent, 2.2)
  canvas.frame(
    { x: outer.x + 6, y: outer.y + 6, width: outer.width - 12, height: outer.height - 12 },
    view.accent,
    0.6
  )
  const centred = { fill: ink.text, align: "center", width } as const

  canvas.logo({ x: inner, y: margin + 24, width, height: 34 }, view.logo, "center")
  canvas.text(inner, margin + 80, view.words.ticket.toLocaleUpperCase(), {
    ...centred,
    size: 10,
    bold: true,
    spacing: 4,
    fill: view.accent
  })
  const title = canvas.fit(view.title, { ...centred, size: 27, bold: true, leading: 32, lines: 2 }, 16)
  const titleEnd = canvas.paragraph(inner, margin + 122, view.title, title)
  ornament(canvas, view, titleEnd + 20)
  canvas.text(inner, titleEnd + 46, `${view.day} · ${view.hour}`, { ...centred, size: 12.5 })
  const place = canvas.fit(view.place, { ...centred, size: 12.5, leading: 16, lines: 2 }, 9)
  const placeEnd = canvas.paragraph(inner, titleEnd + 66, view.place, place)

  const guest = canvas.fit(view.guest, { ...centred, size: 22, bold: true, leading: 26, lines: 2 }, 12)
  const guestEnd = canvas.paragraph(inner, placeEnd + 50, view.guest, guest)
  const kind = view.seat === undefined ? view.type : `${view.type}  ·  ${view.words.seat} ${view.seat}`
  canvas.paragraph(inner, guestEnd + 22, kind, {
    ...centred,
    size: 12.5,
    leading: 16,
    lines: 1,
    fill: view.accent
  })

  const edge = 186
  const top = margin + height - edge - 48
  drawQr(canvas, (canvas.width - edge) / 2, top, edge, view.qr)
  canvas.text(inner, top + edge + 18, view.code, { ...centred, size: 12, bold: true, spacing: 0.8 })
  notes(canvas, view, margin, margin + height + 36, canvas.width - 2 * margin)
  footer(canvas, view, margin)
}

const ornament = (canvas: Canvas, view: TicketView, y: number): void => {
  const middle = canvas.width / 2
  canvas.line([middle - 90, y], [middle - 10, y], view.accent, 0.8)
  canvas.line([middle + 10, y], [middle + 90, y], view.accent, 0.8)
  canvas.rect({ x: middle - 3, y: y - 3, width: 6, height: 6 }, view.accent, 3)
}
