/** First entries in one statement: the read, the decision and the write of `Decision` where nothing speaks against them. */
import { DateTime, Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { AdmitRequest } from "../../rpc/Scan.ts"
import type { FreshTicket } from "./FreshScans.ts"
import { momentMillis } from "./ScanRows.ts"

const Read = Schema.Tuple([Schema.Struct({
  admitted: Schema.Array(Schema.Struct({
    scanId: Schema.String,
    ticketId: Schema.Int,
    ticketType: Schema.String,
    guestFirstName: Schema.String,
    timezone: Schema.String
  }))
})])

const decode = Schema.decodeUnknownEffect(Read)

const lineRow = (scan: AdmitRequest) => ({
  scan_id: scan.scanId,
  code: scan.ticketCode,
  device_id: scan.deviceId,
  operator_id: scan.operator.operatorId,
  gate: scan.gate,
  claimed: scan.claimed ?? undefined,
  source: scan.source,
  context: scan.context,
  device_time: scan.deviceTime === null ? undefined : DateTime.formatIso(scan.deviceTime)
})

/**
 * Admits those of `scans` whose ticket is unused, paid for and of this event, while the event is active, its doors are
 * open and there is room for all of `scans`; answers the tickets. What it leaves out is not decided: that is the
 * ordinary way's, as is everything when a scan id is known already or another owner of the event was faster (`lost`).
 * The lock and the event are compared by version: a statement that waited for the lock sees the event as it was
 * before. Each guest is looked up: a join makes PostgreSQL read all of some thousand guests for a single scan.
 */
export const make = (sql: SqlClient.SqlClient, lost: ReadonlySet<string>) =>
  Effect.fn("ScanStore.admitFresh")(
    function* (
      eventId: number,
      scans: ReadonlyArray<AdmitRequest>,
      now: DateTime.Utc
    ): Effect.fn.Return<ReadonlyArray<FreshTicket>> {
      const at = DateTime.toDateUtc(now)
      const moment = new Date(Math.floor(at.getTime() / momentMillis) * momentMillis)
      return yield* sql`
        WITH asked AS MATERIALIZED (
          SELECT * FROM json_to_recordset(${JSON.stringify(scans.map(lineRow))}::json) AS a(
            scan_id text, code text, device_id text, operator_id text, gate text, claimed text, source text,
            context jsonb, device_time timestamptz)
        ), held AS MATERIALIZED (
          SELECT e.timezone FROM gates_occupancy o JOIN events e ON e.event_id = o.event_id
          WHERE o.event_id = ${eventId}::bigint AND o.gate_version = e.gate_version AND e.status = 'active'
            AND (e.doors_open_at IS NULL OR e.doors_open_at <= ${at}::timestamptz)
            AND (e.doors_close_at IS NULL OR e.doors_close_at >= ${at}::timestamptz)
            AND o.inside + ${scans.length}::int <= e.max_attendees
          FOR UPDATE OF o
        ), fresh AS (
          UPDATE tickets t SET status = 'admitted', inside = true, entries = 1, first_scan_id = a.scan_id,
            first_admitted_at = ${at}::timestamptz, first_gate = a.gate
          FROM held CROSS JOIN asked a
          WHERE t.code = a.code AND t.event_id = ${eventId}::bigint AND t.status = 'issued'
            AND t.payment_state IN ('free', 'paid') AND t.entries = 0 AND NOT t.inside AND t.first_scan_id IS NULL
          RETURNING t.ticket_id, t.guest_id, t.ticket_type, held.timezone, a.*
        ), counted AS (
          UPDATE gates_occupancy o SET inside = o.inside + c.entered, entered = o.entered + c.entered
          FROM (SELECT count(*)::int AS entered FROM fresh) c
          WHERE o.event_id = ${eventId}::bigint AND c.entered > 0
        ), logged AS (
          INSERT INTO scans (event_id, scan_id, ticket_id, ticket_code, device_id, operator_id, gate, direction,
            result, detail, claimed_result, source, context, device_time, received_at)
          SELECT ${eventId}::bigint, f.scan_id, f.ticket_id, f.code, f.device_id, f.operator_id, f.gate, 'entry',
            'valid', jsonb_build_object('timezone', f.timezone), f.claimed, f.source, f.context, f.device_time,
            ${at}::timestamptz
          FROM fresh f
        ), tallied AS (
          INSERT INTO gate_tallies (event_id, gate, direction, result, scans)
          SELECT ${eventId}::bigint, f.gate, 'entry', 'valid', count(*) FROM fresh f GROUP BY f.gate
          ON CONFLICT (event_id, gate, direction, result) DO UPDATE SET scans = gate_tallies.scans + EXCLUDED.scans
        ), timed AS (
          INSERT INTO gate_moments (event_id, at, entered, exited, refused)
          SELECT ${eventId}::bigint, ${moment}::timestamptz, count(*), 0, 0 FROM fresh HAVING count(*) > 0
          ON CONFLICT (event_id, at) DO UPDATE SET entered = gate_moments.entered + EXCLUDED.entered
        )
        SELECT coalesce(json_agg(json_build_object('scanId', f.scan_id, 'ticketId', f.ticket_id,
          'ticketType', f.ticket_type, 'timezone', f.timezone, 'guestFirstName',
          (SELECT split_part(btrim(g.name), ' ', 1) FROM guests g
            WHERE g.event_id = ${eventId}::bigint AND g.guest_id = f.guest_id))), '[]'::json) AS admitted
        FROM fresh f`.pipe(
        Effect.flatMap(decode),
        Effect.map(([{ admitted }]) => admitted),
        Effect.catchIf(
          (error): error is SqlError => isSqlError(error) && lost.has(error.reason._tag),
          () => Effect.succeed([])
        ),
        Effect.orDie
      )
    }
  )
