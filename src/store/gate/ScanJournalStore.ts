/** The journal of an event's scans, a page at a time. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Direction, ScanResult, Signal } from "../../../rpc/Scan.ts"
import { isSameGate } from "../../../rpc/values/GateName.ts"
import * as Rows from "../Rows.ts"
import { EventId } from "../../../rpc/values/Ids.ts"

/** Which page and which lines: those after `after` in the order, that fit every filter that is given. */
export interface JournalRequest {
  readonly eventId: EventId
  readonly order: "asc" | "desc"
  readonly after: number | undefined
  readonly limit: number
  readonly result?: ScanResult | undefined
  readonly gate?: string | undefined
  readonly deviceId?: string | undefined
  readonly ticketId?: number | undefined
  readonly signal?: Signal | undefined
}

const Row = Schema.Struct({
  scan_id: Schema.String,
  seq: Schema.Int,
  ticket_id: Schema.NullOr(Schema.Int),
  ticket_code: Schema.NullOr(Schema.String),
  gate: Schema.String,
  direction: Direction,
  result: ScanResult,
  signals: Schema.Array(Signal),
  device_id: Schema.String,
  operator_id: Schema.String,
  claimed_result: Schema.NullOr(Schema.String),
  source: Schema.String,
  device_time: Rows.AtOrNull,
  received_at: Rows.At,
  annulled_at: Rows.AtOrNull,
  annulled_by: Schema.NullOr(Schema.String),
  annul_operator: Schema.NullOr(Schema.String),
  annul_reason: Schema.NullOr(Schema.String),
  annul_supervised: Schema.Boolean,
  let_in: Schema.Boolean,
  let_in_reason: Schema.NullOr(Schema.String)
})
/** A line of the journal: what is seldom so is there only when it is. */
const lineOf = ({ annul_supervised, let_in, let_in_reason, ...line }: typeof Row.Type) => ({
  ...line,
  ...(annul_supervised ? { annul_supervised } : {}),
  ...(let_in ? { let_in } : {}),
  ...(let_in_reason === null ? {} : { let_in_reason })
})
export type JournalRow = ReturnType<typeof lineOf>

const GateRow = Schema.Struct({ gate: Schema.String })

/**
 * `seq` is given under the lock of the event's occupancy, so within an event that was published it grows in the order of the commits: what
 * is not visible yet comes after everything that is, and a page that begins after a `seq` skips nothing.
 */
export class ScanJournalStore extends Context.Service<ScanJournalStore, {
  readonly page: (
    request: JournalRequest
  ) => Effect.Effect<{ readonly lines: ReadonlyArray<JournalRow>; readonly more: boolean }>
  /** Where a scan was made: it never changes. */
  readonly gateOf: (eventId: EventId, scanId: string) => Effect.Effect<Option.Option<string>>
}>()("guichet/store/gate/ScanJournalStore") {
  static readonly layer: Layer.Layer<ScanJournalStore, never, SqlClient.SqlClient> = Layer.effect(
    ScanJournalStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      /** Passages and refusals, each by an index of its own. */
      const scansOf = (ticketId: number) =>
        sql`SELECT seq FROM scans WHERE ticket_id = ${ticketId}::bigint AND result = 'valid'
          UNION ALL SELECT seq FROM scans WHERE ticket_id = ${ticketId}::bigint AND result <> 'valid'`

      /** Every spelling that scans of this gate were stored with. */
      const spellings = (eventId: EventId, gate: string) =>
        Effect.map(
          Rows.all(GateRow)(sql`SELECT DISTINCT gate FROM gate_tallies WHERE event_id = ${eventId}::bigint`),
          (rows) => rows.map((row) => row.gate).filter((stored) => isSameGate(stored, gate))
        )

      const conditions = (request: JournalRequest, gates: ReadonlyArray<string>) => {
        const { after, deviceId, eventId, gate, order, result, signal, ticketId } = request
        return sql.and([
          sql`s.event_id + 0 = ${eventId}::bigint`,
          ...(after === undefined ? [] : [
            order === "asc" ? sql`s.seq > ${after}::bigint` : sql`s.seq < ${after}::bigint`
          ]),
          ...(result === undefined ? [] : [sql`s.result = ${result}`]),
          ...(gate === undefined ? [] : [sql`s.gate = ANY(${gates}::text[])`]),
          ...(deviceId === undefined ? [] : [sql`s.device_id = ${deviceId}`]),
          ...(ticketId === undefined ? [] : [sql`s.seq = ANY(ARRAY(${scansOf(ticketId)}))`]),
          ...(signal === undefined ? [] : [sql`s.detail->'signals' @> ${JSON.stringify([signal])}::jsonb`])
        ])
      }

      const page = Effect.fn("ScanJournalStore.page")(function* (request: JournalRequest) {
        const gates = request.gate === undefined ? [] : yield* spellings(request.eventId, request.gate)
        const rows = yield* Rows.all(Row)(sql`
          SELECT s.scan_id, s.seq, s.ticket_id, t.code AS ticket_code, s.gate, s.direction, s.result,
            coalesce(s.detail->'signals', '[]'::jsonb) AS signals, s.device_id, s.operator_id, s.claimed_result,
            s.source, s.device_time, s.received_at, s.annulled_at, s.annulled_by, s.annul_operator, s.annul_reason,
            s.annul_supervised, s.let_in AND s.direction = 'entry' AS let_in, s.context->>'let_in_reason' AS let_in_reason
          FROM scans s LEFT JOIN tickets t ON t.ticket_id = s.ticket_id AND t.event_id = s.event_id
          WHERE ${conditions(request, gates)}
          ORDER BY s.seq ${sql.literal(request.order === "asc" ? "ASC" : "DESC")}
          LIMIT ${request.limit + 1}::int`)
        return { lines: rows.slice(0, request.limit).map(lineOf), more: rows.length > request.limit }
      })

      const gateOf = (eventId: EventId, scanId: string) =>
        Effect.map(
          Rows.first(GateRow)(
            sql`SELECT gate FROM scans WHERE event_id = ${eventId}::bigint AND scan_id = ${scanId}`
          ),
          Option.map(({ gate }) => gate)
        )

      return ScanJournalStore.of({ page, gateOf })
    })
  )
}
