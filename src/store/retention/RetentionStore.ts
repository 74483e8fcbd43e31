/** What is kept for a time only: delivered webhooks, feeds that are closed, mail that was answered, steps of flows that are over. */
import { Context, DateTime, type Duration, Effect, Layer } from "effect"
import { MachineId, Snowflake } from "effect/cluster"
import { SqlClient } from "effect/sql"
import * as Rows from "../Rows.ts"

/**
 * Every entity and workflow: what is kept of its handled messages. An entity needs them against repeats only, for a time.
 * Of a workflow that is over, its run stays with its result for ever, so that it never runs again; what its steps, waits
 * and clocks left, in the journal too, is read no more.
 */
const keeps = {
  CallOffEvent: "run",
  CompleteFlow: "run",
  Event: "nothing",
  FlowMessages: "run",
  GiveBack: "run",
  NotificationSequence: "run",
  Payment: "nothing",
  PaymentNotice: "run",
  Reminders: "run",
  Ticket: "nothing",
  TicketJob: "nothing"
} as const

/** The name of an entity or a workflow, under which its messages are stored. */
export type Mailbox = keyof typeof keeps

export const isMailbox = (name: string): name is Mailbox => Object.hasOwn(keeps, name)

const namesOf = (kept: (typeof keeps)[Mailbox]): ReadonlyArray<string> =>
  Object.entries(keeps).flatMap(([name, it]) => it === kept ? [name] : [])

/** The clocks of workflows are an entity of Effect's: what it was sent is handled once the clock has rung. */
const forgetful = [...namesOf("nothing"), "Workflow/-/DurableClock"]

const workflows = namesOf("run").map((name) => `Workflow/${name}`)

export class RetentionStore extends Context.Service<RetentionStore, {
  /** Forgets what is older; nothing that waits is ever older than its handling. */
  readonly forget: (olderThan: Duration.Duration) => Effect.Effect<void>
}>()("guichet/store/RetentionStore") {
  static readonly layer = Layer.effect(
    RetentionStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const forget = Effect.fn("RetentionStore.forget")(function* (olderThan: Duration.Duration) {
        const before = DateTime.subtractDuration(yield* DateTime.now, olderThan)
        const instant = DateTime.toDateUtc(before)
        const oldest = Snowflake.make({
          machineId: MachineId.make(0),
          sequence: 0,
          timestamp: DateTime.toEpochMillis(before)
        })
        yield* Rows.run(sql`
          DELETE FROM webhook_deliveries WHERE received_at < ${instant}::timestamptz AND answer IS NOT NULL`)
        yield* Rows.run(sql`
          DELETE FROM feed_events e USING feed_events c
          WHERE c.feed_id = e.feed_id AND c.kind = 'closed' AND c.at < ${instant}::timestamptz
            AND e.kind <> 'closed'`)
        yield* Rows.run(sql`
          WITH gone AS (
            DELETE FROM cluster_messages
            WHERE processed AND entity_type = ANY(${forgetful}::text[]) AND id < ${String(oldest)}::bigint
            RETURNING request_id
          )
          DELETE FROM cluster_replies r USING gone WHERE r.request_id = gone.request_id`)
        /** Of an execution whose run was answered for good so long ago. */
        const isOver = (execution: string) =>
          sql`EXISTS (
            SELECT 1 FROM cluster_messages run JOIN cluster_replies r ON r.id = run.last_reply_id
            WHERE run.message_id = ${sql.literal(execution)} || '/run/'
              AND run.processed AND r.id < ${String(oldest)}::bigint
              AND r.payload::json #>> '{value,_tag}' IS DISTINCT FROM 'Suspended'
          )`
        yield* Rows.run(sql`
          WITH gone AS (
            DELETE FROM cluster_messages m
            WHERE m.processed AND m.entity_type = ANY(${workflows}::text[]) AND m.id < ${
          String(oldest)
        }::bigint
              AND m.tag IS DISTINCT FROM 'run' AND ${isOver("m.entity_type || '/' || m.entity_id")}
            RETURNING request_id, kind
          )
          DELETE FROM cluster_replies r USING gone WHERE gone.kind = 0 AND r.request_id = gone.request_id`)
        yield* Rows.run(sql`
          WITH gone AS (
            DELETE FROM workflow_journal j
            WHERE j.at < ${instant}::timestamptz AND ${isOver("'Workflow/' || j.execution")}
          )
          DELETE FROM workflow_epochs e WHERE ${isOver("'Workflow/' || e.execution")}`)
      })

      return { forget }
    })
  )
}
