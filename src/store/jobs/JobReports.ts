/**
 * What reports do to a job: which items they decide, its counters, and how its attempt ends. An end may turn out better
 * than it was announced: then it is to be announced again.
 */
import { Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { GeneratedTicket } from "../../../rpc/Ticket.ts"
import { ItemStatus, openJobs } from "../../../rpc/TicketJob.ts"
import { type FeedStore, Written } from "../flows/FeedStore.ts"
import { feedOf } from "../flows/FlowSteps.ts"
import { type Applied, appliedTo, feedOfJob, JobRow, reads } from "./JobRows.ts"
import * as JobLines from "./JobLines.ts"
import * as WorkMetrics from "../../telemetry/metrics/WorkMetrics.ts"
import * as Rows from "../Rows.ts"
import * as Transaction from "../Transaction.ts"

/** `ends` says whether the statement ended it, or another one before. */
const EndedRow = Schema.Struct({ ...JobRow.fields, ends: Schema.Boolean })

const IdRow = Schema.Struct({ ticket_id: Schema.Int })

const Item = Schema.Struct({ ticket_id: Schema.Int, status: ItemStatus, attempt: Schema.Int })

const StandingRow = Schema.Struct({ ...JobRow.fields, items: Schema.Array(Item) })

const ChangedRow = Schema.Struct({ ...JobRow.fields, told: Schema.Array(Written) })

/** A job and some of its items, as they were at one moment. */
export interface Standing {
  readonly job: JobRow
  readonly items: ReadonlyArray<typeof Item.Type>
}

type Report = Pick<GeneratedTicket, "ticketId" | "status" | "reason">

/** One report a ticket: of two that contradict each other the better one. */
const reportsOf = (tickets: ReadonlyArray<GeneratedTicket>): ReadonlyMap<number, Report> => {
  const reports = new Map<number, Report>()
  for (const { reason, status, ticketId } of tickets) {
    if (reports.get(ticketId)?.status !== "generated") reports.set(ticketId, { ticketId, status, reason })
  }
  return reports
}

/** What was applied, what it counts, and whether the attempt ended with it. */
interface Told extends Applied, Pick<Change, "generated" | "failed"> {
  readonly ends: boolean
}

const nothing = (job: JobRow): Told => ({ ...appliedTo(job, []), generated: 0, failed: 0, ends: false })

/** The log and the metrics of what was applied, once it is committed. */
const tell = Effect.fnUntraced(function* ({ applied, ends, failed, generated, job }: Told) {
  if (applied.length > 0) WorkMetrics.ticketsReported(generated, Math.max(0, failed))
  if (ends) yield* JobLines.ended(job)
  return appliedTo(job, applied)
})

/** Items that a report changes, and what becomes of the job's counters. */
interface Change {
  readonly reports: ReadonlyArray<Report>
  readonly generated: number
  readonly failed: number
}

/** In an attempt an item is decided once, but that a ticket is generated stands against every failure. */
const changeBy = (
  items: Standing["items"],
  tickets: ReadonlyArray<GeneratedTicket>,
  attempt: number | null
): Change => {
  const reports = reportsOf(tickets)
  const changed = items.flatMap((item) => {
    const report = reports.get(item.ticket_id)
    if (report === undefined) return []
    const isGood = report.status === "generated"
    const decides = item.status === "queued"
      ? isGood || item.attempt <= (attempt ?? item.attempt)
      : item.status === "failed" && isGood
    return decides ? [{ report, before: item.status }] : []
  })
  const generated = changed.filter(({ report }) => report.status === "generated").length
  const mended = changed.filter(({ before }) => before === "failed").length
  return {
    reports: changed.map(({ report }) => report),
    generated,
    failed: changed.length - generated - mended
  }
}

/** Part of `JobStore`, which says what each answers. A job's feed is closed as long as its end is announced. */
export const make = (sql: SqlClient.SqlClient, feeds: FeedStore["Service"]) => {
  const { all, held, one } = reads(sql)

  /** The status of an attempt that so many more reports decide. */
  const outcome = (generated: number, failed: number) =>
    sql`CASE WHEN failed + ${failed}::int = 0 THEN 'completed'
             WHEN generated + ${generated}::int = 0 THEN 'failed' ELSE 'partially_failed' END`

  /** `OFFSET 0` has each ticket looked up by its key, however large the job and however old the statistics. */
  const standing = Effect.fn("JobStore.standing")(
    function* (jobId: string, ticketIds: ReadonlyArray<number>) {
      const { items, ...job } = yield* one(
        jobId,
        sql`
        SELECT ${all}, (
          SELECT coalesce(jsonb_agg(item), '[]'::jsonb)
          FROM jsonb_array_elements(${JSON.stringify([...new Set(ticketIds)])}::jsonb) AS asked (id)
          CROSS JOIN LATERAL (
            SELECT ticket_id, status, attempt FROM ticket_job_items
            WHERE job_id = ${jobId} AND ticket_id = asked.id::bigint OFFSET 0
          ) item
        ) AS items FROM ticket_jobs WHERE job_id = ${jobId}`,
        StandingRow
      )
      return { job, items } satisfies Standing
    }
  )

  /**
   * Changes items, counts them, says so in the feeds and ends the attempt with the last one, unless the job is another than
   * it was: whatever changes an item changes its job's counters or its attempt. None when it is.
   */
  const change = Effect.fnUntraced(function* (job: JobRow, { failed, generated, reports }: Change) {
    const applied = reports.map(({ ticketId }) => ticketId)
    const isLast = sql`(finished_at IS NULL AND ${sql.in("status", openJobs)}
      AND generated + failed + ${generated + failed}::int = total)`
    const entry = {
      kind: "tickets",
      data: {
        generated: job.generated + generated,
        failed: job.failed + failed,
        total: job.total,
        ticket_ids: applied
      },
      when: "changed"
    }
    const { ctes, ring, rows } = yield* feeds.within(
      job.flow_id === null ? [feedOfJob(job.job_id)] : [feedOfJob(job.job_id), feedOf(job.flow_id)],
      [entry],
      "job"
    )
    const changed = yield* Rows.first(ChangedRow)(sql`
      WITH reported AS (
        SELECT * FROM jsonb_to_recordset(${JSON.stringify(reports)}::jsonb)
          AS r ("ticketId" bigint, status text, reason text)
      ), job AS (
        UPDATE ticket_jobs SET generated = generated + ${generated}::int, failed = failed + ${failed}::int,
          news_at = now(), chases = 0,
          status = CASE WHEN finished_at IS NULL AND NOT ${isLast} THEN status
            ELSE ${outcome(generated, failed)} END,
          error = CASE WHEN generated + ${generated}::int > 0 THEN NULL
            WHEN ${isLast} THEN (SELECT min(reason) FROM (
              SELECT reason FROM ticket_job_items WHERE job_id = ${job.job_id} AND status = 'failed'
              UNION ALL SELECT reason FROM reported) AS reasons)
            ELSE error END,
          finished_at = CASE WHEN ${isLast} THEN now() ELSE finished_at END,
          announced_at = CASE WHEN finished_at IS NULL THEN announced_at END
        WHERE job_id = ${job.job_id} AND attempt = ${job.attempt}::int AND generated = ${job.generated}::int
          AND failed = ${job.failed}::int AND canceled = ${job.canceled}::int
          AND (finished_at IS NULL) = ${job.finished_at === null}::boolean
        RETURNING ${all}, 'changed' AS reason
      ), items AS (
        UPDATE ticket_job_items i SET status = r.status, reason = r.reason, updated_at = now()
        FROM job CROSS JOIN reported r
          CROSS JOIN LATERAL (
            SELECT ticket_id FROM ticket_job_items
            WHERE job_id = ${job.job_id} AND ticket_id = r."ticketId" OFFSET 0
          ) o
        WHERE i.job_id = ${job.job_id} AND i.ticket_id = o.ticket_id
      ), ${ctes}
      SELECT job.*, ${rows} AS told FROM job`)
    if (Option.isNone(changed)) return Option.none<Told>()
    const { told, ...row } = changed.value
    yield* ring(told)
    const ends = job.finished_at === null && row.finished_at !== null
    return Option.some<Told>({ ...appliedTo(row, applied), generated, failed, ends })
  })

  /** The same with the job's row held, so that it is what it was; the feed of a job that had ended is open again. */
  const changeHeld = Effect.fnUntraced(function* (job: JobRow, by: Change) {
    if (by.reports.length === 0) return nothing(job)
    if (job.finished_at !== null) yield* feeds.reopen(feedOfJob(job.job_id))
    return yield* Effect.orDie(Effect.flatMap(change(job, by), Effect.fromOption))
  })

  /** Nobody else decides the job's items until the transaction ends. */
  const applyHeld = (jobId: string, tickets: ReadonlyArray<GeneratedTicket>, attempt: number | null) =>
    Transaction.durably(
      sql,
      Effect.gen(function* () {
        const found = yield* held(jobId)
        if (found.status === "canceled") return nothing(found)
        const { items, job } = yield* standing(jobId, tickets.map(({ ticketId }) => ticketId))
        return yield* changeHeld(job, changeBy(items, tickets, attempt))
      })
    )

  /** One statement where nobody came between, as nearly always; under the job's row otherwise. */
  const apply = Effect.fn("JobStore.apply")(
    function* ({ items, job }: Standing, tickets: ReadonlyArray<GeneratedTicket>, attempt: number | null) {
      if (job.status === "canceled") return appliedTo(job, [])
      const by = changeBy(items, tickets, attempt)
      if (by.reports.length === 0) return appliedTo(job, [])
      const changed = job.finished_at === null ? yield* change(job, by) : Option.none<Told>()
      return yield* tell(
        Option.isSome(changed) ? changed.value : yield* applyHeld(job.job_id, tickets, attempt)
      )
    }
  )

  const applyBatch = Effect.fnUntraced(
    function* (jobId: string, tickets: ReadonlyArray<GeneratedTicket>, attempt: number | null = null) {
      return yield* apply(yield* standing(jobId, tickets.map(({ ticketId }) => ticketId)), tickets, attempt)
    }
  )

  const giveUp = Effect.fn("JobStore.giveUp")(function* (jobId: string, reason: string) {
    const fail = Effect.gen(function* () {
      const job = yield* held(jobId)
      const queued = yield* Rows.all(IdRow)(sql`
        SELECT ticket_id FROM ticket_job_items WHERE job_id = ${jobId} AND status = 'queued'`)
      const reports = queued.map((
        { ticket_id: ticketId }
      ) => ({ ticketId, status: "failed", reason } as const))
      return yield* changeHeld(job, { reports, generated: 0, failed: reports.length })
    })
    return yield* tell(yield* Transaction.durably(sql, fail))
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

  return { standing, apply, applyBatch, giveUp, end, announced }
}
