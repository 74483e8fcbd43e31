/**
 * First entries in one statement. No rule of admission stands here: `Decision` decides each scan on the event as it was
 * last read and on a ticket that nobody has used, and the statement writes what was decided only where the event is still
 * that one and the ticket is such a ticket. Everything else is left to the ordinary way: read, decide, write.
 * It takes a quarter less processor time a scan than reading and writing by two statements (bench/README.md).
 */
import { DateTime, Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { AdmitRequest, Verdict } from "../../rpc/Scan.ts"
import { TicketCode } from "../../rpc/values/TicketCode.ts"
import { decide, type Decision } from "./Decision.ts"
import { verdictOf } from "./Verdicts.ts"
import type { GateEvent, GateTicket } from "./GateState.ts"
import { momentMillis } from "./ScanRows.ts"
import { EventId } from "../../rpc/values/Ids.ts"

/** The scans of a message and what is known of them before anything is read. */
export interface FreshScans {
  readonly eventId: EventId
  readonly event: GateEvent
  readonly scans: ReadonlyArray<AdmitRequest>
  readonly now: DateTime.Utc
  readonly refusalsOf: (deviceId: string, seconds: number) => number
}

/**
 * The ticket that the scan is decided on, field by field what the statement asks of the row. A field that decides and
 * may differ between unused tickets needs a condition there: `test/gate/FreshAdmission.test.ts` finds the missing one.
 */
const unusedTicket = (eventId: EventId, code: string): GateTicket => ({
  ticketId: 0,
  eventId,
  code,
  ticketType: "",
  guestFirstName: "",
  status: "issued",
  paymentState: "free",
  inside: false,
  entries: 0,
  firstScanId: null,
  firstUse: null,
  lastEntry: null,
  lastDevice: null,
  letIn: 0,
  refusals: []
})

/** What the statement can express: a connected device's first entry by a printed code that has one spelling. */
const isExpressible = (
  { direction, overruled, source, ticketCode, ticketId }: AdmitRequest
): boolean =>
  overruled !== true && direction === "entry" && source === "client" && ticketId === null &&
  ticketCode !== null &&
  TicketCode.spellings(ticketCode).length === 1

const areDistinct = (values: ReadonlyArray<unknown>): boolean => new Set(values).size === values.length

/**
 * The decision on each scan, by its scan id, when all of them are first entries that nothing speaks against and that do
 * not depend on each other but for the places that are left, which the statement counts; otherwise none.
 */
export const decideFresh = (
  { event, eventId, now, refusalsOf, scans }: FreshScans
): ReadonlyMap<string, Decision> => {
  const decisions = new Map<string, Decision>()
  const distinct = areDistinct(scans.map(({ ticketCode }) => ticketCode)) &&
    areDistinct(scans.map(({ scanId }) => scanId))
  if (!distinct || !scans.every(isExpressible)) return decisions
  for (const scan of scans) {
    const ticket = unusedTicket(eventId, scan.ticketCode!)
    const deviceRefusals = refusalsOf(scan.deviceId, event.rules.device_window_seconds)
    const decision = decide({ eventId, event, inside: 0, ticket, now, deviceRefusals }, scan)
    if (decision.result !== "valid" || decision.signals.length > 0) return new Map()
    decisions.set(scan.scanId, decision)
  }
  return decisions
}

const Admitted = Schema.Tuple([Schema.Struct({
  admitted: Schema.Array(Schema.Struct({
    scanId: Schema.String,
    ticketId: Schema.Int,
    ticketType: Schema.String,
    guestFirstName: Schema.String
  }))
})])

const decode = Schema.decodeUnknownEffect(Admitted)

const scanRow = (scan: AdmitRequest) => ({
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
 * Admits those of the scans whose ticket is an unused one, while the event is the one that was read and has room for
 * all of them; answers their verdicts by scan id. What it leaves out is not decided, nor is anything when a scan id is
 * known already or another owner of the event was faster (`lost`).
 * The lock and the event are compared by version: a statement that waited for the lock sees the event as it was
 * before. Each guest is looked up: a join makes PostgreSQL read all of some thousand guests for a single scan.
 */
export const make = (sql: SqlClient.SqlClient, lost: ReadonlySet<string>) => {
  const write = ({ event, eventId, now, scans }: FreshScans) => {
    const at = DateTime.toDateUtc(now)
    const moment = new Date(Math.floor(at.getTime() / momentMillis) * momentMillis)
    return sql`
      WITH asked AS MATERIALIZED (
        SELECT * FROM json_to_recordset(${JSON.stringify(scans.map(scanRow))}::json) AS a(
          scan_id text, code text, device_id text, operator_id text, gate text, claimed text, source text,
          context jsonb, device_time timestamptz)
      ), held AS MATERIALIZED (
        SELECT o.event_id FROM gates_occupancy o JOIN events e ON e.event_id = o.event_id
        WHERE o.event_id = ${eventId}::bigint AND o.gate_version = e.gate_version
          AND e.xmin::text = ${event.revision} AND o.inside + o.let_in_inside + ${scans.length}::int <= e.max_attendees
        FOR UPDATE OF o
      ), fresh AS (
        UPDATE tickets t SET status = 'admitted', inside = true, entries = 1, first_scan_id = a.scan_id,
          first_admitted_at = ${at}::timestamptz, first_gate = a.gate
        FROM held CROSS JOIN asked a
        WHERE t.code = a.code AND t.event_id = ${eventId}::bigint AND t.status = 'issued'
          AND t.payment_state IN ('free', 'paid') AND t.entries = 0 AND NOT t.inside
          AND t.first_scan_id IS NULL AND t.first_admitted_at IS NULL AND t.let_in = 0
        RETURNING t.ticket_id, t.guest_id, t.ticket_type, a.*
      ), counted AS (
        UPDATE gates_occupancy o SET inside = o.inside + c.entered, entered = o.entered + c.entered
        FROM (SELECT count(*)::int AS entered FROM fresh) c
        WHERE o.event_id = ${eventId}::bigint AND c.entered > 0
      ), logged AS (
        INSERT INTO scans (event_id, scan_id, ticket_id, ticket_code, device_id, operator_id, gate, direction,
          result, detail, claimed_result, source, context, device_time, received_at)
        SELECT ${eventId}::bigint, f.scan_id, f.ticket_id, f.code, f.device_id, f.operator_id, f.gate, 'entry',
          'valid', jsonb_build_object('timezone', ${event.timezone}::text), f.claimed, f.source, f.context,
          f.device_time, ${at}::timestamptz
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
        'ticketType', f.ticket_type, 'guestFirstName',
        (SELECT split_part(btrim(g.name), ' ', 1) FROM guests g
          WHERE g.event_id = ${eventId}::bigint AND g.guest_id = f.guest_id))), '[]'::json) AS admitted
      FROM fresh f`
  }

  return Effect.fn("ScanStore.admitFresh")(
    function* (fresh: FreshScans): Effect.fn.Return<ReadonlyMap<string, Verdict>> {
      const decisions = decideFresh(fresh)
      if (decisions.size === 0) return new Map()
      const [{ admitted }] = yield* write(fresh).pipe(
        Effect.flatMap(decode),
        Effect.catchIf(
          (error): error is SqlError => isSqlError(error) && lost.has(error.reason._tag),
          () => Effect.succeed([{ admitted: [] }] as const)
        ),
        Effect.orDie
      )
      const tickets = new Map(admitted.map(({ scanId, ...ticket }) => [scanId, ticket]))
      return new Map(fresh.scans.flatMap((scan) => {
        const decision = decisions.get(scan.scanId)
        const ticket = tickets.get(scan.scanId)
        return decision === undefined || decision.ticket === null || ticket === undefined ? [] : [[
          scan.scanId,
          verdictOf(fresh, scan, { ...decision, ticket: { ...decision.ticket, ...ticket } })
        ]]
      }))
    }
  )
}
