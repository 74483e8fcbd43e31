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

const PaperOf = Schema.Struct({
  terms: Schema.NullOr(Schema.String),
  accent: Schema.NullOr(Schema.String),
  logo_key: Schema.NullOr(Schema.String),
  logo_digest: Schema.NullOr(Schema.String)
})

/** `of_paper` stands with the first ticket of its event and template alone: terms are long. */
const DetailRow = Schema.Struct({
  ...PrintRow.fields,
  event_id: EventId,
  template_id: Schema.Int,
  of_paper: Schema.NullOr(PaperOf)
})

const OrderRow = Schema.Struct({ owner: Schema.String })
const TicketRow = Schema.Struct({ ticket_id: Schema.Int })
const GuestRow = Schema.Struct({ guest_id: Schema.Int, ticket_id: Schema.NullOr(Schema.Int) })

const paperOf = ({ accent, logo_digest, logo_key, terms }: typeof PaperOf.Type): Paper => ({
  terms,
  accent,
  logo: logo_key === null || logo_digest === null ? null : { key: logo_key, version: logo_digest }
})

/** Reads for printing; every answer is about live tickets alone. */
export class PrintStore extends Context.Service<PrintStore, {
  /**
   * In the order asked for; tickets of one event and template share one `paper`. With a job those alone that are still to be
   * printed for it: none once it is canceled.
   */
  readonly details: (
    ticketIds: ReadonlyArray<number>,
    jobId?: string
  ) => Effect.Effect<ReadonlyArray<PrintDetail>>
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

      const rows = (ticketIds: ReadonlyArray<number>, jobId: string | undefined) =>
        Rows.all(DetailRow)(sql`
          SELECT t.ticket_id AS id, ${
          sql.literal(Object.values(printed).join(", "))
        }, t.seat, e.timezone, e.organizer, t.issued_at,
            e.doors_open_at, e.doors_close_at, t.flow_id AS order_id, t.event_id, t.template_id,
            CASE WHEN row_number() OVER (PARTITION BY t.event_id, t.template_id ORDER BY asked.position) = 1
              THEN jsonb_build_object('terms', e.terms, 'accent', s.accent, 'logo_key', s.logo_key,
                'logo_digest', s.logo_digest) END AS of_paper
          FROM ${asked(ticketIds)} JOIN tickets t ON t.ticket_id = asked.id
          JOIN guests g USING (event_id, guest_id) JOIN events e USING (event_id)
          LEFT JOIN template_styles s ON s.owner = e.owner AND s.template_id = t.template_id
          WHERE t.status <> 'voided' ${
          jobId === undefined ? sql.literal("") : sql`AND EXISTS (
            SELECT 1 FROM ticket_job_items i
            WHERE i.job_id = ${jobId} AND i.ticket_id = t.ticket_id AND i.status = 'queued')`
        } ORDER BY asked.position`)

      const details: PrintStore["Service"]["details"] = Effect.fn("PrintStore.details")(
        function* (ticketIds, jobId) {
          const papers = new Map<string, Paper>()
          return (yield* rows(ticketIds, jobId)).map(({ event_id, of_paper, template_id, ...detail }) => {
            const key = `${event_id} ${template_id}`
            if (of_paper !== null) papers.set(key, paperOf(of_paper))
            const paper = papers.get(key)
            return paper === undefined ? detail : { ...detail, paper }
          })
        }
      )

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
