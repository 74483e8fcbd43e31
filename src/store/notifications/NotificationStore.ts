/** The ledger of messages: each has one row, one state and every attempt to deliver it. */
import { Context, DateTime, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { type MessageView } from "../../../rpc/NotificationSequence.ts"
import { erasedReason } from "../retention/Pseudonym.ts"
import { digestOf } from "../AddressDigest.ts"
import { numberOf } from "../EventNumbers.ts"
import * as Rows from "../Rows.ts"
import * as WaitingMessages from "../WaitingMessages.ts"
import {
  type Attempt,
  type Begin,
  Begun,
  columns,
  Due,
  Id,
  type NewMessage,
  Row,
  Tally,
  Waiting,
  withDigest,
  withPerson
} from "./NotificationRows.ts"

export class NotificationStore extends Context.Service<NotificationStore, {
  /**
   * Enters messages as scheduled or skipped; those entered before stay as they are. A message that was made before its
   * guest was erased is entered as canceled, without the address. Answers which of them are still to be delivered.
   */
  readonly enlist: (messages: ReadonlyArray<NewMessage>) => Effect.Effect<ReadonlySet<string>>
  /** Which of these messages are still to be delivered; one that was sent or refused for good is never named again. */
  readonly open: (messageIds: ReadonlyArray<string>) => Effect.Effect<ReadonlySet<string>>
  /** Whether the ledger has any of these messages, whatever became of it. */
  readonly anyOf: (messageIds: ReadonlyArray<string>) => Effect.Effect<boolean>
  /** The messages of one sequence step that wait, or failed in a way that may pass: `limit` of them after an id. */
  readonly due: (
    sequenceId: string,
    type: string,
    page: { readonly after: string; readonly limit: number }
  ) => Effect.Effect<ReadonlyArray<Due>>
  /**
   * Notes that messages are handed over now, and names those that may be: one that was canceled meanwhile is not, and one
   * whose address is on its organiser's list ends as suppressed. One that was handed over before, and whose end nobody
   * knows, may be delivered twice from now on, and says so.
   */
  readonly begin: (messages: ReadonlyArray<Begin>) => Effect.Effect<ReadonlySet<string>>
  /** What was sent is sent, whatever was decided meanwhile; any other end leaves a decision as it is. */
  readonly record: (attempts: ReadonlyArray<Attempt>) => Effect.Effect<void>
  readonly tally: (
    of: { readonly messageIds: ReadonlyArray<string> } | { readonly flowId: string }
  ) => Effect.Effect<Tally>
  /** The messages of a flow itself that wait; its reminders are not among them. */
  readonly waiting: (flowId: string) => Effect.Effect<ReadonlyArray<Waiting>>
  /** Gives up messages that wait, for a reason that the ledger keeps. */
  readonly skip: (messageIds: ReadonlyArray<string>, reason: string) => Effect.Effect<void>
  /** What was refused for good stays what it is. */
  readonly cancel: (of: { readonly sequenceId: string } | { readonly flowId: string }) => Effect.Effect<void>
  /** Says of scheduled messages when they are due now. */
  readonly reschedule: (
    of: { readonly sequenceId: string; readonly type: string } | {
      readonly messageIds: ReadonlyArray<string>
    },
    at: DateTime.Utc
  ) => Effect.Effect<void>
  /** The first 1,000 messages of a sequence, by id. */
  readonly ofSequence: (sequenceId: string) => Effect.Effect<ReadonlyArray<MessageView>>
  /** A page of a flow's messages, by id, after one of them. */
  readonly ofFlow: (
    flowId: string,
    page: { readonly after: string; readonly limit: number }
  ) => Effect.Effect<ReadonlyArray<MessageView>>
}>()("guichet/store/notifications/NotificationStore") {
  static readonly layer = Layer.effect(
    NotificationStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columnsOf = sql.literal(columns)
      const waits = WaitingMessages.waits(sql)

      const idsOf = (statement: Effect.Effect<ReadonlyArray<unknown>, SqlError>) =>
        Effect.map(
          Rows.all(Id)(statement),
          (rows): ReadonlySet<string> => new Set(rows.map((row) => row.message_id))
        )

      /** The guests are locked until the messages are stored, so that an erasure comes before or after both. */
      const enlist: NotificationStore["Service"]["enlist"] = (messages) =>
        messages.length === 0 ? Effect.succeed(new Set()) : idsOf(sql`
          WITH entered AS (
            SELECT * FROM jsonb_to_recordset(${JSON.stringify(messages.map(withPerson))}::jsonb) AS m(
              "messageId" text, "sequenceId" text, "flowId" text, "eventId" bigint, "guestId" bigint, type text,
              template text, channel text, priority text, recipient text, "scheduledAt" timestamptz, skip text,
              person bigint, pseudonym text, "leftOut" boolean)
          ), known AS (
            SELECT event_id, guest_id, email, ${
          sql.literal(numberOf("guests.event_id"))
        } AS number FROM guests
            WHERE (event_id, guest_id) IN (SELECT "eventId", person FROM entered)
            ORDER BY event_id, guest_id FOR SHARE
          ), fresh AS (
          INSERT INTO notifications (message_id, sequence_id, flow_id, event_id, guest_id, type, template,
            channel, priority, recipient, scheduled_at, status, reason, left_out)
          SELECT m."messageId", m."sequenceId", m."flowId", m."eventId", m."guestId", m.type, m.template,
            m.channel, m.priority, CASE WHEN erased.email IS NULL THEN m.recipient ELSE '' END, m."scheduledAt",
            CASE WHEN m.skip IS NOT NULL THEN 'skipped' WHEN erased.email IS NULL THEN 'scheduled'
              ELSE 'canceled' END,
            coalesce(m.skip, CASE WHEN erased.email IS NOT NULL THEN ${erasedReason}::text END),
            coalesce(m."leftOut", false)
          FROM entered m LEFT JOIN known erased
            ON erased.event_id = m."eventId" AND erased.guest_id = m.person
              AND erased.email = replace(m.pseudonym, '%', erased.number::text)
          ON CONFLICT (message_id) DO NOTHING RETURNING message_id, status)
          SELECT message_id FROM fresh WHERE status = 'scheduled'
          UNION ALL SELECT message_id FROM notifications
          WHERE message_id IN (SELECT "messageId" FROM entered) AND ${waits}`)

      const open: NotificationStore["Service"]["open"] = (messageIds) =>
        idsOf(sql`
          SELECT message_id FROM notifications
          WHERE message_id = ANY(${messageIds}::text[]) AND ${waits}`)

      const anyOf: NotificationStore["Service"]["anyOf"] = (messageIds) =>
        Effect.map(
          Rows.first(Id)(sql`
            SELECT message_id FROM notifications WHERE message_id = ANY(${messageIds}::text[]) LIMIT 1`),
          Option.isSome
        )

      const due: NotificationStore["Service"]["due"] = (sequenceId, type, { after, limit }) =>
        Rows.all(Due)(sql`
          SELECT message_id, event_id, guest_id, type, template, channel, priority, recipient FROM notifications
          WHERE sequence_id = ${sequenceId} AND type = ${type} AND message_id > ${after}
            AND ${waits}
          ORDER BY message_id LIMIT ${limit}::int`)

      const begin: NotificationStore["Service"]["begin"] = (messages) =>
        Rows.all(Begun)(sql`
          WITH begun AS (
            SELECT * FROM jsonb_to_recordset(${
          JSON.stringify(messages.map((message) => ({ ...message, digest: digestOf(message.recipient) })))
        }::jsonb) AS b ("messageId" text, recipient text, digest text)
          ), known AS (
            SELECT b."messageId", b.recipient, s.reason, s.detail
            FROM begun b JOIN notifications m ON m.message_id = b."messageId"
            LEFT JOIN events e ON e.event_id = m.event_id
            LEFT JOIN suppressions s ON s.owner = e.owner AND s.channel = m.channel AND s.digest = b.digest
          )
          UPDATE notifications n SET updated_at = now(),
            status = CASE WHEN known.reason IS NULL THEN n.status ELSE 'suppressed' END,
            reason = CASE WHEN known.reason IS NULL THEN n.reason ELSE concat_ws(': ', known.reason, known.detail) END,
            recipient = known.recipient,
            begun_at = CASE WHEN known.reason IS NULL THEN now() ELSE n.begun_at END,
            possible_double = n.possible_double OR (known.reason IS NULL AND n.begun_at IS NOT NULL)
          FROM known WHERE n.message_id = known."messageId" AND ${WaitingMessages.waits(sql, "n")}
          RETURNING n.message_id, n.status`).pipe(
          Effect.map((rows) =>
            new Set(rows.flatMap(({ message_id, status }) => status === "suppressed" ? [] : [message_id]))
          )
        )

      const record: NotificationStore["Service"]["record"] = (attempts) =>
        Rows.run(sql`
          WITH ended AS (
            SELECT "messageId", status, reason, retryable, code, coalesce("inDoubt", false) AS in_doubt, bounced, digest
            FROM jsonb_to_recordset(${JSON.stringify(attempts.map(withDigest))}::jsonb)
              AS a ("messageId" text, status text, reason text, retryable boolean, code text, "inDoubt" boolean,
                bounced text, digest text)
          ), listed AS (
            INSERT INTO suppressions (owner, channel, digest, address, reason, detail)
            SELECT DISTINCT ON (e.owner, n.channel, ended.digest)
              e.owner, n.channel, ended.digest, ended.bounced, 'hard_bounce', ended.code
            FROM ended JOIN notifications n ON n.message_id = ended."messageId" JOIN events e USING (event_id)
            WHERE ended.bounced IS NOT NULL AND n.recipient <> ''
            ORDER BY e.owner, n.channel, ended.digest
            ON CONFLICT DO NOTHING
          ), updated AS (
            UPDATE notifications n SET status = ended.status, reason = ended.reason, retryable = ended.retryable,
              attempts = n.attempts + 1, updated_at = now(), sent_at = CASE WHEN ended.status = 'sent' THEN now() END,
              begun_at = CASE WHEN ended.in_doubt THEN n.begun_at END
            FROM ended
            WHERE n.message_id = ended."messageId" AND CASE WHEN ended.status = 'sent' THEN n.status <> 'sent'
              ELSE ${WaitingMessages.waits(sql, "n")} END
            RETURNING n.message_id, n.attempts, n.status, n.reason, ended.code, ended.in_doubt
          )
          INSERT INTO notification_attempts (message_id, attempt, outcome, reason, code, in_doubt)
          SELECT message_id, attempts, status, reason, code, in_doubt FROM updated
          ON CONFLICT (message_id, attempt) DO NOTHING`)

      /** Neither reminders, which are a sequence's, nor what is said of a payment, which is named after that. */
      const toldBy = (flowId: string) =>
        sql`flow_id = ${flowId} AND sequence_id IS NULL AND starts_with(message_id, ${`${flowId}.`}::text)`

      const tally: NotificationStore["Service"]["tally"] = (of) =>
        Effect.map(
          Rows.all(Tally)(sql`
          SELECT count(*) FILTER (WHERE status = 'sent')::int AS sent,
            count(*) FILTER (WHERE status = 'failed' AND NOT retryable)::int AS failed,
            count(*) FILTER (WHERE status IN ('skipped', 'suppressed', 'canceled') AND NOT left_out)::int AS skipped,
            count(*) FILTER (WHERE ${waits})::int AS retryable
          FROM notifications
          WHERE ${"flowId" in of ? toldBy(of.flowId) : sql`message_id = ANY(${of.messageIds}::text[])`}`),
          ([counted]) => counted!
        )

      const waiting: NotificationStore["Service"]["waiting"] = (flowId) =>
        Rows.all(Waiting)(sql`
          SELECT message_id, guest_id FROM notifications WHERE ${
          toldBy(flowId)
        } AND ${waits} ORDER BY guest_id`)

      const cancel: NotificationStore["Service"]["cancel"] = (of) =>
        Rows.run(sql`
          UPDATE notifications SET status = 'canceled', updated_at = now()
          WHERE ${waits} AND ${
          "sequenceId" in of ? sql`sequence_id = ${of.sequenceId}` : sql`flow_id = ${of.flowId}`
        }`)

      const skip: NotificationStore["Service"]["skip"] = (messageIds, reason) =>
        messageIds.length === 0 ? Effect.void : Rows.run(sql`
          UPDATE notifications SET status = 'skipped', reason = ${reason}, updated_at = now()
          WHERE message_id = ANY(${messageIds}::text[]) AND ${waits}`)

      const reschedule: NotificationStore["Service"]["reschedule"] = (of, at) =>
        Rows.run(sql`
          UPDATE notifications SET scheduled_at = ${DateTime.toDateUtc(at)}::timestamptz, updated_at = now()
          WHERE status = 'scheduled' AND ${
          "sequenceId" in of
            ? sql`sequence_id = ${of.sequenceId} AND type = ${of.type}`
            : sql`message_id = ANY(${of.messageIds}::text[])`
        }`)

      const list = Rows.all(Row)
      const ofSequence = (sequenceId: string) =>
        list(sql`
          SELECT ${columnsOf} FROM notifications WHERE sequence_id = ${sequenceId} ORDER BY message_id LIMIT 1000`)
      const ofFlow: NotificationStore["Service"]["ofFlow"] = (flowId, { after, limit }) =>
        list(sql`
          SELECT ${columnsOf} FROM notifications WHERE flow_id = ${flowId} AND message_id > ${after}
          ORDER BY message_id LIMIT ${limit}::int`)

      return {
        enlist,
        open,
        anyOf,
        due,
        begin,
        record,
        tally,
        waiting,
        skip,
        cancel,
        reschedule,
        ofSequence,
        ofFlow
      }
    })
  )
}
