/** Answers for tickets that are printed together. */
import { Effect, Option } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { FileLinks } from "../../files/FileLinks.ts"
import { OrderDocuments } from "../../tickets/OrderDocuments.ts"
import { mostPages } from "../../tickets/OrderPrinter.ts"
import type { TicketFormat } from "../../print/tickets/TicketTemplates.ts"
import { PrintStore } from "../../store/tickets/PrintStore.ts"
import { OrdersGroup } from "./OrdersApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { pdfNamed } from "../../http/FileNamed.ts"
import { fileStoreAway } from "../rules/FileStoreAway.ts"
import { printerBusy } from "../rules/PrinterBusy.ts"
import { noStore } from "../../http/NoStore.ts"
import { Conflict, NotFound } from "../../http/Problems.ts"
import { ownEvent } from "../rules/OwnEvent.ts"
import { visible } from "../rules/Visible.ts"

export const OrdersHttpLayer = HttpApiBuilder.group(
  apiOf(OrdersGroup),
  "orders",
  Effect.fn(function* (handlers) {
    const documents = yield* OrderDocuments
    const links = yield* FileLinks
    const prints = yield* PrintStore
    const own = yield* ownEvent

    const asOwner = Option.map((owner: string) => ({ owner }))

    const print = Effect.fn("OrdersHttp.print")(
      function* (ticketIds: ReadonlyArray<number>, format: TicketFormat = "a4") {
        const document = yield* documents.get(ticketIds, format)
        if (document._tag === "drawn") return document.bytes
        if (document._tag === "drawing") {
          const file_url = yield* links.make(document.key)
          return HttpApiSchema.withHeaders({
            body: { status: "drawing" as const, tickets: ticketIds.length, file_url },
            headers: { "retry-after": "2" }
          })
        }
        return yield* new Conflict({
          detail: "No live ticket is in it: ask again when its tickets are issued."
        })
      },
      Effect.catchTags({
        TicketUnprintable: ({ code, reason }) =>
          new Conflict({ detail: `Ticket ${code} cannot be printed. ${reason}` }),
        FileStoreError: fileStoreAway,
        ...printerBusy
      })
    )

    return handlers.handleAll({
      tickets: ({ params: { order_id }, query }) =>
        pdfNamed(
          `tickets-${order_id}.pdf`,
          noStore(Effect.gen(function* () {
            yield* visible("order", Effect.map(prints.orderOwner(order_id), asOwner))
            const ticketIds = yield* prints.ofOrder(order_id, mostPages + 1)
            if (ticketIds.length > mostPages) {
              return yield* new Conflict({
                detail: `The order has more than ${mostPages} tickets: ask for them by guests, ` +
                  `${mostPages} at a time, at /api/events/:event_id/tickets.pdf?guest_id=…`
              })
            }
            return yield* print(ticketIds, query.format)
          }))
        ),
      guestTickets: ({ params: { event_id }, query }) =>
        pdfNamed(
          `tickets-event-${event_id}.pdf`,
          noStore(Effect.gen(function* () {
            const { event_id: eventId } = yield* own(event_id)
            const guests = typeof query.guest_id === "number" ? [query.guest_id] : query.guest_id
            const found = yield* prints.ofGuests(eventId, [...new Set(guests)])
            const without = found.find(({ ticket_id }) => ticket_id === null)
            if (without !== undefined) {
              return yield* new NotFound({
                detail: `Guest ${without.guest_id} has no live ticket of this event.`
              })
            }
            return yield* print(
              found.flatMap(({ ticket_id }) => ticket_id === null ? [] : [ticket_id]),
              query.format
            )
          }))
        )
    })
  })
)
