/** Several tickets as one document, drawn when it is asked for. */
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import type { PrintDetail } from "../../rpc/PrintDetails.ts"
import * as FairPlaces from "../durable/FairPlaces.ts"
import type { ThreadBroken } from "../durable/ThreadPool.ts"
import { FileStore, type FileStoreError } from "../files/FileStore.ts"
import { DocumentPrinter } from "../images/DocumentPrinter.ts"
import * as LogoCache from "../images/LogoCache.ts"
import { LogoDecoder } from "../images/LogoDecoder.ts"
import { inputOf } from "../print/tickets/TicketInput.ts"
import { TicketUnprintable } from "../print/tickets/TicketPdf.ts"
import { TicketDesign, type TicketFormat } from "../print/tickets/TicketTemplates.ts"
import { PrintStore } from "../store/tickets/PrintStore.ts"
import type { JobTicketRow } from "../store/tickets/TicketRows.ts"
import { TicketStore } from "../store/tickets/TicketStore.ts"

/** The most tickets of one document. */
export const mostPages = 500

/** Documents drawn at the same time, and of one organiser; of each, so many may be asked for at once. */
export const documentPlaces = { places: 2, each: 1, asked: 5 }

/** It cannot be printed now: so much of this organiser's is printed already, or a thread broke. */
export type PrinterBusy = FairPlaces.TooManyWait | ThreadBroken

const isDesign = Schema.is(TicketDesign)

/** Prints live tickets on pages of a format, in the order given, each in its template and with its logo. */
export class OrderPrinter extends Context.Service<OrderPrinter, {
  /** Tickets that have been voided meanwhile are left out; null when none is left. */
  readonly print: (
    ticketIds: ReadonlyArray<number>,
    format: TicketFormat
  ) => Effect.Effect<Uint8Array | null, FileStoreError | TicketUnprintable | PrinterBusy>
  /** All that is printed on the document, as text, and whose it is; null when no ticket of it lives. */
  readonly contentOf: (
    ticketIds: ReadonlyArray<number>,
    format: TicketFormat
  ) => Effect.Effect<{ readonly owner: string; readonly text: string } | null>
}>()("guichet/tickets/OrderPrinter") {
  static readonly layer: Layer.Layer<
    OrderPrinter,
    never,
    DocumentPrinter | FileStore | LogoDecoder | PrintStore | TicketStore
  > = Layer.effect(
    OrderPrinter,
    Effect.gen(function* () {
      const tickets = yield* TicketStore
      const details = yield* PrintStore
      const printer = yield* DocumentPrinter
      const logoOf = LogoCache.make(yield* FileStore, yield* LogoDecoder)
      const inPlace = FairPlaces.makeBounded(documentPlaces)

      const toInput = Effect.fnUntraced(
        function* (row: JobTicketRow, detail: PrintDetail, format: TicketFormat) {
          const { code, design, location, name, qr_data, starts_at, title } = row
          if (!isDesign(design)) {
            return yield* new TicketUnprintable({ code, reason: `unknown_design: ${design.slice(0, 40)}` })
          }
          const event = { title, location, startsAt: DateTime.toDateUtc(starts_at) }
          const input = inputOf({ code, qrData: qr_data, guestName: name, event, design }, detail)
          const wanted = detail.paper?.logo ?? null
          return { ...input, format, logo: wanted === null ? undefined : yield* logoOf(wanted) }
        }
      )

      const draw = Effect.fn("OrderPrinter.draw")(
        function* (rows: ReadonlyArray<JobTicketRow>, format: TicketFormat) {
          const ids = rows.map(({ ticket_id }) => ticket_id)
          const known = new Map((yield* details.details(ids)).map((detail) => [detail.id, detail]))
          const printable = rows.flatMap((row) => {
            const detail = known.get(row.ticket_id)
            return detail === undefined ? [] : [{ row, detail }]
          })
          const inputs = yield* Effect.forEach(printable, ({ detail, row }) => toInput(row, detail, format))
          return inputs.length === 0 ? null : yield* printer.print(inputs)
        }
      )

      const print = Effect.fn("OrderPrinter.print")(
        function* (ticketIds: ReadonlyArray<number>, format: TicketFormat) {
          const rows = yield* tickets.forJob(ticketIds)
          const [first] = rows
          if (first === undefined) return null
          const [whose] = yield* tickets.owners([first.ticket_id])
          return yield* inPlace({ owner: whose?.owner ?? "", priority: "normal" }, draw(rows, format))
        }
      )

      const contentOf = Effect.fn("OrderPrinter.contentOf")(
        function* (ticketIds: ReadonlyArray<number>, format: TicketFormat) {
          const rows = yield* tickets.forJob(ticketIds)
          const [first] = rows
          if (first === undefined) return null
          const [whose] = yield* tickets.owners([first.ticket_id])
          const printed = yield* details.details(rows.map(({ ticket_id }) => ticket_id))
          return { owner: whose?.owner ?? "", text: JSON.stringify([format, rows, printed]) }
        }
      )

      return OrderPrinter.of({ print, contentOf })
    })
  )
}
