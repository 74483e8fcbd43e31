/** Generation jobs and their items: which ticket is in which chunk, how far each is, and how it ended. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { GeneratedTicket } from "../../../rpc/Ticket.ts"
import { JobConflict, type JobNotFound, jobPhase, type JobView } from "../../../rpc/TicketJob.ts"
import { type Applied, feedOfJob, ItemRow, JobRow, type NewJob, reads, shownJob } from "./JobRows.ts"
import { FeedStore } from "../flows/FeedStore.ts"
import * as JobLines from "./JobLines.ts"
import * as JobReports from "./JobReports.ts"
import * as JobItems from "./JobItems.ts"
import * as Rows from "../Rows.ts"
import * as Transaction from "../Transaction.ts"

export { type Applied, feedOfJob, JobRow, type NewJob }
export type Standing = JobReports.Standing

/** How many tickets the generator is given at once; without `batch_processing` each goes by itself. */
export const chunkSize = 100

/** So often in vain are chunks sent again under their own ids: then the generator's queue may hold them as done. */
const reminders = 3

const CreatedRow = Schema.Struct({ job_id: Schema.String })
const BegunRow = Schema.Struct({ ...JobRow.fields, waiting: Schema.Array(Schema.Int) })

const sizeOf = (options: { readonly batch_processing: boolean }) => options.batch_processing ? chunkSize : 1

/**
 * Jobs in SQL. What changes a job's items holds the job's row, so the counters are the items. In an attempt an item is
 * decided once, but that a ticket is generated stands against every failure, whichever is reported first; the end of an
 * attempt is decided once; a canceled job does not change any more.
 */
