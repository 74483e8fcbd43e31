/** Which scan of which device an entry was: the journal, asked by ticket, gate and moment. */
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { Counted, Entry } from "./OfflineConflicts.ts"
import * as Rows from "../../store/Rows.ts"

const Row = Schema.Struct({ position: Schema.Int, scan_id: Schema.String, device_id: Schema.String })

const question = (entry: Counted | null, position: number) =>
  entry === null
    ? []
    : [{ position, ticket_id: entry.ticketId, gate: entry.gate, at: DateTime.formatIso(entry.at) }]

/** The entries asked for, in their order, each with its scan and device as far as the journal says. */
export class EntryStore extends Context.Service<EntryStore, {
  readonly find: (entries: ReadonlyArray<Counted | null>) => Effect.Effect<ReadonlyArray<Entry | null>>
}>()("guichet/gate/offline/EntryStore") {
  static readonly layer: Layer.Layer<EntryStore, never, SqlClient.SqlClient> = Layer.effect(
    EntryStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const scans = (asked: ReadonlyArray<object>) =>
        Rows.all(Row)(sql`
          SELECT asked.position, s.scan_id, s.device_id
          FROM jsonb_to_recordset(${JSON.stringify(asked)}::jsonb)
            AS asked (position int, ticket_id bigint, gate text, at timestamptz)
          CROSS JOIN LATERAL (
            SELECT scan_id, device_id FROM (
              SELECT * FROM scans WHERE ticket_id = asked.ticket_id AND received_at >= asked.at AND result = 'valid'
              UNION ALL SELECT * FROM scans WHERE ticket_id = asked.ticket_id AND received_at >= asked.at AND let_in
            ) entry
            WHERE gate = asked.gate AND direction = 'entry' AND asked.at =
                CASE WHEN source = 'batch' THEN least(device_time, received_at) ELSE received_at END
            ORDER BY seq LIMIT 1) s`)

      const find = Effect.fn("EntryStore.find")(
        function* (entries: ReadonlyArray<Counted | null>) {
          const asked = entries.flatMap(question)
          const rows = asked.length === 0 ? [] : yield* scans(asked)
          const found = new Map(rows.map((row) => [row.position, row]))
          return entries.map((entry, at) =>
            entry === null ? null : {
              gate: entry.gate,
              at: entry.at,
              scan_id: found.get(at)?.scan_id ?? null,
              device_id: found.get(at)?.device_id ?? null
            }
          )
        }
      )

      return EntryStore.of({ find })
    })
  )
}
