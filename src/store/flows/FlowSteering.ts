/**
 * What operators do to a flow, and what they see of it.
 *
 * A flow is canceled by its row: `canceled_at` is set once, and its deadline has passed. Whatever waits is ended by the
 * `FlowKeeper`, as at any deadline, with the word `stopped`; what has not begun is skipped; then the flow compensates what
 * was done, whatever its options say, and ends as `failed` with the error `canceled`. A flow that ends before it notices
 * stays as it ended.
 */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Timeline, TimelineEntry, TimelineSource } from "../../../rpc/Steering.ts"
import { type Actor, noting } from "./AuditLog.ts"
import * as Rows from "../Rows.ts"

/** So many entries of a timeline are shown. */
const most = 1_000

const EntryRow = Schema.Struct({
  ...TimelineEntry.fields,
  at: Rows.At,
  source: TimelineSource
})

const CanceledRow = Schema.Struct({ canceled: Schema.Boolean })

export class FlowSteering extends Context.Service<FlowSteering, {
  /** Asks a flow to end; false when it has ended. Asked twice is asked once, and noted once. */
  readonly cancel: (flowId: string, by: Actor) => Effect.Effect<boolean>
  /** What happened to a flow, its job, its payment and its messages, oldest first. */
  readonly timeline: (flowId: string) => Effect.Effect<Timeline>
}>()("guichet/store/flows/FlowSteering") {
  static readonly layer: Layer.Layer<FlowSteering, never, SqlClient.SqlClient> = Layer.effect(
    FlowSteering,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const cancel = (flowId: string, by: Actor) =>
        Effect.map(
          Rows.first(CanceledRow)(sql`
            WITH canceled AS (
              UPDATE flows SET canceled_at = now(), deadline = least(deadline, now())
              WHERE flow_id = ${flowId} AND finished_at IS NULL AND canceled_at IS NULL
              RETURNING owner, flow_id AS subject_id
            ), ${noting(sql, "canceled", "flow.cancel", by)}
            SELECT EXISTS (SELECT 1 FROM canceled) OR EXISTS (
              SELECT 1 FROM flows WHERE flow_id = ${flowId} AND finished_at IS NULL) AS canceled`),
          Option.exists(({ canceled }) => canceled)
        )

      /** Messages are counted by the minute: a flow may send 10,000, and each is in the ledger. */
      const entries = (flowId: string) =>
        Rows.all(EntryRow)(sql`
          SELECT * FROM (
            SELECT created_at AS at, 'flow' AS source, flow_id AS subject, 'accepted' AS what, NULL::jsonb AS detail
              FROM flows WHERE flow_id = ${flowId}
            UNION ALL SELECT started_at, 'flow', flow_id, 'started', NULL
              FROM flows WHERE flow_id = ${flowId} AND started_at IS NOT NULL
            UNION ALL SELECT finished_at, 'flow', flow_id, status, error
              FROM flows WHERE flow_id = ${flowId} AND finished_at IS NOT NULL
            UNION ALL SELECT started_at, 'step', step, 'started', jsonb_build_object('attempts', attempts)
              FROM flow_steps WHERE flow_id = ${flowId} AND started_at IS NOT NULL
            UNION ALL SELECT finished_at, 'step', step, status,
                jsonb_build_object('attempts', attempts, 'error', error)
              FROM flow_steps WHERE flow_id = ${flowId} AND finished_at IS NOT NULL
            UNION ALL SELECT created_at, 'job', job_id, 'created', jsonb_build_object('tickets', total)
              FROM ticket_jobs WHERE flow_id = ${flowId}
            UNION ALL SELECT finished_at, 'job', job_id, status,
                jsonb_build_object('attempt', attempt, 'generated', generated, 'failed', failed, 'canceled', canceled)
              FROM ticket_jobs WHERE flow_id = ${flowId} AND finished_at IS NOT NULL
            UNION ALL SELECT created_at, 'payment', payment_id, 'asked', NULL
              FROM payments WHERE flow_id = ${flowId}
            UNION ALL SELECT e.received_at, 'payment', e.payment_id, e.event_type, NULL
              FROM payment_events e JOIN payments p USING (payment_id) WHERE p.flow_id = ${flowId}
            UNION ALL SELECT i.issued_at, 'invoice', i.number,
                CASE WHEN i.corrects IS NULL THEN 'issued' ELSE 'credited' END, NULL
              FROM invoices i JOIN payments p USING (payment_id) WHERE p.flow_id = ${flowId}
            UNION ALL SELECT min(a.at), 'messages', n.template, a.outcome,
                jsonb_build_object('channel', n.channel, 'count', count(*))
              FROM notifications n JOIN notification_attempts a USING (message_id)
              WHERE n.flow_id = ${flowId}
              GROUP BY date_trunc('minute', a.at), n.template, n.channel, a.outcome
            UNION ALL SELECT at, 'operator', caller, kind, jsonb_build_object('role', role)
              FROM audit_log WHERE subject_id = ${flowId}
          ) AS entry ORDER BY at, source, subject, what LIMIT ${most + 1}::int`)

      const timeline = (flowId: string) =>
        Effect.map(entries(flowId), (rows): Timeline => ({
          flow_id: flowId,
          entries: rows.slice(0, most),
          truncated: rows.length > most
        }))

      return { cancel, timeline }
    })
  )
}
