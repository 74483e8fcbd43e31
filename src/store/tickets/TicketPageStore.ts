/** What a guest sees of a ticket on its page. */
import { Context, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { PaymentState, TicketStatus } from "../../../rpc/Ticket.ts"
import { EventStatus } from "../../../rpc/Event.ts"
import { EventId } from "../../../rpc/values/Ids.ts"
import { Locale } from "../../../rpc/values/Values.ts"
import * as Rows from "../Rows.ts"

/** A ticket with its guest's name and its event; `doors_close_at` and `starts_at` are of the event. */
export const TicketPageRow = Schema.Struct({
  ticket_id: Schema.Int,
  event_id: EventId,
  code: Schema.String,
  status: TicketStatus,
  payment_state: PaymentState,
  ticket_type: Schema.String,
  seat: Schema.NullOr(Schema.String),
  qr_data: Schema.String,
  file_key: Schema.NullOr(Schema.String),
  file_url: Schema.NullOr(Schema.String),
  first_admitted_at: Rows.AtOrNull,
  first_gate: Schema.NullOr(Schema.String),
  guest_name: Schema.String,
  locale: Locale,
  title: Schema.String,
  event_status: EventStatus,
  starts_at: Rows.At,
  doors_open_at: Rows.AtOrNull,
  doors_close_at: Rows.AtOrNull,
  timezone: Schema.String,
  location: Schema.String,
  organizer: Schema.NullOr(Schema.String)
})
export type TicketPageRow = typeof TicketPageRow.Type

export class TicketPageStore extends Context.Service<TicketPageStore, {
  readonly get: (ticketId: number) => Effect.Effect<Option.Option<TicketPageRow>>
}>()("guichet/store/tickets/TicketPageStore") {
  static readonly layer: Layer.Layer<TicketPageStore, never, SqlClient.SqlClient> = Layer.effect(
    TicketPageStore,
    Effect.map(SqlClient.SqlClient, (sql) =>
      TicketPageStore.of({
        get: (ticketId) =>
          Rows.first(TicketPageRow)(sql`
            SELECT t.ticket_id, t.event_id, t.code, t.status, t.payment_state, t.ticket_type, t.seat, t.qr_data, t.file_key,
              t.file_url, t.first_admitted_at, t.first_gate, g.name AS guest_name, g.locale, e.title,
              e.status AS event_status, e.starts_at, e.doors_open_at, e.doors_close_at, e.timezone, e.location,
              e.organizer
            FROM tickets t JOIN guests g USING (event_id, guest_id) JOIN events e USING (event_id)
            WHERE t.ticket_id = ${ticketId}`)
      }))
  )
}
