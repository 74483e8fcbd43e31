/** Flows that nobody attends to: what their keeper looks for. */
import { Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { steps, waitsForAnswer } from "../../../rpc/CompleteFlow.ts"
import * as Rows from "../Rows.ts"

const RunRow = Schema.Struct({ flow_id: Schema.String, execution_id: Schema.NullOr(Schema.String) })

const RunningRow = Schema.Struct({ ...RunRow.fields, seq: Schema.Number })

/** `canceled` says that it was asked to end, and did not run out of time. */
const OverdueRow = Schema.Struct({ ...RunRow.fields, canceled: Schema.Boolean })
export type Overdue = typeof OverdueRow.Type

/** A flow and its workflow execution, where one is stored. */
export type Run = typeof RunRow.Type

/** The same with its place in the order in which flows were made. */
export type Running = typeof RunningRow.Type

/** The steps in which a flow waits. */
const waiting = steps.filter((name) => waitsForAnswer[name])

/** Part of `FlowStore`, which says what each answers. */
export const make = (sql: SqlClient.SqlClient) => {
  const forgotten = (seconds: number) =>
    Rows.all(RunRow)(sql`
      SELECT flow_id, execution_id FROM flows
      WHERE status = 'accepted' AND created_at < now() - make_interval(secs => ${seconds}::float8)
      ORDER BY created_at LIMIT 500`)

  const running = (after: number, most: number) =>
    Rows.all(RunningRow)(sql`
      SELECT flow_id, execution_id, seq::float8 AS seq FROM flows
      WHERE status = 'running' AND seq > ${after}::bigint ORDER BY seq LIMIT ${most}::int`)

  const overdue = Rows.all(OverdueRow)(sql`
    SELECT flow_id, execution_id, canceled_at IS NOT NULL AS canceled FROM flows f
    WHERE status = 'running' AND deadline <= now() AND EXISTS (
      SELECT 1 FROM flow_steps s
      WHERE s.flow_id = f.flow_id AND ${sql.in("s.step", waiting)} AND s.status = 'running')
    ORDER BY deadline DESC LIMIT 500`)

  return { forgotten, overdue, running }
}
