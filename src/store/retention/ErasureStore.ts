/**
 * Erasing a guest: whatever names the person becomes a pseudonym, and what an accountant may ask for stays. Registered
 * again, the guest has a name again.
 */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { openFlows } from "../../../rpc/CompleteFlow.ts"
import { openJobs } from "../../../rpc/TicketJob.ts"
import { digestOf } from "../AddressDigest.ts"
import { addressField, erasedFields } from "../GuestFields.ts"
import { replaceKnown } from "./KnownTexts.ts"
import { erasedReason, type Guest, pseudonymOf } from "./Pseudonym.ts"
import * as Rows from "../Rows.ts"
import * as WaitingMessages from "../WaitingMessages.ts"

/** Nobody has this number at this event. */
export class GuestUnknown extends Schema.TaggedError<GuestUnknown>()("GuestUnknown", {
  message: Schema.String
}) {}

/** Something that needs to know the guest is under way; `message` names it. */
export class GuestBusy extends Schema.TaggedError<GuestBusy>()("GuestBusy", { message: Schema.String }) {}

const addresses = Object.values(addressField).join(", ")

const Traces = Schema.Struct({
  busy: Schema.NullOr(Schema.String),
  files: Schema.Array(Schema.String),
  messages: Schema.Array(Schema.String),
  payments: Schema.Array(Schema.String),
  tickets: Schema.Array(Schema.Int)
})

const KnownText = Schema.Struct({ text: Schema.String, field: Schema.String })

/** Where a guest is known beside the tables: keys of files, ids of messages, payments and tickets in the generator's queue. */
export type Traces = Omit<typeof Traces.Type, "busy">

