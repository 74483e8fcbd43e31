/** Tickets as they are read: by their organiser, by a generation job, by the generator. */
import { Schema } from "effect"
import { GenerationArchive, PaymentState, TicketStatus } from "../../../rpc/Ticket.ts"
import { Locale } from "../../../rpc/values/Values.ts"
import * as Rows from "../Rows.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"

/** A ticket with its organiser and the keys of its files: `TicketView` and what Guichet keeps for itself. */
export const TicketRow = Schema.Struct({
  ticket_id: Schema.Int,
  event_id: EventNumber,
  guest_id: Schema.Int,
  guest_name: Schema.String,
  ticket_code: Schema.String,
  ticket_type: Schema.String,
  template_id: Schema.Int,
  seat: Schema.NullOr(Schema.String),
  status: TicketStatus,
  payment_state: PaymentState,
  qr_data: Schema.String,
  issued_at: Rows.At,
  generated_at: Rows.AtOrNull,
  file_url: Schema.NullOr(Schema.String),
  qr_url: Schema.NullOr(Schema.String),
  file_key: Schema.NullOr(Schema.String),
  qr_key: Schema.NullOr(Schema.String),
  file_size: Schema.NullOr(Schema.Int),
  generation: Schema.NullOr(GenerationArchive),
  first_admitted_at: Rows.AtOrNull,
  first_gate: Schema.NullOr(Schema.String),
  flow_id: Schema.NullOr(Schema.String),
  owner: Schema.String,
  starts_at: Rows.At
})
export type TicketRow = typeof TicketRow.Type

/** A ticket, its guest, its event and its template, in one row. */
export const JobTicketRow = Schema.Struct({
  ticket_id: Schema.Int,
  code: Schema.String,
  qr_data: Schema.String,
  name: Schema.String,
  email: Schema.String,
  phone: Schema.NullOr(Schema.String),
  event_id: EventNumber,
  title: Schema.String,
  starts_at: Rows.At,
  location: Schema.String,
  template_id: Schema.Int,
  template_name: Schema.String,
  design: Schema.String
})
export type JobTicketRow = typeof JobTicketRow.Type

/** What is printed on a ticket beyond the documented job. */
export const PrintRow = Schema.Struct({
  id: Schema.Int,
  ticket_type: Schema.String,
  seat: Schema.NullOr(Schema.String),
  locale: Locale,
  timezone: Schema.String,
  organizer: Schema.NullOr(Schema.String),
  issued_at: Rows.At,
  doors_open_at: Rows.AtOrNull,
  doors_close_at: Rows.AtOrNull,
  order_id: Schema.NullOr(Schema.String)
})
export type PrintRow = typeof PrintRow.Type

/** Whose ticket it is, and whether it lives. */
export const OwnerRow = Schema.Struct({
  ticket_id: Schema.Int,
  event_id: EventId,
  owner: Schema.String,
  status: TicketStatus
})
export type OwnerRow = typeof OwnerRow.Type
