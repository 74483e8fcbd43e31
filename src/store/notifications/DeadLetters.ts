/**
 * Messages that nobody tries any more: read with the reason and every attempt, and marked to be sent again. A mark is a moment in the
 * message's own row, so that it outlives whoever set it.
 */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Channel, MessageStatus } from "../../../rpc/NotificationSequence.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import { numberOf } from "../EventNumbers.ts"
import * as Rows from "../Rows.ts"

const Row = Schema.Struct({
  message_id: Schema.String,
  owner: Schema.NullOr(Schema.String),
  event_id: Schema.NullOr(EventId),
  event_number: Schema.NullOr(EventNumber),
  flow_id: Schema.NullOr(Schema.String),
  sequence_id: Schema.NullOr(Schema.String),
  type: Schema.String,
  template: Schema.String,
  channel: Channel,
  priority: Schema.Literals(["high", "normal", "low"]),
  guest_id: Schema.NullOr(Schema.Int),
  recipient: Schema.String,
  status: MessageStatus,
  reason: Schema.NullOr(Schema.String),
  attempts: Schema.Int,
  possible_double: Schema.Boolean,
  scheduled_at: Rows.AtOrNull,
  sent_at: Rows.AtOrNull,
  resend_at: Rows.AtOrNull
})
/** A message with all that is known of it. */
export type Letter = typeof Row.Type

const AttemptRow = Schema.Struct({
  attempt: Schema.Int,
  at: Rows.At,
  outcome: Schema.Literals(["sent", "failed", "skipped"]),
  reason: Schema.NullOr(Schema.String),
  code: Schema.NullOr(Schema.String),
  in_doubt: Schema.Boolean
})

const Id = Schema.Struct({ message_id: Schema.String })

/** Whose, of everybody where nobody is named; and of which event, of all where none is. */
export interface Scope {
  readonly owner: string | undefined
  readonly eventId: EventId | undefined
}

export class DeadLetters extends Context.Service<DeadLetters, {
  readonly get: (messageId: string) => Effect.Effect<Option.Option<Letter>>
  /** In their order, the first 100. */
  readonly attempts: (messageId: string) => Effect.Effect<ReadonlyArray<typeof AttemptRow.Type>>
  /** Dead letters by id, after one of them. */
  readonly page: (
    of: Scope,
    page: { readonly after: string; readonly limit: number }
  ) => Effect.Effect<ReadonlyArray<Letter>>
  /**
   * Marks a message that failed or whose address was on a list to be sent again; one that is marked and still waits is marked
   * anew. False when it is none of these: what was sent meanwhile, or given up, stays so.
   */
  readonly resend: (messageId: string) => Effect.Effect<boolean>
  /** Marks a message that was entered to be sent now; one that was sent stays sent. */
  readonly send: (messageId: string) => Effect.Effect<void>
  /** Marks every dead letter, at most so many; how many there were. */
  readonly resendAll: (of: Scope, most: number) => Effect.Effect<number>
  /** Marked messages, those that wait longest first. */
  readonly marked: (limit: number) => Effect.Effect<ReadonlyArray<Letter>>
  /** Takes the marks away: these were sent, or are dead letters again; what was not come to is looked at in a minute. */
  readonly settled: (messageIds: ReadonlyArray<string>) => Effect.Effect<void>
}>()("guichet/store/notifications/DeadLetters") {
  static readonly layer = Layer.effect(
    DeadLetters,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(
        `m.message_id, e.owner, m.event_id, ${
          numberOf("m.event_id")
        } AS event_number, m.flow_id, m.sequence_id, m.type, m.template, m.channel, m.priority, m.guest_id, m.recipient,
         m.status, m.reason, m.attempts, m.possible_double, m.scheduled_at, m.sent_at, m.resend_at`
      )
      const from = sql.literal("notifications m LEFT JOIN events e ON e.event_id = m.event_id")

      /** Refused for good, or left alone for longer than the longest pause between two tries of a flow's messages. */
      const isDead = sql.literal(
        `m.status = 'failed' AND (NOT m.retryable OR m.updated_at < now() - interval '90 minutes')`
      )

      const within = ({ eventId, owner }: Scope) =>
        sql.and([
          sql`${isDead}`,
          ...(owner === undefined ? [] : [sql`e.owner = ${owner}`]),
          ...(eventId === undefined ? [] : [sql`m.event_id = ${eventId}::bigint`])
        ])

      const get: DeadLetters["Service"]["get"] = (messageId) =>
        Rows.first(Row)(sql`SELECT ${columns} FROM ${from} WHERE m.message_id = ${messageId}`)

      const attempts: DeadLetters["Service"]["attempts"] = (messageId) =>
        Rows.all(AttemptRow)(sql`
          SELECT attempt, at, outcome, reason, code, in_doubt FROM notification_attempts
          WHERE message_id = ${messageId} ORDER BY attempt LIMIT 100`)

      const page: DeadLetters["Service"]["page"] = (of, { after, limit }) =>
        Rows.all(Row)(sql`
          SELECT ${columns} FROM ${from} WHERE ${within(of)} AND m.message_id > ${after}
          ORDER BY m.message_id LIMIT ${limit}::int`)

      const mark = sql.literal(
        `status = 'scheduled', retryable = false, resend_at = now(), updated_at = now()`
      )

      const resend: DeadLetters["Service"]["resend"] = (messageId) =>
        Effect.map(
          Rows.all(Id)(sql`
            UPDATE notifications SET ${mark}
            WHERE message_id = ${messageId} AND (status IN ('failed', 'suppressed')
              OR (status = 'scheduled' AND resend_at IS NOT NULL))
            RETURNING message_id`),
          (rows) => rows.length > 0
        )

      const send: DeadLetters["Service"]["send"] = (messageId) =>
        Rows.run(sql`
          UPDATE notifications SET resend_at = now()
          WHERE message_id = ${messageId} AND status = 'scheduled' AND resend_at IS NULL`)

      const resendAll: DeadLetters["Service"]["resendAll"] = (of, most) =>
        Effect.map(
          Rows.all(Id)(sql`
            UPDATE notifications SET ${mark} WHERE message_id IN (
              SELECT m.message_id FROM ${from} WHERE ${within(of)} ORDER BY m.message_id LIMIT ${most}::int)
            AND status = 'failed'
            RETURNING message_id`),
          (rows) => rows.length
        )

      const marked: DeadLetters["Service"]["marked"] = (limit) =>
        Rows.all(Row)(sql`
          SELECT ${columns} FROM ${from} WHERE m.resend_at <= now() ORDER BY m.resend_at LIMIT ${limit}::int`)

      const settled: DeadLetters["Service"]["settled"] = (messageIds) =>
        messageIds.length === 0 ? Effect.void : Rows.run(sql`
          UPDATE notifications SET retryable = false,
            resend_at = CASE WHEN status = 'scheduled' THEN now() + interval '1 minute' END
          WHERE message_id = ANY(${messageIds}::text[])`)

      return { get, attempts, page, resend, send, resendAll, marked, settled }
    })
  )
}
