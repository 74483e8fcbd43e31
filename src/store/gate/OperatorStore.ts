/** Which events the live tokens of one subject reach by a number, and which gates of each. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { EventId, type EventNumber, type TicketId } from "../../../rpc/values/Ids.ts"
import * as Rows from "../Rows.ts"

const GrantRow = Schema.Struct({ event_id: EventId, gates: Schema.NullOr(Schema.Array(Schema.String)) })

/** One token's share: an event, and the gates of it; null is all of them. */
export type Grant = typeof GrantRow.Type

const EventRow = Schema.Struct({ event_id: EventId })

/** Reads tokens by who holds them; expired and revoked ones grant nothing. */
export class OperatorStore extends Context.Service<OperatorStore, {
  /** A listed event is reached by its list, any other by the organisation that the token works for; admins reach all. */
  readonly grants: (subject: string, number: EventNumber) => Effect.Effect<ReadonlyArray<Grant>>
  /** The event of a ticket, if it is one of these. */
  readonly eventOf: (
    ticketId: TicketId,
    among: ReadonlyArray<EventId>
  ) => Effect.Effect<ReadonlyArray<EventId>>
}>()("guichet/store/gate/OperatorStore") {
  static readonly layer: Layer.Layer<OperatorStore, never, SqlClient.SqlClient> = Layer.effect(
    OperatorStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const grants = (subject: string, number: EventNumber) =>
        Rows.all(GrantRow)(sql`
          SELECT n.event_id, CASE WHEN t.role IN ('operator', 'supervisor') THEN t.gates END AS gates
          FROM tokens t JOIN event_numbers n ON n.number = ${number}::bigint AND (
            CASE WHEN t.role = 'admin' THEN EXISTS (SELECT 1 FROM events e WHERE e.event_id = n.event_id)
              WHEN t.role IN ('operator', 'supervisor') AND t.events IS NOT NULL THEN n.event_id = ANY(t.events)
              ELSE n.owner = t.owner AND EXISTS (SELECT 1 FROM events e WHERE e.event_id = n.event_id) END)
          WHERE t.subject = ${subject} AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())`)

      const eventOf = (ticketId: TicketId, among: ReadonlyArray<EventId>) =>
        Effect.map(
          Rows.all(EventRow)(sql`
            SELECT event_id FROM tickets
            WHERE ticket_id = ${ticketId}::bigint AND event_id = ANY(${Rows.bigints(among)}::bigint[])`),
          (rows) => rows.map(({ event_id }) => event_id)
        )

      return OperatorStore.of({ grants, eventOf })
    })
  )
}
