/** Events and their guests. */
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import {
  EventClosed,
  type EventData,
  EventFull,
  EventNotFound,
  EventNotYours,
  EventStatus,
  type EventView,
  type GuestData
} from "../../rpc/Event.ts"
import type { GateRules } from "../../rpc/Scan.ts"
import { Instant } from "../../rpc/values/Values.ts"
import { guestFieldNames, guestFields } from "./GuestFields.ts"
import { numberOf } from "./EventNumbers.ts"
import * as KeysetPage from "./KeysetPage.ts"
import { holders } from "./Places.ts"
import * as Rows from "./Rows.ts"
import { EventId, EventNumber } from "../../rpc/values/Ids.ts"

/** The zone of an event whose organiser names none. */
export const defaultZone = "Europe/Paris"

const published = {
  event_id: EventNumber,
  title: Schema.String,
  date: Rows.At,
  timezone: Schema.String,
  location: Schema.String,
  max_attendees: Schema.Int,
  status: EventStatus,
  doors_open_at: Rows.AtOrNull,
  doors_close_at: Rows.AtOrNull,
  reentry: Schema.Boolean
}

const SummaryRow = Schema.Struct({ ...published, owner: Schema.String, seq: Schema.Int, created_at: Rows.At })

const ViewRow = Schema.Struct({
  ...published,
  guests: Schema.Int,
  tickets: Schema.Int,
  inside: Schema.Int,
  entered: Schema.Int
})

/** What the list of events may be filtered by: `from` this date on, and before `to`. */
export const EventFilters = {
  status: Schema.optionalKey(EventStatus),
  from: Schema.optionalKey(Instant),
  to: Schema.optionalKey(Instant)
}
type EventFilters = Schema.Struct<typeof EventFilters>["Type"]

const StandingRow = Schema.Struct({
  owner: Schema.String,
  status: EventStatus,
  starts_at: Rows.At,
  version: Schema.Int
})
const OwnerRow = Schema.Struct({ owner: Schema.String })
const RoomRow = Schema.Struct({ max_attendees: Schema.Int, guests: Schema.Int })

const instant = (at: DateTime.Utc | undefined): Date | null =>
  at === undefined ? null : DateTime.toDateUtc(at)

const columnsOf = guestFieldNames.join(", ")
const valuesOf = guestFieldNames.map((name) => guestFields[name].value).join(", ")
const typesOf = guestFieldNames.map((name) => `${name} ${guestFields[name].type}`).join(", ")
const changesOf = guestFieldNames.filter((name) => name !== "guest_id")
  .map((name) => `${name} = EXCLUDED.${name}`).join(", ")

