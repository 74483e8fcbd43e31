/**
 * What reports do to a job: which items they decide, its counters, and how its attempt ends. An end may turn out better
 * than it was announced: then it is to be announced again.
 */
import { Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { GeneratedTicket } from "../../../rpc/Ticket.ts"
import { openJobs } from "../../../rpc/TicketJob.ts"
import type { FeedStore } from "../flows/FeedStore.ts"
import { appliedTo, ChangedRow, feedOfJob, JobRow, reads } from "./JobRows.ts"
import * as JobLines from "./JobLines.ts"
import * as WorkMetrics from "../../telemetry/metrics/WorkMetrics.ts"
import * as Rows from "../Rows.ts"
import * as Transaction from "../Transaction.ts"

/** `ends` says whether the statement ended it, or another one before. */
const EndedRow = Schema.Struct({ ...JobRow.fields, ends: Schema.Boolean })

const IdRow = Schema.Struct({ ticket_id: Schema.Int })

/** One report a ticket: of two that contradict each other the better one. */
const reportsOf = (tickets: ReadonlyArray<GeneratedTicket>) => {
  const reports = new Map<number, Pick<GeneratedTicket, "ticketId" | "status" | "reason">>()
  for (const { reason, status, ticketId } of tickets) {
    if (reports.get(ticketId)?.status !== "generated") reports.set(ticketId, { ticketId, status, reason })
  }
  return [...reports.values()]
}

/** Part of `JobStore`, which says what each answers. A job's feed is closed as long as its end is announced. */
export const make = (sql: SqlClient.SqlClient, feeds: FeedStore["Service"]) => {
  const { all, held, one } = reads(sql)

  /** The status of an attempt that so many more reports decide. */
  const outcome = (generated: number, failed: number) =>
    sql`CASE WHEN failed + ${failed}::int = 0 THEN 'completed'
             WHEN generated + ${generated}::int = 0 THEN 'failed' ELSE 'partially_failed' END`

  const decide = Effect.fnUntraced(
    function* (job: JobRow, applied: ReadonlyArray<number>, generated: number, failed: number) {
      if (job.finished_at !== null) yield* feeds.reopen(feedOfJob(job.job_id))
      const row = yield* one(
        job.job_id,
        sql`
        UPDATE ticket_jobs SET generated = generated + ${generated}::int, failed = failed + ${failed}::int,
          news_at = now(), chases = 0,
          status = CASE WHEN finished_at IS NULL THEN status ELSE ${outcome(generated, failed)} END,
          error = CASE WHEN generated + ${generated}::int = 0 THEN error END,
          announced_at = CASE WHEN finished_at IS NULL THEN announced_at END
        WHERE job_id = ${job.job_id} RETURNING ${all}`
      )
      WorkMetrics.ticketsReported(generated, Math.max(0, failed))
      return appliedTo(row, applied)
    }
  )

  /** `OFFSET 0` has each ticket looked up by its key, however large the job and however old the statistics. */
  const applyBatch = Effect.fn("JobStore.applyBatch")(
    function* (jobId: string, tickets: ReadonlyArray<GeneratedTicket>, attempt: number | null = null) {
      const apply = Effect.gen(function* () {
        const job = yield* held(jobId)
        if (job.status === "canceled") return appliedTo(job, [])
        const changed = yield* Rows.all(ChangedRow)(sql`
          UPDATE ticket_job_items i SET status = r.status, reason = r.reason, updated_at = now()
          FROM jsonb_to_recordset(${JSON.stringify(reportsOf(tickets))}::jsonb)
              AS r ("ticketId" bigint, status text, reason text)
            CROSS JOIN LATERAL (
              SELECT ticket_id, status, attempt FROM ticket_job_items
              WHERE job_id = ${jobId} AND ticket_id = r."ticketId" OFFSET 0
            ) o
          WHERE i.job_id = ${jobId} AND i.ticket_id = o.ticket_id AND (
            (o.status = 'queued'
              AND (r.status = 'generated' OR o.attempt <= coalesce(${attempt}::int, o.attempt)))
            OR (o.status = 'failed' AND r.status = 'generated'))
          RETURNING i.ticket_id, i.status, o.status AS before`)
        if (changed.length === 0) return appliedTo(job, [])
        const generated = changed.filter((item) => item.status === "generated").length
        const mended = changed.filter((item) => item.before === "failed").length
        const applied = changed.map((item) => item.ticket_id)
        return yield* decide(job, applied, generated, changed.length - generated - mended)
      })
      return yield* Transaction.durably(sql, apply)
    }
  )

  const giveUp = Effect.fn("JobStore.giveUp")(function* (jobId: string, reason: string) {
    const fail = Effect.gen(function* () {
      const job = yield* held(jobId)
      const failed = yield* Rows.all(IdRow)(sql`
        UPDATE ticket_job_items SET status = 'failed', reason = ${reason}, updated_at = now()
        WHERE job_id = ${jobId} AND status = 'queued' RETURNING ticket_id`)
      const applied = failed.map(({ ticket_id }) => ticket_id)
      return applied.length === 0 ? appliedTo(job, []) : yield* decide(job, applied, 0, applied.length)
    })
    return yield* Transaction.durably(sql, fail)
  })

  const end = Effect.fn("JobStore.end")(function* (jobId: string) {
    const ended = yield* Rows.first(EndedRow)(sql`
      WITH ended AS (
        UPDATE ticket_jobs SET finished_at = now(), status = ${outcome(0, 0)},
          error = CASE WHEN generated = 0 THEN (
            SELECT min(reason) FROM ticket_job_items WHERE job_id = ${jobId} AND status = 'failed') END
        WHERE job_id = ${jobId} AND ${sql.in("status", openJobs)} AND generated + failed = total
        RETURNING ${all}
      )
      SELECT *, true AS ends FROM ended UNION ALL SELECT ${all}, false AS ends FROM ticket_jobs
      WHERE job_id = ${jobId} AND finished_at IS NOT NULL AND announced_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM ended)`)
    if (Option.isSome(ended) && ended.value.ends) yield* JobLines.ended(ended.value)
    return ended
  })

  const announced = Effect.fn("JobStore.announced")(function* (ended: JobRow) {
    yield* feeds.closeFor(
      feedOfJob(ended.job_id),
      { status: ended.status },
      ended.status,
      "announced",
      sql`announced AS (
        UPDATE ticket_jobs SET announced_at = now()
        WHERE job_id = ${ended.job_id} AND finished_at IS NOT NULL AND announced_at IS NULL
          AND attempt = ${ended.attempt}::int AND generated = ${ended.generated}::int AND status = ${ended.status}
        RETURNING status AS reason)`
    )
  })

  return { applyBatch, giveUp, end, announced }
}