export class JobStore extends Context.Service<JobStore, {
  readonly create: (job: NewJob) => Effect.Effect<void>
  readonly row: (jobId: string) => Effect.Effect<JobRow, JobNotFound>
  readonly view: (jobId: string) => Effect.Effect<JobView & { readonly owner: string }, JobNotFound>
  /** Marks a queued job running; with the chunks that wait, as `waitingChunks` answers them. */
  readonly begin: (
    jobId: string
  ) => Effect.Effect<JobRow & { readonly waiting: ReadonlyArray<number> }, JobNotFound>
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
  /** The job, and those of these tickets that are its own, however far each is. */
  readonly standing: (
    jobId: string,
    ticketIds: ReadonlyArray<number>
  ) => Effect.Effect<JobReports.Standing, JobNotFound>
  /**
   * Decides items, counts them, says so in the feeds of the job and its flow, and ends the job with its last item. A failure
   * that was met in an earlier `attempt` than the item's is old news; null is of any attempt. What is given may be old by now.
   */
  readonly apply: (
    standing: JobReports.Standing,
    tickets: ReadonlyArray<GeneratedTicket>,
    attempt: number | null
  ) => Effect.Effect<Applied, JobNotFound>
  /** The same, of a job that is not read yet. */
  readonly applyBatch: (
    jobId: string,
    tickets: ReadonlyArray<GeneratedTicket>,
    attempt?: number | null
  ) => Effect.Effect<Applied, JobNotFound>
  /** Fails everything that waits, and ends the job. */
  readonly giveUp: (jobId: string, reason: string) => Effect.Effect<Applied, JobNotFound>
  /** Nothing that waits is generated any more; a canceled job stays so, an ended one refuses. */
  readonly cancel: (jobId: string) => Effect.Effect<void, JobNotFound | JobConflict>
  /** Queues the failures of an ended job again, in new chunks, and opens its feed; the same attempt twice is one, until it has failed. */
  readonly retry: (jobId: string, attempt: number) => Effect.Effect<void, JobNotFound | JobConflict>
  /** Ends the job when nothing waits any more; answers an ended job until its end was announced. */
  readonly end: (jobId: string) => Effect.Effect<Option.Option<JobRow>>
  /** The end that `end` answered was announced, which closes the feed; one that a report changed meanwhile does neither. */
  readonly announced: (ended: JobRow) => Effect.Effect<void>
  /** The guests whose tickets the job generated, all of them or those among these tickets; voided ones are left out. */
  readonly guests: (jobId: string, among?: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<number>>
}>()("guichet/store/jobs/JobStore") {
  static readonly layer: Layer.Layer<JobStore, never, SqlClient.SqlClient | FeedStore> = Layer.effect(
    JobStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const feeds = yield* FeedStore
      const { all, held, one, row } = reads(sql)
      const { waiting, ...items } = JobItems.make(sql)

      const create = (job: NewJob) =>
        Rows.first(CreatedRow)(sql`
          WITH job AS (
            INSERT INTO ticket_jobs (job_id, event_id, owner, flow_id, status, priority, options, total)
            VALUES (${job.jobId}, ${job.eventId}, ${job.owner}, ${job.flowId}::text, 'queued',
                    ${job.options.priority}, ${JSON.stringify(job.options)}::jsonb,
                    ${job.ticketIds.length}::int)
            ON CONFLICT (job_id) DO NOTHING RETURNING job_id
          ), items AS (
            INSERT INTO ticket_job_items (job_id, ticket_id, chunk)
            SELECT job.job_id, asked.id, (asked.position - 1) / ${sizeOf(job.options)}::int
            FROM job, ${Rows.asked(sql)(job.ticketIds)}
          )
          SELECT job_id FROM job`).pipe(
          Effect.flatMap((created) =>
            Option.isNone(created)
              ? Effect.void
              : JobLines.began({ job_id: job.jobId, flow_id: job.flowId }, 1, job.ticketIds.length)
          )
        )

      const view = Effect.fn("JobStore.view")(function* (jobId: string) {
        const { edition: _edition, options: _options, seq: _seq, ...job } = yield* row(jobId)
        const tickets = yield* Rows.all(ItemRow)(sql`
          SELECT ticket_id, status, reason FROM ticket_job_items WHERE job_id = ${jobId} ORDER BY ticket_id`)
        return { ...shownJob(job), tickets }
      })

      const begin = (jobId: string) =>
        one(
          jobId,
          sql`
          WITH begun AS (
            UPDATE ticket_jobs SET status = 'running', started_at = now(), news_at = now()
            WHERE job_id = ${jobId} AND status = 'queued' RETURNING ${all}
          )
          SELECT job.*, ARRAY(${waiting(jobId)}) AS waiting FROM (
            SELECT * FROM begun UNION ALL SELECT ${all} FROM ticket_jobs
            WHERE job_id = ${jobId} AND NOT EXISTS (SELECT 1 FROM begun)) AS job`,
          BegunRow
        )

      const cancel = Effect.fn("JobStore.cancel")(function* (jobId: string) {
        const withdraw = Effect.gen(function* () {
          const { status } = yield* held(jobId)
          if (jobPhase[status] === "canceled") return Option.none()
          if (jobPhase[status] !== "open") {
            return yield* new JobConflict({ job_id: jobId, status })
          }
          yield* Rows.run(sql`
            UPDATE ticket_job_items SET status = 'canceled', updated_at = now()
            WHERE job_id = ${jobId} AND status = 'queued'`)
          return Option.some(
            yield* one(
              jobId,
              sql`
              UPDATE ticket_jobs SET status = 'canceled', canceled = total - generated - failed, finished_at = now(),
                news_at = now(), chases = 0
              WHERE job_id = ${jobId} RETURNING ${all}`
            )
          )
        })
        const canceled = yield* Transaction.durably(sql, withdraw)
        if (Option.isSome(canceled)) yield* JobLines.ended(canceled.value)
      })

      const retry = Effect.fn("JobStore.retry")(function* (jobId: string, attempt: number) {
        const again = Effect.gen(function* () {
          const { options, status, ...job } = yield* held(jobId)
          const failed = jobPhase[status] === "failed"
          if (job.attempt === attempt && !failed) return Option.none()
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
          return Option.some(job)
        })
        const begun = yield* Transaction.durably(sql, again)
        if (Option.isSome(begun)) yield* JobLines.began(begun.value, attempt, begun.value.failed)
      })

      const renew = ({ edition, job_id: jobId }: JobRow) =>
        Effect.andThen(
          Rows.run(sql`
            UPDATE ticket_jobs SET edition = edition + 1
            WHERE job_id = ${jobId} AND status = 'running' AND edition = ${edition}::int
              AND chases >= ${reminders}::int`),
          row(jobId)
        )

      const reminded = (seen: JobRow) =>
        Rows.run(sql`
          UPDATE ticket_jobs SET chases = chases + 1
          WHERE job_id = ${seen.job_id} AND status = 'running' AND attempt = ${seen.attempt}::int
            AND generated = ${seen.generated}::int AND failed = ${seen.failed}::int`)

      const heard = (jobId: string) =>
        Rows.run(sql`
          UPDATE ticket_jobs SET chases = 0, news_at = now() WHERE job_id = ${jobId} AND status = 'running'`)

      return {
        create,
        row,
        view,
        begin,
        cancel,
        retry,
        renew,
        reminded,
        heard,
        ...items,
        ...JobReports.make(sql, feeds)
      }
    })
  )
}
