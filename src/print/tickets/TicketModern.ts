/** The `modern` design: a coloured head, a card with the QR, and a stub to tear off. */
import type { Canvas } from "../pdf/Canvas.ts"
import { caption, drawQr, field, footer, hours, ink, notes, printCode } from "./TicketParts.ts"
import type { TicketView } from "./TicketView.ts"

const margin = 36
const inner = margin + 26
const head = 152
const body = 260
const stub = 68
const panel = 198

/** Draws on A4. */
export const drawModern = (canvas: Canvas, view: TicketView): void => {
  const width = canvas.width - 2 * margin
  canvas.rect({ x: margin, y: margin + head, width, height: body + stub }, ink.paper, 0, 16)
  drawHead(canvas, view, width)
  drawBody(canvas, view)
  drawStub(canvas, view, width)
  notes(canvas, view, inner, margin + head + body + stub + 36)
  footer(canvas, view, inner)
}

const drawHead = (canvas: Canvas, view: TicketView, width: number): void => {
  const room = width - 52
  canvas.rect({ x: margin, y: margin, width, height: head }, view.accent, 16, 0)
  canvas.text(inner, margin + 31, view.words.ticket.toLocaleUpperCase(), {
    size: 9,
    bold: true,
    spacing: 2.2,
    fill: view.onAccent
  })
  canvas.logo({ x: inner + room - 150, y: margin + 14, width: 150, height: 30 }, view.logo, "right")
  const title = canvas.fit(
    view.title,
    { size: 31, bold: true, fill: view.onAccent, width: room, leading: 35, lines: 2 },
    14
  )
  const lines = canvas.wrap(view.title, title).length
  canvas.paragraph(inner, margin + head - 47 - (lines - 1) * title.leading, view.title, {
    ...title,
    role: "H1"
  })
  const when = `${view.day} · ${hours(view)}`
  const style = { size: 14.5, bold: true, fill: view.onAccent, width: room, leading: 17, lines: 1 }
  const fitted = canvas.fit(when, style, 8)
  canvas.paragraph(inner, margin + head - 20, when, { ...fitted, lines: 1 })
}

const drawBody = (canvas: Canvas, view: TicketView): void => {
  const top = margin + head
  const x = canvas.width - inner - panel
  canvas.rect({ x, y: top + 24, width: panel, height: panel }, ink.white, 10)
  drawQr(canvas, x + 3, top + 27, panel - 6, view.qr)
  printCode(canvas, x, top + panel + 43, view, { size: 11.5, spacing: 0.4, fill: ink.text, width: panel })
  const width = x - inner - 24
  const large = { size: 23, bold: true, fill: ink.text, width, leading: 27, lines: 2 }
  const plain = { size: 13, fill: ink.text, width, leading: 17, lines: 2 }
  const guest = field(canvas, inner, top + 38, view.words.guest, view.guest, large)
  const place = field(canvas, inner, guest + 32, view.words.place, view.place, { ...plain, lines: 3 })
  const half = { ...plain, size: 15, leading: 18, bold: true, width: (width - 16) / 2, lines: 2 }
  const whole = { ...half, width }
  const y = place + 32
  if (view.seat === undefined) return void field(canvas, inner, y, view.words.type, view.type, whole)
  field(canvas, inner, y, view.words.type, view.type, half)
  field(canvas, inner + width / 2 + 8, y, view.words.seat, view.seat, half)
}

const drawStub = (canvas: Canvas, view: TicketView, width: number): void => {
  const y = margin + head + body
  for (const x of [margin, margin + width]) {
    canvas.rect({ x: x - 10, y: y - 10, width: 20, height: 20 }, ink.white, 10)
  }
  canvas.line([margin + 18, y], [margin + width - 18, y], ink.line, 1, 4)
  const kind = view.seat === undefined ? view.type : `${view.type} · ${view.seat}`
  const column = (canvas.width - 2 * inner) / 10
  const cells = [
    { label: view.words.guest, value: view.guest, from: 0, columns: 3.6, grouped: false },
    { label: view.words.type, value: kind, from: 3.6, columns: 2.8, grouped: false },
    { label: view.words.code, value: view.code, from: 6.4, columns: 3.6, grouped: true }
  ]
  for (const { columns, from, grouped, label, value } of cells) {
    const style = {
      size: 11,
      bold: true,
      grouped,
      fill: ink.text,
      leading: 12.5,
      lines: 2,
      width: columns * column - 12
    }
    caption(canvas, inner + from * column, y + 28, label)
    const fitted = canvas.fit(value, style, 7)
    canvas.paragraph(inner + from * column, y + 45, value, { ...fitted, lines: Math.min(fitted.lines, 3) })
  }
}
