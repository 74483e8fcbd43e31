/** Generation jobs and their items: which ticket is in which chunk, how far each is, and how it ended. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import type { GeneratedTicket } from "../../../rpc/Ticket.ts"
import { JobConflict, JobNotFound, jobPhase, type JobView } from "../../../rpc/TicketJob.ts"
import {
  type Applied,
  appliedTo,
  ChangedRow,
  columns,
  feedOfJob,
  ItemRow,
  JobRow,
  type NewJob
} from "./JobRows.ts"
import { FeedStore } from "../flows/FeedStore.ts"
import * as JobReports from "./JobReports.ts"
import * as JobItems from "./JobItems.ts"
import * as JobReminders from "./JobReminders.ts"
import * as Rows from "../Rows.ts"
import * as Transaction from "../Transaction.ts"

export { type Applied, feedOfJob, type JobRow, type NewJob }

/** How many tickets the generator is given at once; without `batch_processing` each goes by itself. */
export const chunkSize = 100

const IdRow = Schema.Struct({ ticket_id: Schema.Int })

const sizeOf = (options: { readonly batch_processing: boolean }) => options.batch_processing ? chunkSize : 1

/** One report a ticket: of two that contradict each other the better one. */
const reportsOf = (tickets: ReadonlyArray<GeneratedTicket>) => {
  const reports = new Map<number, Pick<GeneratedTicket, "ticketId" | "status" | "reason">>()
  for (const { reason, status, ticketId } of tickets) {
    if (reports.get(ticketId)?.status !== "generated") reports.set(ticketId, { ticketId, status, reason })
  }
  return [...reports.values()]
}

/**
 * Jobs in SQL. What changes a job's items holds the job's row, so the counters are the items. In an attempt an item is
 * decided once, but that a ticket is generated stands against every failure, whichever is told first; the end of an
 * attempt is decided once; a canceled job does not change any more.
 */
export class JobStore extends Context.Service<JobStore, {
  readonly create: (job: NewJob) => Effect.Effect<void>
  readonly row: (jobId: string) => Effect.Effect<JobRow, JobNotFound>
  readonly view: (jobId: string) => Effect.Effect<JobView & { readonly owner: string }, JobNotFound>
  /** Marks a queued job running. */
  readonly begin: (jobId: string) => Effect.Effect<JobRow, JobNotFound>
  /**
   * Begins a new edition of the attempt, so that what waits is queued under new ids, unless there was news since the last
   * three reminders, or another edition since `seen`.
   */
  readonly renew: (seen: JobRow) => Effect.Effect<JobRow, JobNotFound>
  /** Counts a reminder, unless there was news since `seen`. */
  readonly reminded: (seen: JobRow) => Effect.Effect<void>
  /** The generator was heard of: what was in vain is forgotten. */
  readonly heard: (jobId: string) => Effect.Effect<void>
  /** The chunks of which something is still to be generated. */
  readonly waitingChunks: (jobId: string) => Effect.Effect<ReadonlyArray<number>>
  /** The tickets of a chunk of this attempt that are still to be generated. */
  readonly chunk: (
    job: Pick<JobRow, "job_id" | "attempt">,
    chunk: number
  ) => Effect.Effect<ReadonlyArray<number>>
  /** Those of these tickets that are the job's, however far each is. */
  readonly itemsAmong: (
    jobId: string,
    ticketIds: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyArray<number>>
  /** Those of these tickets that are still to be printed for the job: none once it is canceled. */
  readonly printable: (
    jobId: string,
    ticketIds: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyArray<number>>
  /** A failure that was met in an earlier `attempt` than the item's is old news; null is of any attempt. */
  readonly applyBatch: (
    jobId: string,
    tickets: ReadonlyArray<GeneratedTicket>,
    attempt?: number | null
  ) => Effect.Effect<Applied, JobNotFound>
  /** Fails everything that waits. */
  readonly giveUp: (jobId: string, reason: string) => Effect.Effect<Applied, JobNotFound>
  /** Nothing that waits is generated any more; a canceled job stays so, an ended one refuses. */
  readonly cancel: (jobId: string) => Effect.Effect<void, JobNotFound | JobConflict>
  /** Queues the failures of an ended job again, in new chunks, and opens its feed; the same attempt twice is one, until it has failed. */
  readonly retry: (jobId: string, attempt: number) => Effect.Effect<void, JobNotFound | JobConflict>
  /** Ends the job when nothing waits any more; answers an ended job until its end was announced. */
  readonly end: (jobId: string) => Effect.Effect<Option.Option<JobRow>>
  /** The end that `end` answered is told, and closes the feed; one that a report changed meanwhile does neither. */
  readonly announced: (told: JobRow) => Effect.Effect<void>
  /** The guests whose tickets the job generated, all of them or those among these tickets; voided ones are left out. */
  readonly guests: (jobId: string, among?: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<number>>
}>()("guichet/store/jobs/JobStore") {
  static readonly layer: Layer.Layer<JobStore, never, SqlClient.SqlClient | FeedStore> = Layer.effect(
    JobStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const feeds = yield* FeedStore
      const { announced, end, outcome } = JobReports.make(sql, feeds)
      const all = sql.literal(columns)

      const one = (jobId: string, statement: Effect.Effect<ReadonlyArray<unknown>, SqlError>) =>
        Effect.flatMap(
          Rows.first(JobRow)(statement),
          Option.match({
            onNone: () => Effect.fail(new JobNotFound({ job_id: jobId })),
            onSome: Effect.succeed
          })
        )

      const create = (job: NewJob) =>
        Rows.run(sql`
          WITH job AS (
            INSERT INTO ticket_jobs (job_id, event_id, owner, flow_id, status, priority, options, total)
            VALUES (${job.jobId}, ${job.eventId}, ${job.owner}, ${job.flowId}::text, 'queued',
                    ${job.options.priority}, ${JSON.stringify(job.options)}::jsonb,
                    ${job.ticketIds.length}::int)
            ON CONFLICT (job_id) DO NOTHING RETURNING job_id
          )
          INSERT INTO ticket_job_items (job_id, ticket_id, chunk)
          SELECT job.job_id, asked.id, (asked.position - 1) / ${sizeOf(job.options)}::int
          FROM job, ${Rows.asked(sql)(job.ticketIds)}`)

      const row = (jobId: string) => one(jobId, sql`SELECT ${all} FROM ticket_jobs WHERE job_id = ${jobId}`)

      const held = (jobId: string) =>
        one(jobId, sql`SELECT ${all} FROM ticket_jobs WHERE job_id = ${jobId} FOR UPDATE`)

      const view = Effect.fn("JobStore.view")(function* (jobId: string) {
        const { edition: _edition, options: _options, seq: _seq, ...job } = yield* row(jobId)
        const tickets = yield* Rows.all(ItemRow)(sql`
          SELECT ticket_id, status, reason FROM ticket_job_items WHERE job_id = ${jobId} ORDER BY ticket_id`)
        return { ...job, tickets }
      })

      const begin = (jobId: string) =>
        Effect.andThen(
          Rows.run(sql`
            UPDATE ticket_jobs SET status = 'running', started_at = now(), news_at = now()
            WHERE job_id = ${jobId} AND status = 'queued'`),
          row(jobId)
        )

      const ids = (rows: Effect.Effect<ReadonlyArray<typeof IdRow.Type>>) =>
        Effect.map(rows, (found) => found.map((row) => row.ticket_id))

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
          return appliedTo(row, applied)
        }
      )

      /** `OFFSET 0` has each ticket looked up by its key, however large the job and however old the statistics. */
      const applyBatch: JobStore["Service"]["applyBatch"] = Effect.fn("JobStore.applyBatch")(
        function* (jobId, tickets, attempt = null) {
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
          const applied = yield* ids(
            Rows.all(IdRow)(sql`
            UPDATE ticket_job_items SET status = 'failed', reason = ${reason}, updated_at = now()
            WHERE job_id = ${jobId} AND status = 'queued' RETURNING ticket_id`)
          )
          return applied.length === 0 ? appliedTo(job, []) : yield* decide(job, applied, 0, applied.length)
        })
        return yield* Transaction.durably(sql, fail)
      })

