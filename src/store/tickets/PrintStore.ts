/** What is printed on tickets beyond the documented job, which tickets an order has, and an event's terms. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { Paper, PrintDetail } from "../../../rpc/PrintDetails.ts"
import type { DetailField } from "../GuestFields.ts"
import * as Rows from "../Rows.ts"
import { PrintRow } from "./TicketRows.ts"
import { EventId } from "../../../rpc/values/Ids.ts"

/** The organiser's name and terms as an event's tickets bear them. */
export const EventTerms = Schema.Struct({
  terms: Schema.NullOr(Schema.String),
  organizer: Schema.NullOr(Schema.String)
})
export type EventTerms = typeof EventTerms.Type

/** Where each guest field that is printed stands: a ticket keeps the type that it was issued with. */
const printed = {
  ticket_type: "t.ticket_type",
  locale: "g.locale"
} satisfies {
  readonly [Name in DetailField]: Name extends keyof typeof PrintRow.Type & keyof PrintDetail ? string : never
}

const DetailRow = Schema.Struct({ ...PrintRow.fields, event_id: EventId, template_id: Schema.Int })

const PaperRow = Schema.Struct({
  event_id: EventId,
  template_id: Schema.Int,
  terms: Schema.NullOr(Schema.String),
  accent: Schema.NullOr(Schema.String),
  logo_key: Schema.NullOr(Schema.String),
  logo_digest: Schema.NullOr(Schema.String)
})

const OrderRow = Schema.Struct({ owner: Schema.String })
const TicketRow = Schema.Struct({ ticket_id: Schema.Int })
const GuestRow = Schema.Struct({ guest_id: Schema.Int, ticket_id: Schema.NullOr(Schema.Int) })

const paperOf = ({ accent, logo_digest, logo_key, terms }: typeof PaperRow.Type): Paper => ({
  terms,
  accent,
  logo: logo_key === null || logo_digest === null ? null : { key: logo_key, version: logo_digest }
})

/** Reads for printing; every answer is about live tickets alone. */
export class PrintStore extends Context.Service<PrintStore, {
  /** In the order asked for; tickets of one event and template share one `paper`. */
  readonly details: (ticketIds: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<PrintDetail>>
  /** Whose order it is: an order is a complete flow. */
  readonly orderOwner: (orderId: string) => Effect.Effect<Option.Option<string>>
  /** Its live tickets by guest, `limit` of them at most. */
  readonly ofOrder: (orderId: string, limit: number) => Effect.Effect<ReadonlyArray<number>>
  /** The live tickets of these guests, in their order; null for one who has none. */
  readonly ofGuests: (
    eventId: EventId,
    guestIds: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyArray<typeof GuestRow.Type>>
  readonly terms: (eventId: EventId) => Effect.Effect<Option.Option<EventTerms>>
  readonly setTerms: (eventId: EventId, terms: EventTerms) => Effect.Effect<void>
}>()("guichet/store/tickets/PrintStore") {
  static readonly layer: Layer.Layer<PrintStore, never, SqlClient.SqlClient> = Layer.effect(
    PrintStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const asked = Rows.asked(sql)

      const rows = (ticketIds: ReadonlyArray<number>) =>
        Rows.all(DetailRow)(sql`
          SELECT t.ticket_id AS id, ${
          sql.literal(Object.values(printed).join(", "))
        }, t.seat, e.timezone, e.organizer, t.issued_at,
            e.doors_open_at, e.doors_close_at, t.flow_id AS order_id, t.event_id, t.template_id
          FROM ${asked(ticketIds)} JOIN tickets t ON t.ticket_id = asked.id
          JOIN guests g USING (event_id, guest_id) JOIN events e USING (event_id)
          WHERE t.status <> 'voided' ORDER BY asked.position`)

      const papers = (pairs: ReadonlyArray<{ readonly event_id: EventId; readonly template_id: number }>) =>
        Rows.all(PaperRow)(sql`
          SELECT p.event_id, p.template_id, e.terms, s.accent, s.logo_key, s.logo_digest
          FROM jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) AS p (event_id bigint, template_id bigint)
          JOIN events e ON e.event_id = p.event_id
          LEFT JOIN template_styles s ON s.owner = e.owner AND s.template_id = p.template_id`)

      const details = Effect.fn("PrintStore.details")(function* (ticketIds: ReadonlyArray<number>) {
        const found = yield* rows(ticketIds)
        const keyOf = (row: { readonly event_id: EventId; readonly template_id: number }) =>
          `${row.event_id} ${row.template_id}`
        const pairs = new Map(
          found.map(({ event_id, template_id }) => [
            keyOf({ event_id, template_id }),
            { event_id, template_id }
          ])
        )
        const known = new Map((yield* papers([...pairs.values()])).map((row) => [keyOf(row), paperOf(row)]))
        return found.map(({ event_id, template_id, ...detail }): PrintDetail => {
          const paper = known.get(keyOf({ event_id, template_id }))
          return paper === undefined ? detail : { ...detail, paper }
        })
      })

      const orderOwner = (orderId: string) =>
        Effect.map(
          Rows.first(OrderRow)(sql`SELECT owner FROM flows WHERE flow_id = ${orderId}`),
          Option.map(({ owner }) => owner)
        )

      const ofOrder = (orderId: string, limit: number) =>
        Effect.map(
          Rows.all(TicketRow)(sql`
            SELECT ticket_id FROM tickets WHERE flow_id = ${orderId} AND status <> 'voided'
            ORDER BY guest_id LIMIT ${limit}::int`),
          (found) => found.map(({ ticket_id }) => ticket_id)
        )

      const ofGuests = (eventId: EventId, guestIds: ReadonlyArray<number>) =>
        Rows.all(GuestRow)(sql`
          SELECT asked.id AS guest_id, t.ticket_id
          FROM ${asked(guestIds)}
          LEFT JOIN tickets t ON t.event_id = ${eventId}::bigint AND t.guest_id = asked.id
            AND t.status <> 'voided'
          ORDER BY asked.position`)

      const terms = (eventId: EventId) =>
        Rows.first(EventTerms)(
          sql`SELECT terms, organizer FROM events WHERE event_id = ${eventId}::bigint`
        )

      const setTerms = (eventId: EventId, { organizer, terms }: EventTerms) =>
        Rows.run(sql`
          UPDATE events SET terms = ${terms}, organizer = ${organizer}, updated_at = now()
          WHERE event_id = ${eventId}::bigint`)

      return PrintStore.of({ details, orderOwner, ofOrder, ofGuests, terms, setTerms })
    })
  )
}
