/** The offline bundle: an event's tickets as digests, in pages, from the beginning or from what a device has. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { EventStatus } from "../../../rpc/Event.ts"
import { GateRules, usualRules } from "../../../rpc/Scan.ts"
import type { OfflineEvent, OfflineTickets } from "./OfflineBundle.ts"
import type { OfflineCursor } from "./OfflineCursor.ts"
import * as Rows from "../../store/Rows.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"

/** Which page; without a cursor the first of all. */
export interface BundleRequest {
  readonly eventId: EventId
  readonly cursor: OfflineCursor | null
  readonly limit: number
}

/** One page, and the cursor of the next; `full` when it begins anew. */
export interface BundlePage {
  readonly event: OfflineEvent
  readonly rules: GateRules
  readonly tickets: OfflineTickets
  readonly full: boolean
  readonly more: boolean
  readonly cursor: OfflineCursor
}

const Digests = Schema.optionalKey(Schema.String)

const Row = Schema.Struct({
  event_id: EventNumber,
  status: EventStatus,
  timezone: Schema.String,
  doors_open_at: Rows.AtOrNull,
  doors_close_at: Rows.AtOrNull,
  reentry: Schema.Boolean,
  max_attendees: Schema.Int,
  inside: Schema.Int,
  gate_rules: Schema.NullOr(GateRules),
  origin: Schema.String,
  known: Schema.Boolean,
  floor: Schema.String,
  seq: Schema.Int,
  mark: Schema.String,
  read: Schema.Int,
  changed_in: Schema.String,
  ticket_id: Schema.Int,
  digests: Schema.Struct({
    unused: Digests,
    left: Digests,
    inside: Digests,
    unpaid: Digests,
    voided: Digests
  })
})

const toPage = (eventId: EventId, row: typeof Row.Type, limit: number): BundlePage => {
  const { digests, event_id, floor, gate_rules, known, mark, origin, seq } = row
  const more = row.read === limit
  return {
    event: {
      event_id,
      status: row.status,
      timezone: row.timezone,
      doors_open_at: row.doors_open_at,
      doors_close_at: row.doors_close_at,
      reentry: row.reentry,
      max_attendees: row.max_attendees,
      inside: row.inside
    },
    rules: gate_rules ?? usualRules,
    tickets: { unused: "", left: "", inside: "", unpaid: "", voided: "", ...digests },
    full: !known,
    more,
    cursor: more
      ? { eventId, origin, changedIn: row.changed_in, ticketId: row.ticket_id, floor, seq, mark }
      : { eventId, origin, changedIn: floor, ticketId: 0, floor: null, seq, mark }
  }
}

/**
 * What a scan does to a ticket is read from the event's journal, whose order is that of its commits; everything else in
 * the order of the transactions that changed tickets last (`changed_in`). A round of pages ends at the newest of both; the
 * next one begins at the `floor` that the first page of this one saw: below it every transaction was over and in
 * sight, so nothing that commits late is missed, and what is read twice is the same state again. The floor is not
 * above the newest change either, which is durable: the numbers of transactions that left no trace before a crash of
 * the server are given out again after it. `origin` names the database and its timeline: another one counts its
 * transactions differently, and its cursors begin anew.
 */