/** Everything about 10,000 guests is one statement; the places that are held are counted under the event's lock. */
export class EventStore extends Context.Service<EventStore, {
  /** An event under the key that its organisation's number was given. */
  readonly publish: (
    eventId: EventId,
    owner: string,
    event: EventData
  ) => Effect.Effect<void, EventNotYours | EventClosed>
  readonly registerGuests: (
    eventId: EventId,
    flowId: string | null,
    guests: ReadonlyArray<GuestData>
  ) => Effect.Effect<number, EventNotFound | EventFull>
  /** One that was called off stays canceled: its tickets are void, its payments go back. */
  readonly setStatus: (
    eventId: EventId,
    status: EventStatus
  ) => Effect.Effect<void, EventNotFound | EventClosed>
  readonly setGateRules: (eventId: EventId, rules: GateRules) => Effect.Effect<void, EventNotFound>
  readonly get: (eventId: EventId) => Effect.Effect<Option.Option<EventView>>
  readonly owner: (eventId: EventId) => Effect.Effect<Option.Option<string>>
  readonly page: KeysetPage.Read<EventFilters, typeof SummaryRow.Type>
  /** Whose an event is, whether and when it takes place; another `version` of it may say something else. */
  readonly standing: (eventId: EventId) => Effect.Effect<Option.Option<typeof StandingRow.Type>>
}>()("guichet/store/EventStore") {
  static readonly layer: Layer.Layer<EventStore, never, SqlClient.SqlClient> = Layer.effect(
    EventStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const standing = (eventId: EventId) =>
        Rows.first(StandingRow)(sql`
          SELECT owner, status, starts_at, gate_version AS version FROM events
          WHERE event_id = ${eventId}::bigint`)

      const publish = Effect.fn("EventStore.publish")(function* (
        eventId: EventId,
        owner: string,
        event: EventData
      ) {
        const published = yield* Rows.first(OwnerRow)(sql`
          WITH numbered AS (
            INSERT INTO event_numbers (event_id, owner, number)
            VALUES (${eventId}::bigint, ${owner}, ${event.event_id}::bigint) ON CONFLICT DO NOTHING
          ), published AS (
            INSERT INTO events (event_id, owner, title, starts_at, timezone, location, max_attendees, status,
              doors_open_at, doors_close_at, reentry)
            VALUES (${eventId}::bigint, ${owner}, ${event.title}, ${
          DateTime.toDateUtc(event.date)
        }::timestamptz,
              ${
          event.timezone ?? defaultZone
        }, ${event.location}, ${event.max_attendees}::int, ${event.status},
              ${instant(event.doors_open_at)}::timestamptz, ${instant(event.doors_close_at)}::timestamptz,
              ${event.reentry ?? false}::boolean)
            ON CONFLICT (event_id) DO UPDATE SET title = EXCLUDED.title, starts_at = EXCLUDED.starts_at,
              timezone = EXCLUDED.timezone, location = EXCLUDED.location, max_attendees = EXCLUDED.max_attendees,
              status = EXCLUDED.status, doors_open_at = EXCLUDED.doors_open_at,
              doors_close_at = EXCLUDED.doors_close_at, reentry = EXCLUDED.reentry, updated_at = now()
            WHERE events.owner = EXCLUDED.owner AND events.status NOT IN ('canceled', 'completed')
            RETURNING event_id, owner, gate_version
          ), gates AS (
            INSERT INTO gates_occupancy (event_id, gate_version) SELECT event_id, gate_version FROM published
            ON CONFLICT DO NOTHING
          )
          SELECT owner FROM published`)
        if (Option.isSome(published)) return
        const { owner: holder, status } = yield* Effect.orDie(
          Effect.flatMap(standing(eventId), Effect.fromOption)
        )
        return yield* holder === owner
          ? new EventClosed({ event_id: eventId, status })
          : new EventNotYours({ event_id: eventId })
      })

      const checkRoom = Effect.fnUntraced(function* (eventId: EventId, guestIds: ReadonlyArray<number>) {
        const locked = yield* Rows.first(OwnerRow)(sql`
          SELECT owner FROM events WHERE event_id = ${eventId}::bigint FOR UPDATE`)
        if (Option.isNone(locked)) return yield* new EventNotFound({ event_id: eventId })
        const room = yield* Effect.orDie(Effect.fromOption(
          yield* Rows.first(RoomRow)(sql`
            SELECT e.max_attendees, (SELECT count(*) FROM (
                ${holders(sql)}
                UNION SELECT unnest(${Rows.bigints(guestIds)}::bigint[])
              ) AS everyone) AS guests
            FROM events e WHERE e.event_id = ${eventId}::bigint`)
        ))
        if (room.guests > room.max_attendees) {
          return yield* new EventFull({
            event_id: eventId,
            max_attendees: room.max_attendees,
            requested: room.guests
          })
        }
      })

      /** In order of guests, as whoever locks several of them does: none of these ever waits for another in a circle. */
      const upsertGuests = (eventId: EventId, flowId: string | null, guests: ReadonlyArray<GuestData>) =>
        Rows.run(sql`
          INSERT INTO guests (event_id, ${sql.literal(columnsOf)}, flow_id)
          SELECT ${eventId}::bigint, ${sql.literal(valuesOf)}, ${flowId}::text
          FROM jsonb_to_recordset(${JSON.stringify(guests)}::jsonb) AS g(${sql.literal(typesOf)})
          LEFT JOIN guests known ON known.event_id = ${eventId}::bigint AND known.guest_id = g.guest_id
          ORDER BY g.guest_id
          ON CONFLICT (event_id, guest_id) DO UPDATE SET ${sql.literal(changesOf)},
            flow_id = coalesce(EXCLUDED.flow_id, guests.flow_id)`)

      const registerGuests = Effect.fn("EventStore.registerGuests")(
        function* (eventId: EventId, flowId: string | null, guests: ReadonlyArray<GuestData>) {
          const each = [...new Map(guests.map((guest) => [guest.guest_id, guest])).values()]
          yield* checkRoom(eventId, each.map((guest) => guest.guest_id))
          yield* upsertGuests(eventId, flowId, each)
          return each.length
        },
        sql.withTransaction,
        Effect.catchTag("SqlError", Effect.die)
      )

      /** Locked first: a calling off that came before is seen by the second statement, and one that comes after waits. */
      const setStatus = Effect.fn("EventStore.setStatus")(
        function* (eventId: EventId, status: EventStatus) {
          const locked = yield* Rows.first(OwnerRow)(sql`
            SELECT owner FROM events WHERE event_id = ${eventId}::bigint FOR UPDATE`)
          if (Option.isNone(locked)) return yield* new EventNotFound({ event_id: eventId })
          const set = yield* Rows.first(OwnerRow)(sql`
            UPDATE events e SET status = ${status}, updated_at = now()
            WHERE e.event_id = ${eventId}::bigint AND (${status} = 'canceled' OR NOT EXISTS (
              SELECT 1 FROM event_cancellations c WHERE c.event_id = e.event_id)) RETURNING e.owner`)
          if (Option.isNone(set)) return yield* new EventClosed({ event_id: eventId, status: "canceled" })
        },
        sql.withTransaction,
        Effect.catchTag("SqlError", Effect.die)
      )

      const setGateRules = Effect.fn("EventStore.setGateRules")(
        function* (eventId: EventId, rules: GateRules) {
          const found = yield* Rows.first(OwnerRow)(sql`
          UPDATE events SET gate_rules = ${JSON.stringify(rules)}::jsonb, updated_at = now()
          WHERE event_id = ${eventId}::bigint RETURNING owner`)
          if (Option.isNone(found)) return yield* new EventNotFound({ event_id: eventId })
        }
      )

      const get = (eventId: EventId) =>
        Rows.first(ViewRow)(sql`
          SELECT ${
          sql.literal(numberOf("e.event_id"))
        } AS event_id, e.title, e.starts_at AS date, e.timezone, e.location, e.max_attendees, e.status,
            e.doors_open_at, e.doors_close_at, e.reentry,
            (SELECT count(*) FROM guests g WHERE g.event_id = e.event_id) AS guests,
            (SELECT count(*) FROM tickets t WHERE t.event_id = e.event_id AND t.status <> 'voided') AS tickets,
            coalesce(o.inside, 0) AS inside, coalesce(o.entered, 0) AS entered
          FROM events e LEFT JOIN gates_occupancy o USING (event_id) WHERE e.event_id = ${eventId}::bigint`)

      const owner = (eventId: EventId) =>
        Rows.first(OwnerRow)(sql`SELECT owner FROM events WHERE event_id = ${eventId}::bigint`).pipe(
          Effect.map(Option.map((row) => row.owner))
        )

      const page = KeysetPage.make<typeof SummaryRow, EventFilters>(
        sql,
        "events",
        `${
          numberOf("events.event_id")
        } AS event_id, owner, seq, title, starts_at AS date, timezone, location, max_attendees, status, doors_open_at,
         doors_close_at, reentry, created_at`,
        SummaryRow,
        {
          status: (status) => sql`status = ${status}`,
          from: (from) => sql`starts_at >= ${instant(from)}::timestamptz`,
          to: (to) => sql`starts_at < ${instant(to)}::timestamptz`
        }
      )

      return EventStore.of({ publish, registerGuests, setStatus, setGateRules, get, owner, standing, page })
    })
  )
}
