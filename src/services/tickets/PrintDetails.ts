/** What is printed on tickets and has no place in the documented job: the generator asks the core for it. */
import { Schema } from "effect"
import { JobId, TicketId } from "../../../rpc/Ids.ts"
import { Instant, Locale } from "../../../rpc/Values.ts"

/** The body of `POST /api/internal/print-details`. */
export const PrintDetailsRequest = Schema.Struct({
  job_id: JobId,
  ticket_ids: Schema.Array(TicketId).check(Schema.isBetweenLength(1, 500))
})
export type PrintDetailsRequest = typeof PrintDetailsRequest.Type

/** `locale` is the guest's, `timezone` the event's. */
export const PrintDetail = Schema.Struct({
  id: TicketId,
  ticket_type: Schema.String,
  seat: Schema.NullOr(Schema.String),
  locale: Locale,
  timezone: Schema.String,
  organizer: Schema.NullOr(Schema.String),
  issued_at: Instant
})
export type PrintDetail = typeof PrintDetail.Type

/** The answer: a ticket that is voided or unknown is not in it. */
export const PrintDetails = Schema.Struct({ tickets: Schema.Array(PrintDetail) })
export type PrintDetails = typeof PrintDetails.Type