export class BundleStore extends Context.Service<BundleStore, {
  readonly page: (request: BundleRequest) => Effect.Effect<Option.Option<BundlePage>>
}>()("guichet/gate/offline/BundleStore") {
  static readonly layer: Layer.Layer<BundleStore, never, SqlClient.SqlClient> = Layer.effect(
    BundleStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const page = Effect.fn("BundleStore.page")(function* ({ cursor, eventId, limit }: BundleRequest) {
        const markAt = (seq: string) =>
          sql`coalesce((SELECT left(md5(scan_id), 12) FROM scans
            WHERE event_id + 0 = ${eventId}::bigint AND seq = ${sql.literal(seq)}), '')`
        const row = yield* Rows.first(Row)(sql`
          WITH here AS MATERIALIZED (
            SELECT pg_current_snapshot() AS snapshot, left(md5(concat_ws('/',
              (SELECT system_identifier FROM pg_control_system()), (SELECT timeline_id FROM pg_control_checkpoint()),
              (SELECT oid FROM pg_database WHERE datname = current_database()), 'tickets'::regclass::oid)), 16) AS origin
          ), number AS MATERIALIZED (
            SELECT number AS here FROM event_numbers WHERE event_id = ${eventId}::bigint
          ), asked AS MATERIALIZED (
            SELECT ${cursor?.changedIn ?? "0"}::text::xid8 AS changed_in, ${
          cursor?.ticketId ?? 0
        }::bigint AS ticket_id,
              ${cursor?.floor ?? null}::text::xid8 AS floor, ${cursor?.origin ?? null}::text AS origin,
              ${cursor?.seq ?? null}::bigint AS seq, ${cursor?.mark ?? ""}::text AS mark
          ), journal AS MATERIALIZED (
            SELECT coalesce((SELECT seq FROM scans WHERE event_id + 0 = ${eventId}::bigint
              ORDER BY seq DESC LIMIT 1), 0) AS newest
          ), start AS MATERIALIZED (
            SELECT k.known, CASE WHEN k.known THEN asked.changed_in ELSE '0' END AS changed_in,
              CASE WHEN k.known THEN asked.ticket_id ELSE 0 END AS ticket_id,
              CASE WHEN k.known THEN asked.floor END AS floor,
              CASE WHEN k.known THEN asked.seq ELSE journal.newest END AS seq
            FROM here, asked, journal, LATERAL (SELECT asked.origin IS NOT DISTINCT FROM here.origin AND
              coalesce(asked.floor, asked.changed_in) <= pg_snapshot_xmax(here.snapshot)
              AND asked.seq IS NOT NULL AND asked.mark = ${markAt("asked.seq")} AS known) k
          ), -- What changed otherwise than by a scan, as far as the page reaches;
          changed AS MATERIALIZED (
            SELECT t.changed_in, t.ticket_id, t.code, t.status, t.payment_state, t.inside OR t.let_in > 0 AS inside, t.entries
            FROM tickets t WHERE t.event_id + 0 = ${eventId}::bigint
              AND (t.changed_in, t.ticket_id) > ((SELECT changed_in FROM start), (SELECT ticket_id FROM start))
            ORDER BY t.changed_in, t.ticket_id LIMIT ${limit}::int
          ), -- then what scans did, each ticket looked up by its key;
          moved AS MATERIALIZED (
            SELECT s.seq, s.ticket_id FROM scans s WHERE s.event_id + 0 = ${eventId}::bigint
              AND s.seq > (SELECT seq FROM start) AND (s.result = 'valid' OR s.let_in)
            ORDER BY s.seq LIMIT ${limit}::int - (SELECT count(*) FROM changed)
          ), -- a ticket that is in both comes once.
          page AS (
            SELECT ticket_id, code, status, payment_state, inside, entries FROM changed
            UNION SELECT t.ticket_id, t.code, t.status, t.payment_state, t.inside OR t.let_in > 0, t.entries
            FROM moved m CROSS JOIN LATERAL (
              SELECT * FROM tickets WHERE ticket_id = m.ticket_id OFFSET 0
            ) t
          ), ticket AS (
            SELECT CASE WHEN status = 'voided' THEN 'voided' WHEN payment_state NOT IN ('free', 'paid') THEN 'unpaid'
                WHEN inside THEN 'inside' WHEN entries > 0 THEN 'left' ELSE 'unused' END AS state,
              translate(encode(substring(sha256(convert_to(concat('guichet-offline:', number.here, ':', code),
                'UTF8')) FOR 12), 'base64'), '+/', '-_') COLLATE "C" AS digest
            FROM page CROSS JOIN number
          ), last AS MATERIALIZED (
            SELECT changed_in, ticket_id FROM changed
            ORDER BY changed_in DESC, ticket_id DESC LIMIT 1
          ), newest AS MATERIALIZED (
            SELECT (changed_in::text::numeric + 1)::text::xid8 AS next FROM tickets
            WHERE event_id + 0 = ${eventId}::bigint ORDER BY changed_in DESC, ticket_id DESC LIMIT 1
          ), reached AS MATERIALIZED (
            SELECT n.read, CASE WHEN n.read = ${limit}::int THEN coalesce((SELECT max(seq) FROM moved), start.seq)
              ELSE journal.newest END AS seq
            FROM start, journal, (SELECT (SELECT count(*) FROM changed) + (SELECT count(*) FROM moved) AS read) n
          )
          SELECT number.here AS event_id, e.status, e.timezone, e.doors_open_at, e.doors_close_at, e.reentry, e.max_attendees,
            coalesce(o.inside + o.let_in_inside, 0) AS inside, e.gate_rules, here.origin, start.known,
            coalesce(start.floor, least(pg_snapshot_xmin(here.snapshot), coalesce((SELECT next FROM newest), '0')))::text
              AS floor,
            coalesce((SELECT changed_in FROM last), start.changed_in)::text AS changed_in,
            coalesce((SELECT ticket_id FROM last), start.ticket_id) AS ticket_id,
            reached.read, reached.seq, ${markAt("reached.seq")} AS mark,
            (SELECT coalesce(jsonb_object_agg(g.state, g.digests), '{}'::jsonb) FROM (
              SELECT state, string_agg(digest, '' ORDER BY digest) AS digests FROM ticket GROUP BY state) g) AS digests
          FROM here CROSS JOIN number CROSS JOIN start CROSS JOIN reached CROSS JOIN events e LEFT JOIN gates_occupancy o USING (event_id)
          WHERE e.event_id = ${eventId}::bigint`)
        return Option.map(row, (row) => toPage(eventId, row, limit))
      })

      return BundleStore.of({ page })
    })
  )
}