export class ErasureStore extends Context.Service<ErasureStore, {
  /**
   * Refused while a flow, a generation job or a payment of the guest is under way, or a refund is not with the provider
   * yet: each time it is asked for, its reason has to be the same.
   */
  readonly traces: (guest: Guest) => Effect.Effect<Traces, GuestUnknown | GuestBusy>
  /** In one transaction, and the second time nothing is left to do; refused as `traces` is. */
  readonly erase: (guest: Guest) => Effect.Effect<void, GuestUnknown | GuestBusy>
}>()("guichet/store/ErasureStore") {
  static readonly layer: Layer.Layer<ErasureStore, never, SqlClient.SqlClient> = Layer.effect(
    ErasureStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const waits = WaitingMessages.waits(sql)

      /** The messages to the guest, and those to an address of the guest's or of whoever paid. */
      const mine = ({ eventId, guestId }: Pick<Guest, "eventId" | "guestId">) =>
        sql`event_id = ${eventId}::bigint AND (guest_id = ${guestId}::bigint OR recipient IN (
          SELECT unnest(ARRAY[${sql.literal(addresses)}]) FROM guests
            WHERE event_id = ${eventId}::bigint AND guest_id = ${guestId}::bigint
          UNION SELECT customer->>'email' FROM payments
            WHERE event_id = ${eventId}::bigint AND user_id = ${guestId}::bigint))`

      const look = (guest: Guest) =>
        Rows.first(Traces)(sql`
          WITH mine AS (
            SELECT ticket_id, file_key, qr_key FROM tickets
            WHERE event_id = ${guest.eventId}::bigint AND guest_id = ${guest.guestId}::bigint
          ), paid AS (
            SELECT payment_id, status FROM payments
            WHERE event_id = ${guest.eventId}::bigint AND user_id = ${guest.guestId}::bigint
          ), open AS (
            SELECT flow_id AS id FROM flows
            WHERE event_id = ${guest.eventId}::bigint AND ${sql.in("status", openFlows)}
              AND request->'guests' @> ${JSON.stringify([{ guest_id: guest.guestId }])}::jsonb
            UNION ALL SELECT j.job_id FROM mine
              JOIN ticket_job_items i USING (ticket_id) JOIN ticket_jobs j USING (job_id)
              WHERE i.status = 'queued' AND ${sql.in("j.status", openJobs)}
            UNION ALL SELECT payment_id FROM paid WHERE status = 'pending'
            UNION ALL SELECT r.refund_id FROM refunds r JOIN paid USING (payment_id) WHERE r.status = 'requested'
          )
          SELECT (SELECT min(id) FROM open) AS busy,
            ARRAY(SELECT file_key FROM mine WHERE file_key IS NOT NULL
              UNION SELECT qr_key FROM mine WHERE qr_key IS NOT NULL) AS files,
            ARRAY(SELECT message_id FROM notifications WHERE ${mine(guest)}) AS messages,
            ARRAY(SELECT payment_id FROM paid) AS payments,
            ARRAY(SELECT ticket_id::int FROM mine) AS tickets
          FROM guests WHERE event_id = ${guest.eventId}::bigint AND guest_id = ${guest.guestId}::bigint`)

      const traces = Effect.fn("ErasureStore.traces")(function* (guest: Guest) {
        const found = yield* Effect.mapError(
          Effect.flatMap(look(guest), Effect.fromOption),
          () => new GuestUnknown({ message: `Event ${guest.number} has no guest ${guest.guestId}.` })
        )
        const { busy, ...traces } = found
        if (busy === null) return traces
        return yield* new GuestBusy({
          message:
            `${busy} needs to know guest ${guest.guestId} of event ${guest.number}: erase when it has ended.`
        })
      })

      /** The guest's own fields, and those of whoever paid for the guest. */
      const knownTexts = ({ eventId, guestId }: Pick<Guest, "eventId" | "guestId">) =>
        Rows.all(KnownText)(sql`
          SELECT DISTINCT field, text FROM (
            SELECT fields.field, fields.text
            FROM guests g, jsonb_each_text(jsonb_build_object('name', name, 'email', email, 'phone', phone))
              AS fields(field, text)
            WHERE event_id = ${eventId}::bigint AND guest_id = ${guestId}::bigint
            UNION ALL SELECT fields.field, fields.text
            FROM payments p, jsonb_each_text(p.customer) AS fields(field, text)
            WHERE event_id = ${eventId}::bigint AND user_id = ${guestId}::bigint
          ) AS texts WHERE text <> ''`)

      const pseudonymise = Effect.fnUntraced(function* ({ eventId, guestId, number }: Guest) {
        const pseudonym = pseudonymOf({ guestId, number })
        const { email, name } = pseudonym
        const known = (yield* knownTexts({ eventId, guestId })).map(({ field, text }) => ({
          text,
          instead: field === "email" ? email : field === "name" ? name : ""
        }))
        yield* replaceKnown(sql, known.filter(({ instead, text }) => instead !== text))
        yield* Rows.run(sql`
          UPDATE notification_attempts SET reason = NULL WHERE reason IS NOT NULL AND message_id IN (
            SELECT message_id FROM notifications WHERE ${mine({ eventId, guestId })})`)
        yield* Rows.run(sql`
          UPDATE suppressions s SET address = NULL, detail = NULL FROM events e
          WHERE e.event_id = ${eventId}::bigint AND s.owner = e.owner
            AND s.digest = ANY(${known.map(({ text }) => digestOf(text))}::text[])`)
        const nothing = Object.fromEntries(erasedFields.map((field) => [field, null]))
        yield* Rows.run(sql`
          UPDATE notifications SET recipient = '', updated_at = now(),
            reason = CASE WHEN ${waits} THEN ${erasedReason} ELSE reason END,
            status = CASE WHEN ${waits} THEN 'canceled' ELSE status END
          WHERE recipient <> '' AND ${mine({ eventId, guestId })}`)
        yield* Rows.run(sql`
          UPDATE notification_sequences SET finished_at = coalesce(finished_at, now()),
            status = CASE WHEN status = 'running' THEN 'canceled' ELSE status END,
            config = jsonb_set(config, '{notification_sequence}', (
              SELECT jsonb_agg(step || '{"data": {}}' ORDER BY at)
              FROM jsonb_array_elements(config->'notification_sequence') WITH ORDINALITY AS steps(step, at)))
          WHERE event_id = ${eventId}::bigint AND user_id = ${guestId}::bigint`)
        yield* Rows.run(sql`
          UPDATE flows SET request = jsonb_set(request, '{guests}', (
            SELECT jsonb_agg(CASE WHEN guest @> ${JSON.stringify({ guest_id: guestId })}::jsonb
              THEN (guest - ${erasedFields}::text[]) || ${JSON.stringify(pseudonym)}::jsonb ELSE guest END
              ORDER BY at)
            FROM jsonb_array_elements(request->'guests') WITH ORDINALITY AS guests(guest, at)))
          WHERE event_id = ${eventId}::bigint
            AND request->'guests' @> ${JSON.stringify([{ guest_id: guestId }])}::jsonb`)
        yield* Rows.run(sql`
          UPDATE payments SET customer = ${JSON.stringify({ name, email })}::jsonb
          WHERE event_id = ${eventId}::bigint AND user_id = ${guestId}::bigint`)
        yield* Rows.run(sql`
          UPDATE tickets SET file_key = NULL, file_url = NULL, file_size = NULL, qr_key = NULL, qr_url = NULL,
            generation = NULL
          WHERE event_id = ${eventId}::bigint AND guest_id = ${guestId}::bigint`)
        yield* Rows.run(sql`
          UPDATE guests SET ${sql.update({ ...pseudonym, ...nothing })}
          WHERE event_id = ${eventId}::bigint AND guest_id = ${guestId}::bigint`)
      })

      /** Whoever enters messages of the guest has entered them by now, or sees the pseudonym (`NotificationStore.enlist`). */
      const lock = ({ eventId, guestId }: Guest) =>
        Rows.run(sql`
          SELECT FROM guests WHERE event_id = ${eventId}::bigint AND guest_id = ${guestId}::bigint FOR UPDATE`)

      const erase = (guest: Guest) =>
        sql.withTransaction(Effect.all([lock(guest), traces(guest), pseudonymise(guest)], { discard: true }))
          .pipe(
            Effect.catchTag("SqlError", Effect.die),
            Effect.withSpan("ErasureStore.erase")
          )

      return ErasureStore.of({ traces, erase })
    })
  )
}
