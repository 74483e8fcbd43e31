/** One ticket becomes files: its QR image, its PDF, and what is reported of both. */
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { FileLinks } from "../../files/FileLinks.ts"
import { FileStore, FileStoreError, type StoredFile } from "../../files/FileStore.ts"
import { BatchTicket } from "../../../rpc/TicketWebhookBodies.ts"
import { Fonts } from "../../print/pdf/Fonts.ts"
import * as LogoCache from "../../images/LogoCache.ts"
import { LogoDecoder } from "../../images/LogoDecoder.ts"
import { ThreadBroken } from "../../durable/ThreadPool.ts"
import type { DecodedLogo } from "../../print/pdf/Logo.ts"
import { PrintDetail } from "../../../rpc/PrintDetails.ts"
import { QrImage } from "../../print/qr/QrImage.ts"
import { qrMatrix } from "../../print/qr/QrMatrix.ts"
import { JobTicket, RenderOptions } from "./TicketApi.ts"
import { inputOf } from "../../print/tickets/TicketInput.ts"
import { codePointsOf, unprintableReason } from "../../print/text/Unprintable.ts"
import { TicketPdf } from "../../print/tickets/TicketPdf.ts"
import { TicketDesign } from "../../print/tickets/TicketTemplates.ts"

/** A ticket with what is printed on it. */
export const Printable = Schema.Struct({ ticket: JobTicket, detail: PrintDetail })
export type Printable = typeof Printable.Type

/** The reports come in the order of the tickets; a store that cannot be written fails all of them. */
export const Render = Rpc.make("Render", {
  payload: { tickets: Schema.Array(Printable), options: RenderOptions },
  success: Schema.Array(BatchTicket),
  error: Schema.Union([FileStoreError, ThreadBroken])
})

/** What a render thread is asked. */
export class RenderRpc extends RpcGroup.make(Render) {}

/** Why this ticket cannot be printed, whatever is tried; nothing of it is stored. */
class Unprintable extends Schema.TaggedError<Unprintable>()("Unprintable", { reason: Schema.String }) {}

const isDesign = Schema.is(TicketDesign)

const matrixOf = (text: string) =>
  Effect.try({
    try: () => qrMatrix(text),
    catch: () => new Unprintable({ reason: "qr: the data is too long for a QR code" })
  })

const printed = Effect.fnUntraced(function* (
  fonts: Fonts["Service"],
  ticket: JobTicket,
  detail: PrintDetail,
  matrix: ReturnType<typeof qrMatrix>,
  logo: DecodedLogo | undefined
) {
  const { design } = ticket.template
  if (!isDesign(design)) return yield* new Unprintable({ reason: `unknown_design: ${design.slice(0, 40)}` })
  const input = inputOf({
    code: ticket.ticket_code,
    qrData: ticket.qr_code_data,
    guestName: `${ticket.guest.first_name} ${ticket.guest.last_name}`.trim(),
    event: { ...ticket.event, startsAt: new Date(ticket.event.event_date) },
    design
  }, detail)
  const pdf = yield* TicketPdf.render(fonts, { ...input, logo }, matrix).pipe(
    Effect.mapError(({ message, reason }) => new Unprintable({ reason: `${reason}: ${message}` }))
  )
  const missing = unprintableReason(pdf.missingGlyphs)
  if (missing !== null) {
    yield* Effect.logWarning("A ticket is printed with boxes", { ticketId: ticket.id, missing })
  }
  return pdf
})

/** A reason as the contract has it: 500 characters at most, no control character, no half of one. */
const plain = (reason: string): string => reason.slice(0, 500).replace(/[\p{Cc}\p{Cs}]/gu, "\uFFFD")

/** A drawn ticket: what is stored of it, and its report once that is done. */
interface Drawn {
  readonly files: ReadonlyArray<StoredFile>
  readonly report: BatchTicket
}

