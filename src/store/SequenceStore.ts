/** Notification sequences and the triggers that wake them. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import {
  SequenceRequest,
  SequenceStatus,
  type Trigger,
  Trigger as Triggers
} from "../../rpc/NotificationSequence.ts"
import * as Repeats from "./Repeats.ts"
import * as Rows from "./Rows.ts"

const Row = Schema.Struct({
  sequence_id: Schema.String,
  execution_id: Schema.String,
  owner: Schema.String,
  event_id: Schema.Int,
  user_id: Schema.Int,
  config: SequenceRequest,
  status: SequenceStatus,
  created_at: Rows.At,
  finished_at: Rows.AtOrNull
})
export type StoredSequence = typeof Row.Type

const Waiting = Schema.Struct({ execution_id: Schema.String })
const Fired = Schema.Struct({ trigger: Triggers })

export class SequenceStore extends Context.Service<SequenceStore, {
  /** Stores a sequence; the same id twice is one sequence. */
  readonly accept: (sequence: {
    readonly sequenceId: string
    readonly executionId: string
    readonly owner: string
    readonly request: SequenceRequest
  }) => Effect.Effect<void>
  /**
   * The sequence that a body is for: one that was canceled begins anew, and so does one that a fault of ours ended, a
   * minute after it was asked for; a completed one stays the same, so that no guest is told twice.
   */
  readonly current: (first: string) => Effect.Effect<string>
  readonly get: (sequenceId: string) => Effect.Effect<Option.Option<StoredSequence>>
  readonly finish: (sequenceId: string, status: Exclude<SequenceStatus, "running">) => Effect.Effect<void>
  /** Notes that something happened to these users and returns the executions that may wait for it. */
  readonly fire: (
    eventId: number,
    userIds: ReadonlyArray<number>,
    trigger: Trigger
  ) => Effect.Effect<ReadonlyArray<string>>
  /** Whether a sequence of this user says something when this happens, or said it; one that met a fault of ours does not. */
  readonly speaks: (eventId: number, userId: number, trigger: Trigger) => Effect.Effect<boolean>
  /** What has happened to this user already. */
  readonly fired: (eventId: number, userId: number) => Effect.Effect<ReadonlySet<Trigger>>
}>()("guichet/store/SequenceStore") {
  static readonly layer = Layer.effect(
    SequenceStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const encode = Schema.encodeEffect(SequenceRequest)

      const accept: SequenceStore["Service"]["accept"] = Effect.fn("SequenceStore.accept")(
        function* (sequence) {
          const config = yield* Effect.orDie(encode(sequence.request))
          yield* Rows.run(sql`
          INSERT INTO notification_sequences (sequence_id, execution_id, owner, event_id, user_id, config, status)
          VALUES (${sequence.sequenceId}, ${sequence.executionId}, ${sequence.owner},
                  ${config.event_id}::bigint, ${config.user_id}::bigint, ${
            JSON.stringify(config)
          }::jsonb, 'running')
          ON CONFLICT (sequence_id) DO NOTHING`)
        }
      )

      const current = Repeats.make(sql, {
        table: "notification_sequences",
        id: "sequence_id",
        over: sql`(status = 'canceled'
          OR (status = 'failed' AND created_at < now() - interval '1 minute'))`
      })

      const get = (sequenceId: string) =>
        Rows.first(Row)(sql`
          SELECT sequence_id, execution_id, owner, event_id, user_id, config, status, created_at, finished_at
          FROM notification_sequences WHERE sequence_id = ${sequenceId}`)

      const finish: SequenceStore["Service"]["finish"] = (sequenceId, status) =>
        Rows.run(sql`
          UPDATE notification_sequences SET status = ${status}, finished_at = now()
          WHERE sequence_id = ${sequenceId} AND status = 'running'`)

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

      return { accept, current, get, finish, fire, speaks, fired }
    })
  )
}
