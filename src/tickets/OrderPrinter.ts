/** Several tickets as one document, drawn when it is asked for. */
import { Context, DateTime, Effect, Layer, Schema, Semaphore } from "effect"
import { FileStore, type FileStoreError } from "../files/FileStore.ts"
import { Fonts } from "../print/pdf/Fonts.ts"
import { PrintStore } from "../store/tickets/PrintStore.ts"
import type { JobTicketRow } from "../store/tickets/TicketRows.ts"
import { TicketStore } from "../store/tickets/TicketStore.ts"
import * as LogoCache from "../services/generator/LogoCache.ts"
import type { PrintDetail } from "../../rpc/PrintDetails.ts"
import { inputOf } from "../print/tickets/TicketInput.ts"
import { TicketPdf, TicketUnprintable } from "../print/tickets/TicketPdf.ts"
import { TicketDesign, type TicketFormat } from "../print/tickets/TicketTemplates.ts"

/** The most tickets of one document. */
export const mostPages = 500

/** Documents drawn at the same time; the others wait. */
const atOnce = 2

const isDesign = Schema.is(TicketDesign)

/** Prints live tickets on pages of a format, in the order given, each in its template and with its logo. */
export class OrderPrinter extends Context.Service<OrderPrinter, {
  /** Tickets that have been voided meanwhile are left out; null when none is left. */
  readonly print: (
    ticketIds: ReadonlyArray<number>,
    format: TicketFormat
  ) => Effect.Effect<Uint8Array | null, FileStoreError | TicketUnprintable>
}>()("guichet/tickets/OrderPrinter") {
  static readonly layer: Layer.Layer<OrderPrinter, never, Fonts | FileStore | PrintStore | TicketStore> =
    Layer
      .effect(
        OrderPrinter,
        Effect.gen(function* () {
          const fonts = yield* Fonts
          const tickets = yield* TicketStore
          const details = yield* PrintStore
          const logoOf = LogoCache.make(yield* FileStore)
          const turn = yield* Semaphore.make(atOnce)

          const toInput = Effect.fnUntraced(
            function* (row: JobTicketRow, detail: PrintDetail, format: TicketFormat) {
              const { code, design, location, name, qr_data, starts_at, title } = row
              if (!isDesign(design)) {
                return yield* new TicketUnprintable({
                  code,
                  reason: `unknown_design: ${design.slice(0, 40)}`
                })
              }
              const event = { title, location, startsAt: DateTime.toDateUtc(starts_at) }
              const input = inputOf({ code, qrData: qr_data, guestName: name, event, design }, detail)
              const wanted = detail.paper?.logo ?? null
              return { ...input, format, logo: wanted === null ? undefined : yield* logoOf(wanted) }
            }
          )

          const print = Effect.fn("OrderPrinter.print")(
            function* (ticketIds: ReadonlyArray<number>, format: TicketFormat) {
              const known = new Map((yield* details.details(ticketIds)).map((detail) => [detail.id, detail]))
              const rows = yield* tickets.forJob(ticketIds)
              const printable = rows.flatMap((row) => {
                const detail = known.get(row.ticket_id)
                return detail === undefined ? [] : [{ row, detail }]
              })
              const inputs = yield* Effect.forEach(
                printable,
                ({ detail, row }) => toInput(row, detail, format)
              )
              if (inputs.length === 0) return null
              const { bytes } = yield* TicketPdf.renderMany(fonts, inputs).pipe(
                Effect.catchTag("PdfError", Effect.die)
              )
              return bytes
            },
            turn.withPermits(1)
          )

          return OrderPrinter.of({ print })
        })
      )
}
