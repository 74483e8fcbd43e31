/** What a supervisor does at the door: find a guest without a ticket, annul anybody's scan, let somebody in with a reason. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { PaymentState, TicketStatus } from "../../../rpc/Ticket.ts"
import { EventNumber, GuestId, TicketId } from "../../../rpc/values/Ids.ts"
import { Instant, Label, storable } from "../../../rpc/values/Values.ts"
import { ScanAnswer } from "../../gate/ScanAnswer.ts"
import { ScanId, ScanLocation } from "../../gate/ScanBodies.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Idempotency } from "../rules/Idempotency.ts"
import { PageQuery } from "../rules/NextPage.ts"
import { Forbidden, InvalidRequest, NotFound, Unavailable } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { Link } from "../../http/Shapes.ts"
import { Annulled, AnnulProblem, ScanUnknownProblem } from "./ScansApi.ts"

/** A guest as a steward at the door needs it: enough to know the person by, and what became of the ticket. */
export const DoorGuest = Schema.Struct({
  guest_id: GuestId,
  name: Schema.String,
  email_hint: Schema.String,
  ticket_type: Schema.String,
  ticket: Schema.NullOr(Schema.Struct({
    ticket_id: TicketId,
    status: TicketStatus,
    payment_state: PaymentState,
    inside: Schema.Boolean,
    first_use: Schema.NullOr(Schema.Struct({ at: Instant, gate: Schema.String }))
  }))
})

/** `next_cursor` is null on the last page. */
export const DoorGuests = Schema.Struct({
  event_id: EventNumber,
  guests: Schema.Array(DoorGuest),
  next_cursor: Schema.NullOr(Schema.String)
})

/** Why the scan is annulled, for the journal. */
export const SupervisedAnnulBody = Schema.Struct({ reason: Label })

/** Whom: by ticket, by code or by QR text; and why, for the journal. */
export const LetInBody = Schema.Struct({
  ticket_id: Schema.optionalKey(Schema.NullOr(TicketId)),
  ticket_code: Schema.optionalKey(Schema.NullOr(storable(4_096))),
  qr_data: Schema.optionalKey(Schema.NullOr(storable(4_096))),
  scanner_id: Label,
  scan_location: ScanLocation,
  scan_id: Schema.optionalKey(Schema.NullOr(ScanId)),
  reason: Label
}).check(Schema.makeFilter((body: {
  readonly ticket_id?: number | null
  readonly ticket_code?: string | null
  readonly qr_data?: string | null
}) =>
  (body.ticket_id ?? body.ticket_code ?? body.qr_data ?? null) === null
    ? { path: ["ticket_id"], issue: "Expected ticket_id, ticket_code or qr_data" }
    : undefined
))
export type LetInBody = typeof LetInBody.Type

const params = { event_id: EventNumber }
const language = { "accept-language": Schema.optionalKey(Schema.String) }

export class SupervisionGroup extends HttpApiGroup.make("supervision").add(
  HttpApiEndpoint.get("guests", "/events/:event_id/guests", {
    params,
    query: { ...PageQuery, q: Schema.optionalKey(storable(200)) },
    success: HttpApiSchema.WithHeaders(DoorGuests, Link),
    error: [Forbidden, NotFound, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "Find a guest at the door",
    description:
      "`q` has words of the name (accents and case aside), the beginning of an e-mail address, or an order. " +
      "Shorter than 2 characters, nobody is found: this is no list of guests."
  })),
  HttpApiEndpoint.post("annul", "/events/:event_id/scans/:scan_id/annul", {
    params: { ...params, scan_id: ScanId },
    headers: language,
    payload: SupervisedAnnulBody,
    success: Annulled,
    error: [AnnulProblem, ScanUnknownProblem, Forbidden, NotFound, Unavailable]
  }).annotateMerge(OpenApi.annotations({
    summary: "Annul a scan of any device, with a reason",
    description: "At any time; the journal says by whom, why, and that a supervisor did it."
  })),
  HttpApiEndpoint.post("letIn", "/events/:event_id/let-in", {
    params,
    headers: language,
    payload: LetInBody,
    success: ScanAnswer,
    error: [Forbidden, NotFound, Unavailable]
  }).annotateMerge(OpenApi.annotations({
    summary: "Let somebody in although a rule says no, with a reason",
    description:
      "Decided like a scan: `valid` where nothing speaks against it. Otherwise `result` is what did, and `let_in` says that " +
      "the person is in all the same, counted beside `max_attendees`. What names no ticket of the event lets nobody in."
  }))
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Supervision",
    description: "For supervisors at the gates of their events, and for whoever manages the event."
  })) {}
