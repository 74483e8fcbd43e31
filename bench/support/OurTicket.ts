/** Our ticket, drawn as the generator's renderer draws it and stored nowhere. */
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { Fonts } from "../../src/print/pdf/Fonts.ts"
import { QrImage } from "../../src/print/qr/QrImage.ts"
import { type QrMatrix, qrMatrix } from "../../src/print/qr/QrMatrix.ts"
import { TicketPdf } from "../../src/print/tickets/TicketPdf.ts"
import type { BenchTicket } from "./BenchTickets.ts"

const issuedAt = new Date("2025-01-01T00:00:00Z")

/** The fonts are parsed once, as in the generator. */
export const fonts: Fonts["Service"] = await Effect.runPromise(
  Effect.provide(Fonts, Layer.provide(Fonts.layer, NodeFileSystem.layer))
)

/** The matrix, and its PNG of at least 400 pixels. */
export const ourQr = (ticket: BenchTicket): { readonly matrix: QrMatrix; readonly png: Uint8Array } => {
  const matrix = qrMatrix(ticket.qrData)
  return { matrix, png: QrImage.render(matrix, "png", "medium").bytes }
}

/** The PDF on A4 in the design `modern`. */
export const ourPdf = (ticket: BenchTicket, matrix: QrMatrix): Promise<Uint8Array> =>
  Effect.runPromise(Effect.map(
    TicketPdf.render(fonts, {
      code: ticket.code,
      qrData: ticket.qrData,
      issuedAt,
      locale: "fr",
      guestName: ticket.guestName,
      ticketType: ticket.ticketType,
      event: ticket,
      design: "modern"
    }, matrix),
    ({ bytes, missingGlyphs }) => {
      if (missingGlyphs.length > 0) throw new Error(`${ticket.guestName} cannot be written`)
      return bytes
    }
  ))
