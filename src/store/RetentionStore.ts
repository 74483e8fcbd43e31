/** What is kept for a time only: delivered webhooks, feeds that are closed, mail that was answered. */
import { Context, DateTime, type Duration, Effect, Layer } from "effect"
import { MachineId, Snowflake } from "effect/cluster"
import { SqlClient } from "effect/sql"
import * as Rows from "./Rows.ts"

/**
 * Every entity and workflow: whether its handled messages are kept for ever. A workflow's are its memory and stay with
 * it; an entity needs them against repeats only, for a time.
 */
const keepsMessages = {
  CompleteFlow: true,
  Event: false,
  FlowMessages: true,
  GiveBack: true,
  NotificationSequence: true,
  Payment: false,
  PaymentNotice: true,
  Reminders: true,
  Ticket: false,
  TicketJob: false
} as const

/** The name of an entity or a workflow, under which its messages are stored. */
export type Mailbox = keyof typeof keepsMessages

export const isMailbox = (name: string): name is Mailbox => Object.hasOwn(keepsMessages, name)

const forgetful = Object.entries(keepsMessages).flatMap(([name, keeps]) => keeps ? [] : [name])

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
      })

      return { forget }
    })
  )
}
