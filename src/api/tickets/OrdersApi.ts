/** The tickets of one order, or of some guests, as one document. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { EventNumber, FlowId, GuestId } from "../../../rpc/values/Ids.ts"
import { fewPages } from "../../tickets/OrderDocuments.ts"
import { mostPages } from "../../tickets/OrderPrinter.ts"
import { TicketFormat } from "../../print/tickets/TicketTemplates.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Conflict, Forbidden, NotFound, Unavailable } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { DocumentDrawing, Pdf } from "../../http/Shapes.ts"

const format = Schema.optionalKey(TicketFormat)

const background =
  `More than ${fewPages} are drawn in the background: the answer is 202 until the document is done, then the PDF, ` +
  "for an hour. `file_url` opens it as well, once it is done."

const guestId = Schema.FiniteFromString.pipe(Schema.decodeTo(GuestId))

export class OrdersGroup extends HttpApiGroup.make("orders").add(
  HttpApiEndpoint.get("tickets", "/orders/:order_id/tickets.pdf", {
    params: { order_id: FlowId },
    query: { format },
    success: [Pdf, DocumentDrawing],
    error: [Forbidden, NotFound, Conflict, Unavailable]
  }).annotate(LimitedAs, "documents").annotateMerge(
    OpenApi.annotations({
      summary: "All the tickets of an order as one PDF",
      description:
        `An order is a complete flow: its \`flow_id\`. Its live tickets, a page each, on A4, Letter or a roll; ${mostPages} at most. ${background}`
    })
  ),
  HttpApiEndpoint.get("guestTickets", "/events/:event_id/tickets.pdf", {
    params: { event_id: EventNumber },
    query: {
      guest_id: Schema.Union([
        Schema.Array(guestId).check(Schema.isBetweenLength(1, mostPages)),
        guestId
      ]),
      format
    },
    success: [Pdf, DocumentDrawing],
    error: [Forbidden, NotFound, Conflict, Unavailable]
  }).annotate(LimitedAs, "documents").annotateMerge(
    OpenApi.annotations({
      summary: "The tickets of some guests as one PDF, in the order of guest_id",
      description: background
    })
  )
)
  .middleware(ProblemMiddleware)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Orders",
    description: "Tickets to be printed together, drawn when they are asked for."
  })) {}
