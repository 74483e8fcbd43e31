/** What a flow's run writes: its beginning, its steps and its end, each with its entries in the feed. */
import { Effect, type Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"
import type { FlowStatus, StepName, StepStatus } from "../../../rpc/CompleteFlow.ts"
import * as PaymentClaims from "../payments/PaymentClaims.ts"
import * as Rows from "../Rows.ts"
import type { Entry, FeedStore } from "./FeedStore.ts"

/** The feed a flow's progress is written to. */
export const feedOf = (flowId: string): string => `flow/${flowId}`

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

/** Part of `FlowStore`, which says what each does. */
export const make = (sql: SqlClient.SqlClient, feeds: FeedStore["Service"]) => {
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

  const begin = (flowId: string, first: StepName) =>
    feeds.appendFor(
      feedOf(flowId),
      startEntries([first]),
      "started",
      sql`begun AS (
        UPDATE flows SET status = 'running', started_at = coalesce(started_at, now())
        WHERE flow_id = ${flowId} AND status = 'accepted' RETURNING flow_id
      ), ${starting(flowId, [first], sql`EXISTS (SELECT 1 FROM begun)`)}`
    )

  const stepStarted = (flowId: string, step: StepName) =>
    Effect.asVoid(
      feeds.appendFor(
        feedOf(flowId),
        startEntries([step]),
        "started",
        starting(flowId, [step], unlessCompleted)
      )
    )

  const stepEnded = (flowId: string, step: StepName, end: StepEnd, next: ReadonlyArray<StepName> = []) =>
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

  const amend = (flowId: string, step: StepName, { error, result, status }: StepEnd) =>
    Rows.run(sql`
      WITH amended AS (
        UPDATE flow_steps SET status = ${status}, error = ${json(error)}::jsonb,
          result = coalesce(${json(result)}::jsonb, result)
        WHERE flow_id = ${flowId} AND step = ${step}
          AND (status = 'completed' OR (status = 'failed' AND error->>'code' = ${error?.code ?? null}::text))
        RETURNING flow_id, error
      )
      UPDATE flows SET status = 'completed_with_errors', error = amended.error FROM amended
      WHERE flows.flow_id = amended.flow_id AND flows.status = 'completed' AND amended.error IS NOT NULL`)

  const compensated = (flowId: string, step: StepName, end: Omit<StepEnd, "status">) =>
    stepEnded(flowId, step, { ...end, status: end.error === undefined ? "compensated" : "failed" })

  const over = (flowId: string, status: FlowStatus, error: StepEnd["error"]) =>
    sql`over AS (
      UPDATE flows SET status = ${status}, finished_at = now(), error = ${json(error)}::jsonb
      WHERE flow_id = ${flowId} AND finished_at IS NULL)`

  const finish = (flowId: string, status: FlowStatus, error: StepEnd["error"]) => {
    const end: StepEnd = { status: "completed", result: { status } }
    return feeds.closeWith(
      feedOf(flowId),
      [stepEntry("status", "running"), endEntry("status", end)],
      { status, ...(error && { error }) },
      // Tickets that came after the payment's decision learn of it by then.
      sql`${ended(flowId, "status", end, 1)}, ${over(flowId, status, error)}${
        status === "failed" ? sql.literal("") : sql`, ${PaymentClaims.markingAsItStands(sql, flowId)}`
      }`
    )
  }

  const abandon = (flowId: string) => {
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

  const paid = (flowId: string, result: Schema.Json) =>
    Rows.run(PaymentClaims.showingPaid(sql, flowId, JSON.stringify(result)))

  return { begin, stepStarted, stepEnded, amend, compensated, finish, abandon, paid }
}
