/** The `modern` design: a coloured head, a card with the QR, and a stub to tear off. */
import type { Canvas } from "../../pdf/Canvas.ts"
import { caption, drawQr, field, footer, ink, notes } from "./TicketParts.ts"
import type { TicketView } from "./TicketTemplates.ts"

const margin = 42
const inner = margin + 26
const head = 158
const body = 276
const stub = 74

/** Draws on A4. */
export const drawModern = (canvas: Canvas, view: TicketView): void => {
  const width = canvas.width - 2 * margin
  canvas.rect({ x: margin, y: margin + head, width, height: body + stub }, ink.paper, 0, 16)
  drawHead(canvas, view, width)
  drawBody(canvas, view)
  drawStub(canvas, view, width)
  notes(canvas, view, inner, margin + head + body + stub + 48, canvas.width - 2 * inner)
  footer(canvas, view, margin)
}

const drawHead = (canvas: Canvas, view: TicketView, width: number): void => {
  const room = width - 52
  canvas.rect({ x: margin, y: margin, width, height: head }, view.accent, 16, 0)
  canvas.text(inner, margin + 34, view.words.ticket.toLocaleUpperCase(), {
    size: 9,
    bold: true,
    spacing: 2.2,
    fill: view.onAccent
  })
  canvas.logo({ x: inner + room - 130, y: margin + 18, width: 130, height: 30 }, view.logo, "right")
  const title = canvas.fit(
    view.title,
    { size: 30, bold: true, fill: view.onAccent, width: room, leading: 34, lines: 2 },
    17
  )
  const lines = canvas.wrap(view.title, title).length
  canvas.paragraph(inner, margin + head - 54 - (lines - 1) * title.leading, view.title, title)
  canvas.text(inner, margin + head - 24, `${view.day} · ${view.hour}`, { size: 12.5, fill: view.onAccent })
}

const drawBody = (canvas: Canvas, view: TicketView): void => {
  const top = margin + head
  const panel = { x: canvas.width - inner - 186, y: top + 26, width: 186, height: 186 }
  canvas.rect(panel, ink.white, 10)
  drawQr(canvas, panel.x + 4, panel.y + 4, panel.width - 8, view.qr)
  canvas.text(panel.x, panel.y + panel.height + 22, view.code, {
    size: 11,
    bold: true,
    spacing: 0.4,
    fill: ink.text,
    align: "center",
    width: panel.width
  })
  const width = panel.x - inner - 26
  const large = { size: 21, bold: true, fill: ink.text, width, leading: 25, lines: 2 }
  const plain = { size: 13, fill: ink.text, width, leading: 17, lines: 3 }
  const half = { ...plain, bold: true, width: width / 2 - 8, lines: 2 }
  const guest = field(canvas, inner, top + 40, view.words.guest, view.guest, large)
  const place = field(canvas, inner, guest + 34, view.words.place, view.place, plain)
  field(canvas, inner, place + 34, view.words.type, view.type, half)
  if (view.seat !== undefined) {
    field(canvas, inner + width / 2 + 8, place + 34, view.words.seat, view.seat, half)
  }
}

const drawStub = (canvas: Canvas, view: TicketView, width: number): void => {
  const y = margin + head + body
  for (const x of [margin, margin + width]) {
    canvas.rect({ x: x - 11, y: y - 11, width: 22, height: 22 }, ink.white, 11)
  }
  canvas.line([margin + 18, y], [margin + width - 18, y], ink.line, 1, 4)
  const column = (canvas.width - 2 * inner) / 3
  const cell = { size: 11, bold: true, fill: ink.text, width: column - 14, leading: 13, lines: 1 }
  const cells = [[view.words.guest, view.guest], [view.words.type, view.type], [
    view.words.code,
    view.code
  ]] as const
  cells.forEach(([label, value], index) => {
    const x = inner + index * column
    caption(canvas, x, y + 32, label)
    canvas.paragraph(x, y + 50, value, canvas.fit(value, cell, 7))
  })
}
