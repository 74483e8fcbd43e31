/** Runs of the complete flow: the request, the eight steps and their states. */
import { Cache, Context, DateTime, Duration, Effect, Exit, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"
import {
  CompleteFlowRequest,
  FlowStatus,
  type FlowView,
  type StepName,
  StepName as StepNames,
  steps,
  StepStatus,
  waitsForAnswer
} from "../../../rpc/CompleteFlow.ts"
import { Priority } from "../../../rpc/TicketJob.ts"
import { type Entry, FeedStore } from "./FeedStore.ts"
import { numberOf } from "../EventNumbers.ts"
import * as BodyDeduplication from "../BodyDeduplication.ts"
import * as Rows from "../Rows.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"

/** Why a flow or a step failed, or null. */
export const Failure = Schema.NullOr(Schema.Struct({ code: Schema.String, detail: Schema.String }))

const FlowRow = Schema.Struct({
  flow_id: Schema.String,
  owner: Schema.String,
  event_id: EventNumber,
  status: FlowStatus,
  created_at: Rows.At,
  started_at: Rows.AtOrNull,
  finished_at: Rows.AtOrNull,
  deadline: Rows.At,
  error: Failure,
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

const StepRow = Schema.Struct({ status: StepStatus })

const StatusRow = Schema.Struct({ status: FlowStatus })

/** What a running flow needs to know of itself. */
export type StoredFlow = typeof RequestRow.Type & { readonly request: CompleteFlowRequest }

const IdRow = Schema.Struct({ flow_id: Schema.String, execution_id: Schema.NullOr(Schema.String) })

const RunningRow = Schema.Struct({ ...IdRow.fields, seq: Schema.Number })

const TurnRow = Schema.Struct({ owner: Schema.String, priority: Priority })

/** The feed a flow's progress is written to. */
export const feedOf = (flowId: string): string => `flow/${flowId}`

/** So many flows' executions are remembered. */
const remembered = 4_096

const stepEntry = (step: StepName, status: string, extra: Record<string, Schema.Json> = {}): Entry => ({
  kind: "step",
  data: { step, status, ...extra }
})

const json = (value: unknown): string | null => value === undefined ? null : JSON.stringify(value)

/** A step's outcome as it is stored and streamed. */
export interface StepEnd {
  readonly status: StepStatus
  readonly result?: Schema.Json | undefined
  readonly error?: { readonly code: string; readonly detail: string } | undefined
}

const endEntry = (step: StepName, { error, result, status }: StepEnd): Entry =>
  stepEntry(step, status, {
    ...(error === undefined ? {} : { error }),
    ...(result === undefined ? {} : { result })
  })

/** Each change of steps commits with its entries in the feed. */
export class FlowStore extends Context.Service<FlowStore, {
  /** Stores an accepted request, and answers the status of the flow; the same flow id twice is one flow. */
  readonly accept: (flow: {
    readonly flowId: string
    readonly executionId: string
    readonly owner: string
    readonly eventId: EventId
    readonly request: CompleteFlowRequest
    readonly deadline: DateTime.Utc
  }) => Effect.Effect<FlowStatus>
  /**
   * The flow that a body is for: one that failed is tried anew, a minute after it was asked for and once nothing of its
   * payment stands; any other end stays the same, so that nobody is charged or notified twice.
   */
  readonly current: (first: string) => Effect.Effect<string>
  readonly load: (flowId: string) => Effect.Effect<StoredFlow>
  /** Whose it is and how urgent, without its request. */
  readonly turn: (flowId: string) => Effect.Effect<typeof TurnRow.Type>
  readonly view: (flowId: string) => Effect.Effect<Option.Option<FlowView & { readonly owner: string }>>
  /** Begins the flow, and its first step; whether it began now, and not before. */
  readonly begin: (flowId: string, first: StepName) => Effect.Effect<boolean>
  /** Nothing for a step that has completed: a process that was frozen may begin it again after another ran it. */
  readonly stepStarted: (flowId: string, step: StepName) => Effect.Effect<void>
  /** Ends a step, and starts those that follow it. */
  readonly stepEnded: (
    flowId: string,
    step: StepName,
    end: StepEnd,
    next?: ReadonlyArray<StepName>
  ) => Effect.Effect<void>
  /**
   * Shows what became of a step's work after the step: it completed, or it failed by the same code. A flow that completed
   * and now has a failed step completed with errors.
   */
  readonly amend: (flowId: string, step: StepName, end: StepEnd) => Effect.Effect<void>
  readonly statusOfStep: (flowId: string, step: StepName) => Effect.Effect<StepStatus | undefined>
  /** Whether a step was ever run. */
  readonly begun: (flowId: string, step: StepName) => Effect.Effect<boolean>
  /** Shows on a step that it was compensated, or why that did not succeed. */
  readonly compensated: (flowId: string, step: StepName, end: Omit<StepEnd, "status">) => Effect.Effect<void>
  /** The workflow execution that waits for this flow's webhooks. */
  readonly executionOf: (flowId: string) => Effect.Effect<Option.Option<string>>
  /** Ends the flow and its step `status`, which tells how; then its feed is closed. */
  readonly finish: (flowId: string, status: FlowStatus, error: StepEnd["error"]) => Effect.Effect<void>
  /** Ends a flow that cannot go on: running steps fail, waiting ones are skipped. */
  readonly abandon: (flowId: string) => Effect.Effect<void>
  /** Accepted and not begun after `seconds`: their start was lost with the process that took the request. */
  readonly forgotten: (seconds: number) => Effect.Effect<ReadonlyArray<typeof IdRow.Type>>
  /** Past their deadline while a step waits for an answer. */
  readonly overdue: Effect.Effect<ReadonlyArray<typeof IdRow.Type>>
  /** So many running flows, in the order in which they were made, after this one. */
  readonly running: (after: number, most: number) => Effect.Effect<ReadonlyArray<typeof RunningRow.Type>>
  /** The payment of a flow that is over settled after its step was told as failed: it is shown as paid. */
  readonly paid: (flowId: string, result: Schema.Json) => Effect.Effect<void>
}>()("guichet/store/flows/FlowStore") {
  static readonly layer = Layer.effect(
    FlowStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const feeds = yield* FeedStore
      const encode = Schema.encodeEffect(CompleteFlowRequest)
      // What was accepted is not judged anew by the rules of a later version.
      const decode = Schema.decodeUnknownEffect(CompleteFlowRequest, { disableChecks: true })

      /** A flow's execution is stored with it and stays. */
      const executions = yield* Cache.makeWith(
        (flowId: string) =>
          Rows.first(IdRow)(sql`SELECT flow_id, execution_id FROM flows WHERE flow_id = ${flowId}`).pipe(
            Effect.map(Option.flatMapNullishOr((row) => row.execution_id))
          ),
        {
          capacity: remembered,
          timeToLive: (exit) =>
            Exit.isSuccess(exit) && Option.isSome(exit.value) ? Duration.infinity : Duration.zero
        }
      )
      const executionOf = (flowId: string) => Cache.get(executions, flowId)

      const statusOf = (flowId: string) =>
        Rows.first(StatusRow)(sql`SELECT status FROM flows WHERE flow_id = ${flowId}`).pipe(
          Effect.flatMap(Effect.fromOption),
          Effect.map(({ status }) => status),
          Effect.orDie
        )

      const accept: FlowStore["Service"]["accept"] = Effect.fn("FlowStore.accept")(function* (flow) {
        const request = yield* Effect.orDie(encode(flow.request))
        const stored = yield* Rows.first(StatusRow)(sql`
          WITH flow AS (
            INSERT INTO flows (flow_id, flow_type, owner, event_id, execution_id, status, request, deadline)
            VALUES (${flow.flowId}, 'complete_event_flow', ${flow.owner},
                    ${flow.eventId}::bigint, ${flow.executionId}, 'accepted',
                    ${JSON.stringify(request)}::jsonb, ${DateTime.toDateUtc(flow.deadline)}::timestamptz)
            ON CONFLICT (flow_id) DO NOTHING RETURNING flow_id
          ), planned AS (
            INSERT INTO flow_steps (flow_id, position, step)
            SELECT flow.flow_id, step.ordinality::int, step.value
            FROM flow, jsonb_array_elements_text(${JSON.stringify(steps)}::jsonb) WITH ORDINALITY AS step
          )
          SELECT 'accepted' AS status FROM flow`)
        if (Option.isNone(stored)) return yield* statusOf(flow.flowId)
        yield* Cache.set(executions, flow.flowId, Option.some(flow.executionId))
        return stored.value.status
      })

      const current = BodyDeduplication.make(sql, {
        table: "flows",
        id: "flow_id",
        over: sql`(status = 'failed' AND created_at < now() - interval '1 minute' AND NOT EXISTS (
          SELECT 1 FROM payments p
          WHERE p.flow_id = flows.flow_id AND p.status NOT IN ('canceled', 'refunded')))`
      })

      const load: FlowStore["Service"]["load"] = Effect.fnUntraced(function* (flowId) {
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

      const turn = (flowId: string) =>
        Rows.first(TurnRow)(sql`
          SELECT owner, request->'ticket_config'->>'priority' AS priority FROM flows WHERE flow_id = ${flowId}`)
          .pipe(
            Effect.flatMap(Effect.fromOption),
            Effect.orDie
          )

      const view: FlowStore["Service"]["view"] = (flowId) =>
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

      /** Steps that start, as a CTE beside their entries in the feed, which are written for those alone. */
      const starting = (flowId: string, names: ReadonlyArray<StepName>, only: Fragment) =>
        sql`started AS (
          UPDATE flow_steps SET status = 'running', attempts = attempts + 1, started_at = coalesce(started_at, now())
          WHERE flow_id = ${flowId} AND ${sql.in("step", names)} AND ${only} RETURNING step AS reason)`

      const startEntries = (names: ReadonlyArray<StepName>) =>
        names.map((name) => ({ ...stepEntry(name, "running"), when: name }))

      const unlessCompleted = sql`status <> 'completed'`

      const ended = (flowId: string, step: StepName, end: StepEnd, attempts: 0 | 1 = 0) =>
        sql`ended AS (
          UPDATE flow_steps SET status = ${end.status}, finished_at = now(),
            attempts = attempts + ${attempts}::int, started_at = coalesce(started_at, now()),
            error = ${json(end.error)}::jsonb, result = coalesce(${json(end.result)}::jsonb, result)
          WHERE flow_id = ${flowId} AND step = ${step})`

      const begin: FlowStore["Service"]["begin"] = (flowId, first) =>
        feeds.appendFor(
          feedOf(flowId),
          startEntries([first]),
          "started",
          sql`begun AS (
            UPDATE flows SET status = 'running', started_at = coalesce(started_at, now())
            WHERE flow_id = ${flowId} AND status = 'accepted' RETURNING flow_id
          ), ${starting(flowId, [first], sql`EXISTS (SELECT 1 FROM begun)`)}`
        )

      const stepStarted: FlowStore["Service"]["stepStarted"] = (flowId, step) =>
        Effect.asVoid(
          feeds.appendFor(
            feedOf(flowId),
            startEntries([step]),
            "started",
            starting(flowId, [step], unlessCompleted)
          )
        )

      const stepEnded: FlowStore["Service"]["stepEnded"] = (flowId, step, end, next = []) =>
        next.length === 0
          ? feeds.appendWith(feedOf(flowId), [endEntry(step, end)], ended(flowId, step, end))
          : Effect.asVoid(
            feeds.appendFor(
              feedOf(flowId),
              [endEntry(step, end), ...startEntries(next)],
              "started",
              sql`${ended(flowId, step, end)}, ${starting(flowId, next, unlessCompleted)}`
            )
          )

      const amend: FlowStore["Service"]["amend"] = (flowId, step, { error, result, status }) => {
        const failure = error === undefined ? null : JSON.stringify(error)
        return Rows.run(sql`
          WITH amended AS (
            UPDATE flow_steps SET status = ${status}, error = ${failure}::jsonb,
              result = coalesce(${result === undefined ? null : JSON.stringify(result)}::jsonb, result)
            WHERE flow_id = ${flowId} AND step = ${step}
              AND (status = 'completed' OR (status = 'failed' AND error->>'code' = ${
          error?.code ?? null
        }::text))
            RETURNING flow_id, error
          )
          UPDATE flows SET status = 'completed_with_errors', error = amended.error FROM amended
          WHERE flows.flow_id = amended.flow_id AND flows.status = 'completed' AND amended.error IS NOT NULL`)
      }

      const statusOfStep: FlowStore["Service"]["statusOfStep"] = (flowId, step) =>
        Effect.map(
          Rows.first(StepRow)(sql`
            SELECT status FROM flow_steps WHERE flow_id = ${flowId} AND step = ${step}`),
          Option.match({ onNone: () => undefined, onSome: ({ status }) => status })
        )

      const begun: FlowStore["Service"]["begun"] = (flowId, step) =>
        Rows.first(Schema.Struct({ attempts: Schema.Int }))(sql`
          SELECT attempts FROM flow_steps WHERE flow_id = ${flowId} AND step = ${step} AND attempts > 0`)
          .pipe(
            Effect.map(Option.isSome)
          )

      const compensated: FlowStore["Service"]["compensated"] = (flowId, step, end) =>
        end.error === undefined
          ? stepEnded(flowId, step, { ...end, status: "compensated" })
          : stepEnded(flowId, step, { ...end, status: "failed" })

      const over = (flowId: string, status: FlowStatus, error: StepEnd["error"]) =>
        sql`over AS (
          UPDATE flows SET status = ${status}, finished_at = now(), error = ${json(error)}::jsonb
          WHERE flow_id = ${flowId} AND finished_at IS NULL)`

      const finish: FlowStore["Service"]["finish"] = (flowId, status, error) => {
        const end: StepEnd = { status: "completed", result: { status } }
        return feeds.closeWith(
          feedOf(flowId),
          [stepEntry("status", "running"), endEntry("status", end)],
          { status, ...(error && { error }) },
          sql`${ended(flowId, "status", end, 1)}, ${over(flowId, status, error)}`
        )
      }

      const abandon: FlowStore["Service"]["abandon"] = (flowId) => {
        const error = { code: "internal", detail: "The flow met a fault of ours and was given up." }
        return feeds.closeWith(
          feedOf(flowId),
          [],
          { status: "failed", error },
          sql`left_over AS (
            UPDATE flow_steps SET status = CASE status WHEN 'running' THEN 'failed' ELSE 'skipped' END,
              finished_at = now(), error = ${json(error)}::jsonb
            WHERE flow_id = ${flowId} AND status IN ('running', 'pending')
          ), ${over(flowId, "failed", error)}`
        )
      }

      const forgotten = (seconds: number) =>
        Rows.all(IdRow)(sql`
          SELECT flow_id, execution_id FROM flows
          WHERE status = 'accepted' AND created_at < now() - make_interval(secs => ${seconds}::float8)
          ORDER BY created_at LIMIT 500`)

      const running = (after: number, most: number) =>
        Rows.all(RunningRow)(sql`
          SELECT flow_id, execution_id, seq::float8 AS seq FROM flows
          WHERE status = 'running' AND seq > ${after}::bigint ORDER BY seq LIMIT ${most}::int`)

      const paid = (flowId: string, result: Schema.Json) =>
        Rows.run(sql`
          UPDATE flow_steps SET status = 'completed', error = NULL, result = ${JSON.stringify(result)}::jsonb
          WHERE flow_id = ${flowId} AND step = 'payment' AND status = 'failed'
            AND EXISTS (SELECT 1 FROM flows f WHERE f.flow_id = flow_steps.flow_id AND f.finished_at IS NOT NULL)`)

      const waiting = steps.filter((name) => waitsForAnswer[name])

      const overdue = Rows.all(IdRow)(sql`
        SELECT flow_id, execution_id FROM flows f
        WHERE status = 'running' AND deadline <= now() AND EXISTS (
          SELECT 1 FROM flow_steps s
          WHERE s.flow_id = f.flow_id AND ${sql.in("s.step", waiting)} AND s.status = 'running')
        ORDER BY deadline DESC LIMIT 500`)

      return {
        accept,
        current,
        load,
        turn,
        view,
        begin,
        stepStarted,
        stepEnded,
        amend,
        statusOfStep,
        begun,
        compensated,
        executionOf,
        finish,
        abandon,
        forgotten,
        overdue,
        running,
        paid
      }
    })
  )
}
