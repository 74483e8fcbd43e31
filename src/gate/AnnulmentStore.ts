/** Annuls a scan whose turnstile did not turn: the scan is marked, the ticket and the occupancy are as before it. */
import { Context, DateTime, Duration, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { type Annulment, type AnnulRefusal, AnnulRefused, ScanNotFound } from "../../rpc/Event.ts"
import { Direction } from "../../rpc/Scan.ts"
import * as Rows from "../store/Rows.ts"
import { momentMillis } from "./ScanRows.ts"
import { durably } from "../store/Transaction.ts"
import { EventId } from "../../rpc/values/Ids.ts"

/** How long after it a scan can be annulled. */
export const annulWithin = Duration.minutes(15)

/** Which scan, and who says that nobody passed; `operatorId` is the caller, the claim and the reason are the device's. */
export interface AnnulRequest {
  readonly eventId: EventId
  readonly scanId: string
  readonly deviceId: string
  readonly operatorId: string
  readonly claimedOperator?: string | null
  readonly reason?: string | null
  readonly supervised?: boolean
}

const Row = Schema.Struct({
  ticket_id: Schema.NullOr(Schema.Int),
  device_id: Schema.String,
  gate: Schema.String,
  direction: Direction,
  result: Schema.String,
  received_at: Rows.At,
  happened_at: Rows.At,
  annulled_at: Rows.AtOrNull,
  moved_since: Schema.Boolean,
  let_in: Schema.Boolean,
  full: Schema.Boolean
})
type Row = typeof Row.Type

/** Why the scan stays as it is, or null. An exit is annulled only into a place that is still free. */
const refusal = (
  row: Row,
  { deviceId, supervised = false }: AnnulRequest,
  now: DateTime.Utc
): AnnulRefusal | null => {
  if (!supervised && row.device_id !== deviceId) return "another_device"
  if (row.result !== "valid" && !row.let_in) return "not_admitted"
  if (!supervised && DateTime.isGreaterThan(now, DateTime.addDuration(row.happened_at, annulWithin))) {
    return "too_late"
  }
  if (row.moved_since) return "moved_since"
  return row.direction === "exit" && row.full ? "capacity_reached" : null
}

/** The ten seconds of `gate_moments` in which the scan was counted. */
const momentOf = (at: DateTime.Utc): Date =>
  new Date(Math.floor(DateTime.toEpochMillis(at) / momentMillis) * momentMillis)

/**
 * Every change is made under the lock of the event's occupancy, which every batch of scans takes first. Offline devices
 * learn of the ticket's by `changed_in`, since no new line of the journal says it.
 */
export class AnnulmentStore extends Context.Service<AnnulmentStore, {
  readonly annul: (request: AnnulRequest) => Effect.Effect<Annulment, ScanNotFound | AnnulRefused>
}>()("guichet/gate/AnnulmentStore") {
  static readonly layer: Layer.Layer<AnnulmentStore, never, SqlClient.SqlClient> = Layer.effect(
    AnnulmentStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      /** A scan of a device that decided alone happened when the device says, but not later than it was received. */
      const find = (eventId: EventId, scanId: string) =>
        Rows.first(Row)(sql`
          SELECT s.ticket_id, s.device_id, s.gate, s.direction, s.result, s.received_at, s.annulled_at,
            CASE WHEN s.source = 'batch' THEN least(s.device_time, s.received_at) ELSE s.received_at END
              AS happened_at,
            s.let_in, CASE WHEN s.let_in THEN s.direction = 'entry' AND t.let_in = 0
                ELSE coalesce(t.inside, false) <> (s.direction = 'entry') END OR EXISTS (
              SELECT 1 FROM scans later WHERE later.ticket_id = s.ticket_id AND later.seq > s.seq
                AND later.result = 'valid' AND later.annulled_at IS NULL) OR EXISTS (
              SELECT 1 FROM scans later WHERE later.ticket_id = s.ticket_id AND later.seq > s.seq
                AND later.let_in AND later.annulled_at IS NULL) AS moved_since,
            o.inside + o.let_in_inside >= e.max_attendees AS full
          FROM scans s JOIN events e USING (event_id) JOIN gates_occupancy o USING (event_id)
            LEFT JOIN tickets t ON t.ticket_id = s.ticket_id
          WHERE s.event_id = ${eventId}::bigint AND s.scan_id = ${scanId}`)

      const restore = (request: AnnulRequest, row: Row, now: DateTime.Utc) => {
        const { claimedOperator = null, eventId, operatorId, reason = null, scanId, supervised = false } =
          request
        const [entered, left] = row.direction === "entry" ? [1, 0] : [0, 1]
        const [ruled, letIn] = row.let_in ? [0, 1] : [1, 0]
        const refused = row.result === "valid" ? 0 : 1
        return sql`
          WITH marked AS (
            UPDATE scans SET annulled_at = ${
          DateTime.toDateUtc(now)
        }::timestamptz, annulled_by = ${operatorId},
              annul_operator = ${claimedOperator}::text, annul_reason = ${reason}::text,
              annul_supervised = ${supervised}::boolean
            WHERE event_id = ${eventId}::bigint AND scan_id = ${scanId}
          ), ticket AS (
            UPDATE tickets t SET inside = CASE WHEN ${row.let_in}::boolean THEN t.inside ELSE NOT t.inside END,
              let_in = t.let_in + ${letIn * (left - entered)}::int, entries = t.entries - ${entered}::int,
              status = CASE WHEN t.status = 'admitted' AND t.entries - ${entered}::int = 0 THEN 'issued'
                ELSE t.status END,
              first_scan_id = CASE WHEN t.first_scan_id = ${scanId} THEN NULL ELSE t.first_scan_id END,
              first_admitted_at = CASE WHEN t.first_scan_id = ${scanId} THEN NULL ELSE t.first_admitted_at END,
              first_gate = CASE WHEN t.first_scan_id = ${scanId} THEN NULL ELSE t.first_gate END,
              changed_in = pg_current_xact_id()
            WHERE t.ticket_id = ${row.ticket_id}::bigint
          ), occupancy AS (
            UPDATE gates_occupancy o SET inside = o.inside + ${ruled * (left - entered)}::int,
              entered = o.entered - ${ruled * entered}::int, let_in = o.let_in - ${letIn * entered}::int,
              let_in_inside = o.let_in_inside + ${letIn * (left - entered)}::int
            WHERE o.event_id = ${eventId}::bigint
          ), moment AS (
            UPDATE gate_moments m SET entered = m.entered - ${(1 - refused) * entered}::int,
              exited = m.exited - ${(1 - refused) * left}::int, refused = m.refused - ${refused}::int
            WHERE m.event_id = ${eventId}::bigint AND m.at = ${momentOf(row.received_at)}::timestamptz
          )
          INSERT INTO gate_tallies (event_id, gate, direction, result, scans)
          VALUES (${eventId}::bigint, ${row.gate}, ${row.direction}, ${row.result}, -1),
            (${eventId}::bigint, ${row.gate}, ${row.direction}, 'annulled', 1)
          ON CONFLICT (event_id, gate, direction, result) DO UPDATE SET scans = gate_tallies.scans + EXCLUDED.scans`
      }

      const body = Effect.fnUntraced(function* (request: AnnulRequest) {
        const { deviceId, eventId, scanId, supervised = false } = request
        yield* sql`SELECT 1 FROM gates_occupancy WHERE event_id = ${eventId}::bigint FOR UPDATE`
        const found = yield* find(eventId, scanId)
        if (Option.isNone(found)) return yield* new ScanNotFound({ scan_id: scanId })
        const row = found.value
        const now = yield* DateTime.now
        const done = row.annulled_at !== null && (supervised || row.device_id === deviceId)
        const reason = done ? null : refusal(row, request, now)
        if (reason !== null) return yield* new AnnulRefused({ scan_id: scanId, reason })
        if (!done) yield* restore(request, row, now)
        return {
          scan_id: scanId,
          event_id: eventId,
          ticket_id: row.ticket_id,
          gate: row.gate,
          direction: row.direction,
          annulled_at: row.annulled_at ?? now
        } satisfies Annulment
      })

      const annul = Effect.fn("AnnulmentStore.annul")((request: AnnulRequest) =>
        durably<Annulment, ScanNotFound | AnnulRefused | SqlError, never>(sql, body(request))
      )

      return AnnulmentStore.of({ annul })
    })
  )
}