/** Renders and stores. Files are `tickets/<event>/<ticket>…`: rendering again replaces them, and an event's are one folder. */
export class TicketRenderer extends Context.Service<TicketRenderer, {
  /**
   * Draws one ticket after the other, others have their turn in between; then all are stored at once. The reports come
   * in the order of the tickets. A ticket that cannot be printed is an answer, and one with characters that no font has
   * is printed with boxes for them and says so; a store that cannot be written and a
   * thread that broke are errors: try again.
   */
  readonly render: (
    tickets: ReadonlyArray<Printable>,
    options: RenderOptions
  ) => Effect.Effect<ReadonlyArray<BatchTicket>, FileStoreError | ThreadBroken>
}>()("guichet/services/generator/TicketRenderer") {
  static readonly layer: Layer.Layer<TicketRenderer, never, Fonts | FileStore | FileLinks | LogoDecoder> =
    Layer.effect(
      TicketRenderer,
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const store = yield* FileStore
        const links = yield* FileLinks
        const logoOf = LogoCache.make(store, yield* LogoDecoder)

        const draw = Effect.fnUntraced(
          function* (ticket: JobTicket, detail: PrintDetail, options: RenderOptions) {
            const matrix = yield* matrixOf(ticket.qr_code_data)
            const wanted = options.pdfFormat && options.includeLogo ? detail.paper?.logo ?? null : null
            const logo = wanted === null ? undefined : yield* logoOf(wanted)
            const pdf = options.pdfFormat ? yield* printed(fonts, ticket, detail, matrix, logo) : null
            return { pdf, qr: QrImage.render(matrix, options.qrFormat, options.qrSize) }
          },
          Effect.catchDefect((defect) =>
            Effect.logError(
              "A ticket could not be drawn",
              defect instanceof Error ? defect.name : typeof defect
            ).pipe(
              Effect.andThen(Effect.logDebug("The defect of the ticket that could not be drawn", defect)),
              Effect.andThen(
                Effect.fail(new Unprintable({ reason: "drawing: the ticket could not be drawn" }))
              )
            )
          )
        )

        const filesOf = Effect.fnUntraced(
          function* (ticket: JobTicket, { pdf, qr }: Effect.Success<ReturnType<typeof draw>>) {
            const eventAt = new Date(ticket.event.event_date)
            const name = `tickets/${ticket.event.id}/${ticket.id}`
            const qrKey = `${name}-qr.${qr.extension}`
            const pdfKey = pdf === null ? null : `${name}.pdf`
            const data = {
              file_key: pdfKey,
              file_url: pdfKey === null ? null : yield* links.make(pdfKey, eventAt),
              file_size: pdf === null ? null : pdf.bytes.length,
              qr_key: qrKey,
              qr_url: yield* links.make(qrKey, eventAt)
            }
            const files: Array<StoredFile> = [{ key: qrKey, bytes: qr.bytes, contentType: qr.contentType }]
            if (pdf !== null && pdfKey !== null) {
              files.push({ key: pdfKey, bytes: pdf.bytes, contentType: "application/pdf" })
            }
            return { data, files }
          }
        )

        const one = Effect.fn("TicketRenderer.draw")(
          function* (
            { detail, ticket }: Printable,
            options: RenderOptions
          ): Effect.fn.Return<Drawn, Unprintable | FileStoreError | ThreadBroken> {
            const began = yield* Clock.currentTimeMillis
            const drawn = yield* draw(ticket, detail, options)
            const { data, files } = yield* filesOf(ticket, drawn)
            const missing = drawn.pdf?.missingGlyphs ?? []
            return {
              files,
              report: {
                ticket_id: ticket.id,
                status: "generated",
                reason: unprintableReason(missing),
                generation_data: {
                  format: options.pdfFormat ? "pdf" : options.qrFormat,
                  qr_code: true,
                  qr_size: options.qrSize,
                  ...data
                },
                metadata: {
                  seat_number: detail.seat,
                  access_type: detail.ticket_type,
                  generation_time_ms: (yield* Clock.currentTimeMillis) - began,
                  ...(missing.length === 0 ? {} : { unprintable: codePointsOf(missing) })
                }
              }
            }
          },
          (effect, { ticket }) =>
            Effect.catchTag(effect, "Unprintable", ({ reason }) =>
              Effect.succeed<Drawn>({
                files: [],
                report: {
                  ticket_id: ticket.id,
                  status: "failed",
                  reason: plain(reason),
                  generation_data: null,
                  metadata: {}
                }
              }))
        )

        const render = Effect.fn("TicketRenderer.render")(
          function* (tickets: ReadonlyArray<Printable>, options: RenderOptions) {
            const drawn = yield* Effect.forEach(
              tickets,
              (ticket) => Effect.andThen(Effect.yieldNow, one(ticket, options))
            )
            yield* store.putAll(drawn.flatMap(({ files }) => files))
            return drawn.map(({ report }) => report)
          }
        )

        return TicketRenderer.of({ render })
      })
    )
}
