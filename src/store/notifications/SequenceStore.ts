/** Notification sequences and the triggers that wake them. */
import { Context, DateTime, Duration, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import {
  ReminderPlan,
  SequenceRequest,
  SequenceStatus,
  type Trigger,
  Trigger as Triggers
} from "../../../rpc/NotificationSequence.ts"
import { numberOf } from "../EventNumbers.ts"
import * as OrchestrationLog from "../../telemetry/OrchestrationLog.ts"
import * as BodyDeduplication from "../BodyDeduplication.ts"
import * as Rows from "../Rows.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"

const fields = {
  sequence_id: Schema.String,
  execution_id: Schema.String,
  owner: Schema.String,
  event_id: EventId,
  event_number: EventNumber,
  status: SequenceStatus,
  created_at: Rows.At,
  finished_at: Rows.AtOrNull
}
const SequenceRow = Schema.Struct({ ...fields, user_id: Schema.Int, config: SequenceRequest })
const RemindersRow = Schema.Struct({ ...fields, user_id: Schema.Null, config: ReminderPlan })
const Row = Schema.Union([SequenceRow, RemindersRow])
const columns = [
  "sequence_id",
  "execution_id",
  "owner",
  "event_id",
  "user_id",
  "config",
  "status",
  "created_at",
  "finished_at"
]
  .map((column) => `s.${column}`).concat(`${numberOf("s.event_id")} AS event_number`).join(", ")

/** Messages to one user of an event. */
export type StoredSequence = typeof SequenceRow.Type
/** The reminders of a flow: of nobody, since they are for all its guests. */
export type StoredReminders = typeof RemindersRow.Type
export type Stored = StoredSequence | StoredReminders

/** A sequence as it is shown: under its event's number. */
export const shownSequence = ({ event_number, ...sequence }: Stored) => ({
  ...sequence,
  event_id: event_number
})

const Versions = { seen: Schema.Int, version: Schema.Int }
const MovedRow = Schema.Union([
  Schema.Struct({ ...SequenceRow.fields, ...Versions }),
  Schema.Struct({ ...RemindersRow.fields, ...Versions })
])

const StoredRow = Schema.Struct({ sequence_id: Schema.String })
const EndedRow = Schema.Struct({
  user_id: Schema.NullOr(Schema.Int),
  created_at: Rows.At,
  finished_at: Rows.At
})

/** What a sequence is in the log: reminders are of nobody. */
const typeOf = (userId: number | null) => userId === null ? "event_reminders" : "notification_sequence"

/** The line of a sequence that ended now. */
const told = (
  sequenceId: string,
  status: Exclude<SequenceStatus, "running">,
  { created_at, finished_at, user_id }: typeof EndedRow.Type
) =>
  OrchestrationLog.complete(
    sequenceId,
    status === "completed",
    DateTime.distance(created_at, finished_at),
    status === "completed" ? [] : status,
    { flowType: typeOf(user_id) }
  )

const Waiting = Schema.Struct({ execution_id: Schema.String })
const Fired = Schema.Struct({ trigger: Triggers })

export class SequenceStore extends Context.Service<SequenceStore, {
  /** Stores a sequence; the same id twice is one sequence. */
  readonly accept: (sequence: {
    readonly sequenceId: string
    readonly executionId: string
    readonly owner: string
    readonly eventId: EventId
    readonly request: SequenceRequest
  }) => Effect.Effect<void>
  /** Stores the reminders of a flow, as completed when none is to be sent; the same id twice is one sequence. Whether it is new. */
  readonly acceptReminders: (reminders: {
    readonly sequenceId: string
    readonly executionId: string
    readonly owner: string
    readonly eventId: EventId
    readonly plan: ReminderPlan
    readonly isOver?: boolean
  }) => Effect.Effect<boolean>
  /**
   * The sequence that a body is for: one that was canceled begins anew, and so does one that a fault of ours ended, a
   * minute after it was asked for; a completed one stays the same, so that no guest is notified twice.
   */
  readonly current: (first: string) => Effect.Effect<string>
  readonly get: (sequenceId: string) => Effect.Effect<Option.Option<Stored>>
  readonly finish: (sequenceId: string, status: Exclude<SequenceStatus, "running">) => Effect.Effect<void>
  /** Notes that something happened to these users and returns the executions that may wait for it. */
  readonly fire: (
    eventId: EventId,
    userIds: ReadonlyArray<number>,
    trigger: Trigger
  ) => Effect.Effect<ReadonlyArray<string>>
  /** Whether a sequence of this user says something when this happens, or said it; one that met a fault of ours does not. */
  readonly speaks: (eventId: EventId, userId: number, trigger: Trigger) => Effect.Effect<boolean>
  /** What has happened to this user already. */
  readonly fired: (eventId: EventId, userId: number) => Effect.Effect<ReadonlySet<Trigger>>
  /** Running sequences that go by an earlier version of their event than the one that stands. */
  readonly moved: Effect.Effect<
    ReadonlyArray<{ readonly sequence: Stored; readonly seen: number; readonly version: number }>
  >
  /** Notes that nothing of a sequence sleeps by a version before this one. */
  readonly saw: (sequenceId: string, version: number) => Effect.Effect<void>
  /** Running sequences whose event, and their own beginning, lie before this moment, and which were not let go. */
  readonly stranded: (before: DateTime.Utc) => Effect.Effect<ReadonlyArray<Stored>>
  /** Notes that nothing of a sequence waits for a trigger any more. */
  readonly letGo: (sequenceId: string) => Effect.Effect<void>
}>()("guichet/store/notifications/SequenceStore") {
  static readonly layer = Layer.effect(
    SequenceStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const encode = Schema.encodeEffect(SequenceRequest)

      const columnsOf = sql.literal(columns)

      const store = (row: {
        readonly sequenceId: string
        readonly executionId: string
        readonly owner: string
        readonly eventId: EventId
        readonly userId: number | null
        readonly config: unknown
        readonly status: "running" | "completed"
      }) =>
        Effect.map(
          Rows.first(StoredRow)(sql`
          INSERT INTO notification_sequences (sequence_id, execution_id, owner, event_id, user_id, config, status,
            event_version, finished_at)
          SELECT ${row.sequenceId}, ${row.executionId}, ${row.owner}, ${row.eventId}::bigint, ${row.userId}::bigint,
            ${JSON.stringify(row.config)}::jsonb, ${row.status}::text, coalesce(
              (SELECT gate_version FROM events WHERE event_id = ${row.eventId}::bigint), 0),
            CASE WHEN ${row.status}::text <> 'running' THEN now() END
          ON CONFLICT (sequence_id) DO NOTHING RETURNING sequence_id`),
          Option.isSome
        ).pipe(
          Effect.tap((isNew) =>
            isNew ? OrchestrationLog.start(row.sequenceId, typeOf(row.userId)) : Effect.void
          ),
          Effect.tap((isNew) =>
            isNew && row.status === "completed"
              ? OrchestrationLog.complete(row.sequenceId, true, Duration.zero, [], {
                flowType: typeOf(row.userId)
              })
              : Effect.void
          )
        )

      const accept: SequenceStore["Service"]["accept"] = Effect.fn("SequenceStore.accept")(
        function* ({ request, ...sequence }) {
          const config = yield* Effect.orDie(encode(request))
          yield* store({ ...sequence, userId: config.user_id, config, status: "running" })
        }
      )

      const acceptReminders: SequenceStore["Service"]["acceptReminders"] = (
        { isOver = false, plan, ...reminders }
      ) => store({ ...reminders, userId: null, config: plan, status: isOver ? "completed" : "running" })

      const current = BodyDeduplication.make(sql, {
        table: "notification_sequences",
        id: "sequence_id",
        over: sql`(status = 'canceled'
          OR (status = 'failed' AND created_at < now() - interval '1 minute'))`
      })

      const get = (sequenceId: string) =>
        Rows.first(Row)(sql`
          SELECT ${columnsOf} FROM notification_sequences s WHERE sequence_id = ${sequenceId}`)

      const finish: SequenceStore["Service"]["finish"] = (sequenceId, status) =>
        Rows.first(EndedRow)(sql`
          UPDATE notification_sequences SET status = ${status}, finished_at = now()
          WHERE sequence_id = ${sequenceId} AND status = 'running'
          RETURNING user_id, created_at, finished_at`).pipe(
          Effect.flatMap(
            Option.match({ onNone: () => Effect.void, onSome: (row) => told(sequenceId, status, row) })
          )
        )

      const fire: SequenceStore["Service"]["fire"] = (eventId, userIds, trigger) =>
        userIds.length === 0 ? Effect.succeed([]) : Effect.andThen(
          Rows.run(sql`
            INSERT INTO notification_triggers (event_id, user_id, trigger)
            SELECT ${eventId}::bigint, user_id, ${trigger}
            FROM unnest(${Rows.bigints(userIds)}::bigint[]) AS u(user_id)
            ON CONFLICT DO NOTHING`),
          Rows.all(Waiting)(sql`
            SELECT execution_id FROM notification_sequences
            WHERE status = 'running' AND event_id = ${eventId}::bigint
              AND user_id = ANY(${Rows.bigints(userIds)}::bigint[])`)
            .pipe(Effect.map((rows) => rows.map((row) => row.execution_id)))
        )

      const speaks: SequenceStore["Service"]["speaks"] = (eventId, userId, trigger) =>
        Effect.map(
          Rows.first(Waiting)(sql`
            SELECT execution_id FROM notification_sequences
            WHERE event_id = ${eventId}::bigint AND user_id = ${userId}::bigint AND status <> 'failed'
              AND config->'notification_sequence' @> ${JSON.stringify([{ trigger }])}::jsonb LIMIT 1`),
          Option.isSome
        )

      const fired: SequenceStore["Service"]["fired"] = (eventId, userId) =>
        Rows.all(Fired)(sql`
          SELECT trigger FROM notification_triggers
          WHERE event_id = ${eventId}::bigint AND user_id = ${userId}::bigint`).pipe(
          Effect.map((rows) => new Set(rows.map((row) => row.trigger)))
        )

      const moved = Rows.all(MovedRow)(sql`
        SELECT ${columnsOf}, s.event_version AS seen, e.gate_version AS version
        FROM notification_sequences s JOIN events e USING (event_id)
        WHERE s.status = 'running' AND s.event_version < e.gate_version LIMIT 500`).pipe(
        Effect.map((rows) => rows.map((row) => ({ sequence: row, seen: row.seen, version: row.version })))
      )

      const saw = (sequenceId: string, version: number) =>
        Rows.run(sql`
          UPDATE notification_sequences SET event_version = ${version}::int WHERE sequence_id = ${sequenceId}`)

      const stranded: SequenceStore["Service"]["stranded"] = (before) =>
        Rows.all(Row)(sql`
          SELECT ${columnsOf} FROM notification_sequences s JOIN events e USING (event_id)
          WHERE s.status = 'running' AND s.user_id IS NOT NULL AND s.let_go_at IS NULL
            AND greatest(e.starts_at, s.created_at) < ${DateTime.toDateUtc(before)}::timestamptz LIMIT 500`)

      const letGo = (sequenceId: string) =>
        Rows.run(sql`
          UPDATE notification_sequences SET let_go_at = now() WHERE sequence_id = ${sequenceId}`)

      return {
        accept,
        acceptReminders,
        current,
        get,
        finish,
        fire,
        speaks,
        fired,
        moved,
        saw,
        stranded,
        letGo
      }
    })
  )
}