      const cancel = Effect.fn("JobStore.cancel")(function* (jobId: string) {
        const withdraw = Effect.gen(function* () {
          const { status } = yield* held(jobId)
          if (jobPhase[status] === "canceled") return
          if (jobPhase[status] !== "open") {
            return yield* new JobConflict({ job_id: jobId, status })
          }
          yield* Rows.run(sql`
            UPDATE ticket_job_items SET status = 'canceled', updated_at = now()
            WHERE job_id = ${jobId} AND status = 'queued'`)
          yield* Rows.run(sql`
            UPDATE ticket_jobs SET status = 'canceled', canceled = total - generated - failed, finished_at = now(),
              news_at = now(), chases = 0
            WHERE job_id = ${jobId}`)
        })
        yield* Transaction.durably(sql, withdraw)
      })

      const retry = Effect.fn("JobStore.retry")(function* (jobId: string, attempt: number) {
        const again = Effect.gen(function* () {
          const { options, status, ...job } = yield* held(jobId)
          const failed = jobPhase[status] === "failed"
          if (job.attempt === attempt && !failed) return
          if (job.attempt !== attempt - 1 || !failed) {
            return yield* new JobConflict({ job_id: jobId, status })
          }
          yield* Rows.run(sql`
            UPDATE ticket_job_items i
            SET status = 'queued', reason = NULL, attempt = ${attempt}::int, chunk = f.chunk, updated_at = now()
            FROM (
              SELECT ticket_id, (row_number() OVER (ORDER BY ticket_id) - 1) / ${
            sizeOf(options)
          }::int AS chunk
              FROM ticket_job_items WHERE job_id = ${jobId} AND status = 'failed'
            ) f
            WHERE i.job_id = ${jobId} AND i.ticket_id = f.ticket_id`)
          yield* Rows.run(sql`
            UPDATE ticket_jobs SET status = 'running', attempt = ${attempt}::int, edition = 1, failed = 0, error = NULL,
              finished_at = NULL, announced_at = NULL, news_at = now(), chases = 0
            WHERE job_id = ${jobId}`)
          yield* feeds.reopen(feedOfJob(jobId))
          yield* feeds.append(feedOfJob(jobId), { kind: "retried", data: { attempt } })
        })
        yield* Transaction.durably(sql, again)
      })

      return {
        create,
        row,
        view,
        begin,
        applyBatch,
        giveUp,
        cancel,
        retry,
        end,
        announced,
        ...JobItems.make(sql),
        ...JobReminders.make(sql, row)
      }
    })
  )
}
