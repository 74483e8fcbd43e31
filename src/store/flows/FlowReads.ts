/** What is known of a flow: its request, its state, and that of its steps. */
import { Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import {
  CompleteFlowRequest,
  FlowStatus,
  type StepName,
  StepName as StepNames,
  StepStatus
} from "../../../rpc/CompleteFlow.ts"
import { Priority } from "../../../rpc/TicketJob.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import { numberOf } from "../EventNumbers.ts"
import * as Rows from "../Rows.ts"

/** Why a flow or a step failed, or null. */
const Failure = Schema.NullOr(Schema.Struct({ code: Schema.String, detail: Schema.String }))

/** How a flow stands, in a list and by itself. */
export const standing = {
  flow_id: Schema.String,
  event_id: EventNumber,
  status: FlowStatus,
  created_at: Rows.At,
  started_at: Rows.AtOrNull,
  finished_at: Rows.AtOrNull,
  deadline: Rows.At,
  error: Failure
}

const FlowRow = Schema.Struct({
  ...standing,
  owner: Schema.String,
  job_id: Schema.NullOr(Schema.String),
  payment_id: Schema.NullOr(Schema.String),
  invoice_number: Schema.NullOr(Schema.String),
  reminders_id: Schema.NullOr(Schema.String),
  steps: Schema.Array(Schema.Struct({
    step: StepNames,
    status: StepStatus,
    attempts: Schema.Int,
    started_at: Schema.NullOr(Schema.DateTimeUtcFromString),
    finished_at: Schema.NullOr(Schema.DateTimeUtcFromString),
    error: Failure,
    result: Schema.NullOr(Schema.Json)
  }))
})

/** How a step ended, as its row tells. */
const EndedStep = Schema.Struct({
  step: StepNames,
  status: Schema.Literals(["completed", "failed", "skipped"]),
  error: Failure,
  result: Schema.NullOr(Schema.Json)
})

/** Steps whose row alone tells how they ended: none of them is compensated or amended. */
const kept = ["validation", "event", "guests"] as const satisfies ReadonlyArray<StepName>

const RequestRow = Schema.Struct({
  owner: Schema.String,
  event_id: EventId,
  request: Schema.Unknown,
  created_at: Rows.At,
  deadline: Rows.At,
  status: FlowStatus,
  ended: Schema.Array(EndedStep)
})

/** What a running flow needs to know of itself. */
export type StoredFlow = typeof RequestRow.Type & { readonly request: CompleteFlowRequest }

const AttemptsRow = Schema.Struct({ attempts: Schema.Int })

const CanceledRow = Schema.Struct({ canceled: Schema.Boolean })

const TurnRow = Schema.Struct({ owner: Schema.String, priority: Priority, created_at: Rows.At })

/** Whose a flow is, how urgent, and since when. */
export type Turn = typeof TurnRow.Type

// What was accepted is not judged anew by the rules of a later version.
const decode = Schema.decodeUnknownEffect(CompleteFlowRequest, { disableChecks: true })

/** Part of `FlowStore`, which says what each answers. */
export const make = (sql: SqlClient.SqlClient) => {
  const load = Effect.fnUntraced(function* (flowId: string) {
    const row = yield* Rows.first(RequestRow)(
      sql`
      SELECT owner, event_id, request, created_at, deadline, status, (
        SELECT coalesce(jsonb_agg(jsonb_build_object('step', s.step, 'status', s.status, 'error', s.error,
          'result', s.result)), '[]'::jsonb)
        FROM flow_steps s WHERE s.flow_id = flows.flow_id AND ${sql.in("s.step", kept)}
          AND s.status IN ('completed', 'failed', 'skipped')) AS ended
      FROM flows WHERE flow_id = ${flowId}`
    ).pipe(Effect.flatMap(Effect.fromOption))
    return { ...row, request: yield* decode(row.request) }
  }, Effect.orDie)

  const isCanceled = (flowId: string) =>
    Effect.map(
      Rows.first(CanceledRow)(
        sql`SELECT canceled_at IS NOT NULL AS canceled FROM flows WHERE flow_id = ${flowId}`
      ),
      Option.exists(({ canceled }) => canceled)
    )

  const turn = (flowId: string) =>
    Rows.first(TurnRow)(sql`
      SELECT owner, request->'ticket_config'->>'priority' AS priority, created_at FROM flows
      WHERE flow_id = ${flowId}`)
      .pipe(Effect.flatMap(Effect.fromOption), Effect.orDie)

  const view = (flowId: string) =>
    Rows.first(FlowRow)(sql`
      SELECT f.flow_id, f.owner, ${
      sql.literal(numberOf("f.event_id"))
    } AS event_id, f.status, f.created_at, f.started_at, f.finished_at, f.deadline,
        f.error,
        (SELECT job_id FROM ticket_jobs j WHERE j.flow_id = f.flow_id ORDER BY j.created_at DESC LIMIT 1) AS job_id,
        (SELECT payment_id FROM payments p WHERE p.flow_id = f.flow_id) AS payment_id,
        (SELECT i.number FROM invoices i JOIN payments p USING (payment_id)
          WHERE p.flow_id = f.flow_id AND i.corrects IS NULL)
          AS invoice_number,
        (SELECT sequence_id FROM notifications n
          WHERE n.flow_id = f.flow_id AND sequence_id IS NOT NULL LIMIT 1) AS reminders_id,
        (SELECT jsonb_agg(jsonb_build_object('step', s.step, 'status', s.status, 'attempts', s.attempts,
            'started_at', to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'finished_at', to_char(s.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'error', s.error, 'result', s.result) ORDER BY s.position)
          FROM flow_steps s WHERE s.flow_id = f.flow_id) AS steps
      FROM flows f WHERE f.flow_id = ${flowId}`).pipe(
      Effect.map(Option.map((row) => ({ ...row, flow_type: "complete_event_flow" as const })))
    )

  const begun = (flowId: string, step: StepName) =>
    Effect.map(
      Rows.first(AttemptsRow)(sql`
        SELECT attempts FROM flow_steps WHERE flow_id = ${flowId} AND step = ${step} AND attempts > 0`),
      Option.isSome
    )

  return { load, isCanceled, turn, view, begun }
}
