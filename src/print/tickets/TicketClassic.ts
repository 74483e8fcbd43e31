/** The `classic` design: a framed certificate, everything on one axis. */
import type { Canvas } from "../pdf/Canvas.ts"
import { drawQr, footer, hours, ink, notes, printCode } from "./TicketParts.ts"
import type { TicketView } from "./TicketView.ts"

const margin = 36
const inner = margin + 38
const edge = 190

/** Draws on A4; the frame is as high as what it holds. */
export const drawClassic = (canvas: Canvas, view: TicketView): void => {
  const width = canvas.width - 2 * inner
  const centred = { fill: ink.text, align: "center", width } as const

  let y = margin + 46
  if (view.logo !== undefined) {
    canvas.logo({ x: inner, y: margin + 26, width, height: 36 }, view.logo, "center")
    y += 44
  }
  canvas.text(inner, y, view.words.ticket.toLocaleUpperCase(), {
    ...centred,
    size: 9.5,
    bold: true,
    spacing: 4,
    fill: view.accentInk
  })
  const title = canvas.fit(view.title, { ...centred, size: 29, bold: true, leading: 34, lines: 2 }, 15)
  y = canvas.paragraph(inner, y + 14 + title.size, view.title, { ...title, role: "H1" })
  ornament(canvas, view, y + 19)
  const when = `${view.day} · ${hours(view)}`
  const whenStyle = canvas.fit(when, { ...centred, size: 13.5, bold: true, leading: 16, lines: 1 }, 8)
  canvas.paragraph(inner, y + 46, when, { ...whenStyle, lines: 1 })
  const place = canvas.fit(view.place, { ...centred, size: 12.5, leading: 16, lines: 2 }, 9)
  y = canvas.paragraph(inner, y + 66, view.place, place)

  const guest = canvas.fit(view.guest, { ...centred, size: 24, bold: true, leading: 28, lines: 1 }, 14)
  y = canvas.paragraph(inner, y + 26 + guest.size, view.guest, guest)
  const kind = view.seat === undefined ? view.type : `${view.type}  ·  ${view.words.seat} ${view.seat}`
  const kindStyle = { ...centred, size: 14, bold: true, leading: 17, lines: 2, fill: view.accentInk }
  y = canvas.paragraph(inner, y + 22, kind, canvas.fit(kind, kindStyle, 9))

  drawQr(canvas, (canvas.width - edge) / 2, y + 12, edge, view.qr)
  y = printCode(canvas, inner, y + 20 + edge, view, { size: 12, spacing: 0.8, fill: ink.text, width })
  const outer = { x: margin, y: margin, width: canvas.width - 2 * margin, height: y + 28 - margin }
  canvas.frame(outer, view.accent, 2.2)
  canvas.frame(
    { x: outer.x + 6, y: outer.y + 6, width: outer.width - 12, height: outer.height - 12 },
    view.accent,
    0.6
  )
  notes(canvas, view, inner - 12, y + 28 + 36)
  footer(canvas, view, inner - 12)
}

const ornament = (canvas: Canvas, view: TicketView, y: number): void => {
  const middle = canvas.width / 2
  canvas.line([middle - 90, y], [middle - 10, y], view.accentInk, 0.8)
  canvas.line([middle + 10, y], [middle + 90, y], view.accentInk, 0.8)
  canvas.rect({ x: middle - 3, y: y - 3, width: 6, height: 6 }, view.accentInk, 3)
}
