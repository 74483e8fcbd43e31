/** Events and payments, read back. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { EventStatus, EventSummary, EventView } from "../../../rpc/Event.ts"
import { EventNumber, PaymentId } from "../../../rpc/values/Ids.ts"
import { PaymentView } from "../../../rpc/Payment.ts"
import { Label, limited } from "../../../rpc/values/Values.ts"
import { EventFilters } from "../../store/EventStore.ts"
import { Authorization } from "../rules/Authorization.ts"
import { PageQuery } from "../rules/NextPage.ts"
import { Conflict, Forbidden, InvalidRequest, NotFound, Unavailable } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { Link, Pdf } from "../../http/Shapes.ts"

/** `G-2026-000001.pdf`. */
export const InvoiceFile = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9-]{1,40}\.pdf$/, { message: "Expected an invoice number followed by .pdf" })
)

/**
 * `client_secret` lets the payer's page confirm a payment that waits, after a declined card too; null when nothing waits to be
 * confirmed.
 */
export const PaymentStatusView = Schema.Struct({
  ...PaymentView.fields,
  client_secret: Schema.NullOr(Schema.String)
})

/** At most 2,000 characters, with line breaks. */
const Terms = limited(
  2_000,
  Schema.isPattern(/^(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u, {
    message: "Expected text without control characters, line breaks apart"
  })
)

/** What an event's tickets bear of their organiser; null for nothing. */
export const TermsBody = Schema.Struct({
  terms: Schema.NullOr(Terms),
  organizer: Schema.optionalKey(Schema.NullOr(Label))
})

/** The same, stored. */
export const TermsView = Schema.Struct({
  terms: Schema.NullOr(Schema.String),
  organizer: Schema.NullOr(Schema.String)
})

export const StatusBody = Schema.Struct({ status: EventStatus })

/** Which page, and which events; an event must fit every filter. */
export const EventsQuery = { ...PageQuery, ...EventFilters }

/** Newest first; `next_cursor` is null on the last page. */
export const EventsPage = Schema.Struct({
  events: Schema.Array(EventSummary),
  next_cursor: Schema.NullOr(Schema.String)
})

export class EventsGroup extends HttpApiGroup.make("events").add(
  HttpApiEndpoint.get("list", "/events", {
    query: EventsQuery,
    success: HttpApiSchema.WithHeaders(EventsPage, Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "Your events, newest first, in pages",
    description:
      "In the order in which they were made, the latest first; an admin sees everybody's. `from` and `to` " +
      "are about the event's `date`: at `from` or later, and before `to`."
  })),
  HttpApiEndpoint.get("get", "/events/:event_id", {
    params: { event_id: EventNumber },
    success: EventView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "An event and its counters" })),
  HttpApiEndpoint.put("setStatus", "/events/:event_id/status", {
    params: { event_id: EventNumber },
    payload: StatusBody,
    success: EventView,
    error: [Forbidden, NotFound, Conflict, Unavailable]
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Open, cancel or complete an event",
      description:
        "Its gates admit while it is `active`, from the next scan on. Reminders are sent while it is " +
        "`draft` or `active` when they are due. A complete flow opens no event that is `canceled` or `completed`; " +
        "this does, unless the event was called off: then it stays `canceled`, and this answers 409. Tickets and " +
        "payments stay as they are."
    })
  ),
  HttpApiEndpoint.get("terms", "/events/:event_id/terms", {
    params: { event_id: EventNumber },
    success: TermsView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "The organiser's name and terms on the tickets" })),
  HttpApiEndpoint.put("setTerms", "/events/:event_id/terms", {
    params: { event_id: EventNumber },
    payload: TermsBody,
    success: TermsView,
    error: [Forbidden, NotFound, InvalidRequest]
  }).annotateMerge(
    OpenApi.annotations({ summary: "Replace the organiser's name and terms on the tickets" })
  ),
  HttpApiEndpoint.get("payment", "/payments/:payment_id", {
    params: { payment_id: PaymentId },
    success: PaymentStatusView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "A payment, its invoice and what it unlocked" })),
  HttpApiEndpoint.get("invoice", "/invoices/:file", {
    params: { file: InvoiceFile },
    success: Pdf,
    error: [Forbidden, NotFound, Conflict, Unavailable]
  }).annotateMerge(OpenApi.annotations({ summary: "An invoice as PDF" }))
)
  .middleware(ProblemMiddleware)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Events and payments",
    description: "What flows have made, read back."
  })) {}
