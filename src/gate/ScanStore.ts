/** The gate's tables: one consistent read before a batch is decided, one guarded statement after it. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { AdmitRequest, Verdict } from "../../rpc/Scan.ts"
import { TicketCode } from "../../rpc/values/TicketCode.ts"
import type { Writes } from "./Batch.ts"
import type { Snapshot } from "./GateState.ts"
import * as FreshAdmission from "./FreshAdmission.ts"
import * as Rows from "../store/Rows.ts"
import { lineRow, moment, Read, Ruling, tallyRows, ticketChangeRow, toSnapshot } from "./ScanRows.ts"
import { EventId } from "../../rpc/values/Ids.ts"

const lost = new Set(["UniqueViolation", "DeadlockError", "SerializationError"])

/**
 * `load` finds tickets of the event and of its organisation's others: another organisation's are unknown here.
 * `commit` writes a batch whole, or answers false because something it was decided on has changed meanwhile.
 * Both statements are written so that every row is found by its whole key, before any statistics exist too.
 */
export class ScanStore extends Context.Service<ScanStore, {
  readonly load: (eventId: EventId, scans: ReadonlyArray<AdmitRequest>) => Effect.Effect<Snapshot>
  readonly commit: (eventId: EventId, writes: Writes) => Effect.Effect<boolean>
  /** Decides first entries and writes them in one statement; answers the verdicts on those that were admitted. */
  readonly admitFresh: (
    fresh: FreshAdmission.FreshScans
  ) => Effect.Effect<ReadonlyMap<string, Verdict>>
  /** Runs a round of load and commit while every other gate of the event waits; never a message or a call. */
  readonly alone: <A>(eventId: EventId, round: Effect.Effect<A>) => Effect.Effect<A>
}>()("guichet/gate/ScanStore") {
  static readonly layer: Layer.Layer<ScanStore, never, SqlClient.SqlClient> = Layer.effect(
    ScanStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      /** The entry of ticket `t` that counts: the latest by the rules or against them, but for those beside another one. */
      const entryOf = sql.literal(`
        SELECT e.seq, e.gate, e.device_id, e.received_at, CASE WHEN e.source = 'batch'
          THEN least(e.device_time, e.received_at) ELSE e.received_at END AS at
        FROM ((SELECT * FROM scans s WHERE s.ticket_id = t.ticket_id AND s.result = 'valid' AND s.direction = 'entry'
            AND s.annulled_at IS NULL ORDER BY s.received_at DESC, s.seq DESC LIMIT 1)
          UNION ALL (SELECT * FROM scans s WHERE s.ticket_id = t.ticket_id AND s.let_in AND s.direction = 'entry'
            AND s.result <> 'already_used' AND s.annulled_at IS NULL
            ORDER BY s.received_at DESC, s.seq DESC LIMIT 1)) e
        ORDER BY e.received_at DESC, e.seq DESC LIMIT 1`)

      const load = Effect.fn("ScanStore.load")(
        function* (eventId: EventId, scans: ReadonlyArray<AdmitRequest>) {
          const codes = scans.flatMap((scan) =>
            scan.ticketCode === null ? [] : TicketCode.spellings(scan.ticketCode)
          )
          const ids = scans.flatMap((scan) => scan.ticketId ?? [])
          const [read] = yield* Rows.all(Read)(sql`
          SELECT
            (SELECT jsonb_build_object('version', coalesce(o.gate_version, 0),
                'revision', e.xmin::text, 'status', e.status, 'timezone', e.timezone,
                'maxAttendees', e.max_attendees, 'doorsOpenAt', e.doors_open_at, 'doorsCloseAt', e.doors_close_at,
                'reentry', e.reentry, 'rules', e.gate_rules, 'inside', coalesce(o.inside, 0),
                'letIn', coalesce(o.let_in_inside, 0))
              FROM events e LEFT JOIN gates_occupancy o USING (event_id)
              WHERE e.event_id = ${eventId}::bigint) AS event,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('ticketId', t.ticket_id, 'eventId', t.event_id,
                'code', t.code, 'ticketType', t.ticket_type, 'guestFirstName', split_part(btrim(g.name), ' ', 1),
                'status', t.status, 'paymentState', t.payment_state, 'inside', t.inside, 'entries', t.entries,
                'firstScanId', t.first_scan_id, 'letIn', t.let_in,
                'lastDevice', entry.device_id, 'lastEntry', CASE WHEN entry.seq IS NOT NULL THEN
                  jsonb_build_object('gate', entry.gate, 'at', entry.at) END,
                'firstUse', CASE WHEN t.first_admitted_at IS NOT NULL THEN
                  jsonb_build_object('at', t.first_admitted_at, 'gate', coalesce(t.first_gate, '')) END,
                'refusals', CASE WHEN t.entries > 0 THEN (
                  SELECT coalesce(jsonb_agg(late.at), '[]'::jsonb) FROM (
                    SELECT CASE WHEN s.source = 'batch' THEN least(s.device_time, s.received_at)
                      ELSE s.received_at END AS at FROM scans s
                    WHERE s.ticket_id = t.ticket_id AND s.result <> 'valid' AND (s.result = 'already_used'
                      OR (s.result = 'suspected_fraud' AND s.detail->>'shown_again' = 'true'))
                    ORDER BY s.received_at DESC LIMIT 100) late) ELSE '[]'::jsonb END)), '[]'::jsonb)
              FROM tickets t JOIN guests g USING (event_id, guest_id)
                LEFT JOIN LATERAL (${entryOf}) entry ON t.entries > 0
              WHERE (t.code = ANY(${codes}::text[]) OR t.ticket_id = ANY(${Rows.bigints(ids)}::bigint[]))
                AND (t.event_id = ${eventId}::bigint OR EXISTS (
                  SELECT 1 FROM events here JOIN events there ON there.owner = here.owner
                  WHERE here.event_id = ${eventId}::bigint AND there.event_id = t.event_id))) AS tickets,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('scan_id', s.scan_id, 'device_id', s.device_id, 'result', s.result,
                'ticket_id', s.ticket_id, 'event_id', s.event_id, 'gate', s.gate, 'direction', s.direction,
                'guest_first_name', split_part(btrim(g.name), ' ', 1), 'ticket_type', t.ticket_type,
                'detail', s.detail, 'annulled', s.annulled_at IS NOT NULL,
                'let_in', s.let_in, 'decided_at', s.received_at)), '[]'::jsonb)
              FROM unnest(${scans.map((scan) => scan.scanId)}::text[]) AS asked(scan_id)
              CROSS JOIN LATERAL (
                SELECT * FROM scans WHERE event_id = ${eventId}::bigint AND scan_id = asked.scan_id LIMIT 1
              ) s
              LEFT JOIN tickets t ON t.ticket_id = s.ticket_id
              LEFT JOIN guests g ON g.event_id = t.event_id AND g.guest_id = t.guest_id) AS verdicts`)
          return toSnapshot(read!)
        }
      )

      const write = (eventId: EventId, writes: Writes, now: ReturnType<typeof moment>) => {
        const { letIn, lines, moves, occupancy, version } = writes
        return sql`
        WITH move AS MATERIALIZED (
          SELECT * FROM json_to_recordset(${JSON.stringify(moves.map(ticketChangeRow))}::json) AS m(
            ticket_id bigint, anyway boolean, was_let_in integer, let_in integer, was_inside boolean, was_entries integer, was_first text, inside boolean, entries integer,
            first_scan_id text, first_at timestamptz, first_gate text)
        ), held AS MATERIALIZED (
          SELECT o.inside, o.let_in_inside, o.gate_version FROM gates_occupancy o
          WHERE o.event_id = ${eventId}::bigint FOR UPDATE
        ), seen AS MATERIALIZED (
          SELECT t.ticket_id FROM held CROSS JOIN move m JOIN tickets t ON t.ticket_id = m.ticket_id
          WHERE (m.anyway OR m.entries = m.was_entries OR (t.status <> 'voided' AND t.payment_state IN ('free', 'paid')))
            AND t.inside = m.was_inside AND t.entries = m.was_entries
            AND t.first_scan_id IS NOT DISTINCT FROM m.was_first
            AND t.let_in = m.was_let_in
          ORDER BY t.ticket_id FOR UPDATE OF t
        ), ruling AS MATERIALIZED (
          SELECT (SELECT count(*) FROM held) >= 0 AND (SELECT count(*) FROM seen) = (SELECT count(*) FROM move)
            AND (${occupancy.peak}::int IS NULL OR EXISTS (
              SELECT 1 FROM held JOIN events e ON e.event_id = ${eventId}::bigint
              WHERE held.inside + ${occupancy.peak}::int <= e.max_attendees
                AND coalesce(held.inside + held.let_in_inside + ${letIn.peak}::int <= e.max_attendees, true)
                AND held.gate_version = ${version}::int)) AS stands
        ), moved AS (
          UPDATE tickets t SET status = CASE WHEN t.status = 'voided' THEN t.status ELSE 'admitted' END,
            inside = m.inside, entries = m.entries, first_scan_id = m.first_scan_id,
            first_admitted_at = m.first_at, first_gate = m.first_gate, let_in = m.let_in
          FROM move m, ruling WHERE ruling.stands AND t.ticket_id = m.ticket_id
        ), counted AS (
          UPDATE gates_occupancy o SET inside = o.inside + ${occupancy.delta}::int, entered = o.entered + ${occupancy.entered}::int,
            let_in = o.let_in + ${letIn.came}::int, let_in_inside = o.let_in_inside + ${letIn.inside}::int
          FROM ruling WHERE ruling.stands AND o.event_id = ${eventId}::bigint AND EXISTS (SELECT 1 FROM move)
        ), logged AS (
          INSERT INTO scans (event_id, scan_id, ticket_id, ticket_code, device_id, operator_id, gate, direction,
            result, detail, claimed_result, source, context, device_time, received_at, let_in)
          SELECT ${eventId}::bigint, l.* FROM ruling CROSS JOIN json_to_recordset(
            ${JSON.stringify(lines.map(lineRow))}::json) AS l(
            scan_id text, ticket_id bigint, ticket_code text, device_id text, operator_id text, gate text,
            direction text, result text, detail jsonb, claimed_result text, source text, context jsonb,
            device_time timestamptz, received_at timestamptz, let_in boolean)
          WHERE ruling.stands
        ), tallied AS (
          INSERT INTO gate_tallies (event_id, gate, direction, result, scans)
          SELECT ${eventId}::bigint, l.* FROM ruling CROSS JOIN json_to_recordset(
            ${JSON.stringify(tallyRows(writes))}::json) AS l(
            gate text, direction text, result text, scans integer)
          WHERE ruling.stands
          ON CONFLICT (event_id, gate, direction, result) DO UPDATE SET scans = gate_tallies.scans + EXCLUDED.scans
        ), timed AS (
          INSERT INTO gate_moments (event_id, at, entered, exited, refused)
          SELECT ${eventId}::bigint, ${now.at}::timestamptz, ${now.entered}::int, ${now.exited}::int,
            ${now.refused}::int FROM ruling WHERE ruling.stands
          ON CONFLICT (event_id, at) DO UPDATE SET entered = gate_moments.entered + EXCLUDED.entered,
            exited = gate_moments.exited + EXCLUDED.exited, refused = gate_moments.refused + EXCLUDED.refused
        )
        SELECT stands FROM ruling`
      }

      const commit = Effect.fn("ScanStore.commit")(function* (eventId: EventId, writes: Writes) {
        return yield* write(eventId, writes, moment(writes)).pipe(
          Effect.flatMap(Schema.decodeUnknownEffect(Schema.Tuple([Ruling]))),
          Effect.map(([{ stands }]) => stands),
          Effect.catchIf(
            (error): error is SqlError => isSqlError(error) && lost.has(error.reason._tag),
            () => Effect.succeed(false)
          ),
          Effect.orDie
        )
      })

      const alone: ScanStore["Service"]["alone"] = (eventId, round) =>
        sql`SELECT 1 FROM gates_occupancy WHERE event_id = ${eventId}::bigint FOR UPDATE`.pipe(
          Effect.andThen(round),
          sql.withTransaction,
          Effect.orDie
        )

      return ScanStore.of({ load, commit, admitFresh: FreshAdmission.make(sql, lost), alone })
    })
  )
}
