/** Generation jobs and their items: which ticket is in which chunk, how far each is, and how it ended. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { GeneratedTicket } from "../../rpc/Ticket.ts"
import { JobNotFound, JobOptions, JobStatus, type JobView, Priority } from "../../rpc/TicketJob.ts"
import * as Rows from "./Rows.ts"

/** How many tickets the generator is given at once. */
export const chunkSize = 100

/** A job to store; the same id twice is one job. */
export interface NewJob {
  readonly jobId: string
  readonly eventId: number
  readonly owner: string
  readonly flowId: string | null
  readonly options: JobOptions
  readonly ticketIds: ReadonlyArray<number>
}

/** A job without its items. */
export const JobRow = Schema.Struct({
  job_id: Schema.String,
  event_id: Schema.Int,
  owner: Schema.String,
  flow_id: Schema.NullOr(Schema.String),
  status: JobStatus,
  priority: Priority,
  options: JobOptions,
  total: Schema.Int,
  error: Schema.NullOr(Schema.String),
  created_at: Rows.At,
  finished_at: Rows.AtOrNull
})
export type JobRow = typeof JobRow.Type

const ItemRow = Schema.Struct({
  ticket_id: Schema.Int,
  status: Schema.Literals(["queued", "generated", "failed"]),
  reason: Schema.NullOr(Schema.String)
})
const CountRow = Schema.Struct({ total: Schema.Int, generated: Schema.Int, failed: Schema.Int })
const IdRow = Schema.Struct({ ticket_id: Schema.Int })
const ChunkRow = Schema.Struct({ chunk: Schema.Int })
const JobIdRow = Schema.Struct({ job_id: Schema.String })

/** Where a job stands after a report; `applied` are the tickets that this report decided. */
export interface Applied {
  readonly total: number
  readonly generated: number
  readonly failed: number
  readonly done: boolean
  readonly applied: ReadonlyArray<number>
}

/** Jobs in SQL. An item is decided once, and so is the end of a job, whoever reports and however often. */
export class JobStore extends Context.Service<JobStore, {
  readonly create: (job: NewJob) => Effect.Effect<void>
  readonly row: (jobId: string) => Effect.Effect<JobRow, JobNotFound>
  readonly view: (jobId: string) => Effect.Effect<JobView & { readonly owner: string }, JobNotFound>
  /** Marks a queued job running. */
  readonly begin: (jobId: string) => Effect.Effect<JobRow, JobNotFound>
  /** The chunks of which something is still to be generated. */
  readonly waitingChunks: (jobId: string) => Effect.Effect<ReadonlyArray<number>>
  /** The tickets of a chunk that are still to be generated. */
  readonly chunk: (jobId: string, chunk: number) => Effect.Effect<ReadonlyArray<number>>
  readonly applyBatch: (
    jobId: string,
    tickets: ReadonlyArray<GeneratedTicket>
  ) => Effect.Effect<Applied, JobNotFound>
  /** Ends the job when nothing waits any more; answers an ended job until its end was announced. */
  readonly end: (jobId: string) => Effect.Effect<Option.Option<JobRow>>
  readonly announced: (jobId: string) => Effect.Effect<void>
  /** The running jobs that wait for this ticket. */
  readonly waitingFor: (ticketId: number) => Effect.Effect<ReadonlyArray<string>>
}>()("guichet/store/JobStore") {
  static readonly layer: Layer.Layer<JobStore, never, SqlClient.SqlClient> = Layer.effect(
    JobStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns =
        sql`job_id, event_id, owner, flow_id, status, priority, options, total, error, created_at,
          finished_at`

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
          SELECT job.job_id, item.value::bigint, (item.position - 1) / ${chunkSize}::int
          FROM job, jsonb_array_elements(${JSON.stringify(job.ticketIds)}::jsonb) WITH ORDINALITY
            AS item (value, position)`)

      const row = Effect.fn("JobStore.row")(function* (jobId: string) {
        const found = yield* Rows.first(JobRow)(
          sql`SELECT ${columns} FROM ticket_jobs WHERE job_id = ${jobId}`
        )
        return Option.isSome(found) ? found.value : yield* new JobNotFound({ job_id: jobId })
      })

      const view = Effect.fn("JobStore.view")(function* (jobId: string) {
        const { options: _, ...job } = yield* row(jobId)
        const tickets = yield* Rows.all(ItemRow)(sql`
          SELECT ticket_id, status, reason FROM ticket_job_items WHERE job_id = ${jobId} ORDER BY ticket_id`)
        const count = (status: string) => tickets.filter((ticket) => ticket.status === status).length
        return { ...job, generated: count("generated"), failed: count("failed"), tickets }
      })

      const begin = (jobId: string) =>
        Effect.andThen(
          Rows.run(sql`
            UPDATE ticket_jobs SET status = 'running', started_at = now()
            WHERE job_id = ${jobId} AND status = 'queued'`),
          row(jobId)
        )

      const waitingChunks = (jobId: string) =>
        Effect.map(
          Rows.all(ChunkRow)(sql`
            SELECT DISTINCT chunk FROM ticket_job_items
            WHERE job_id = ${jobId} AND status = 'queued' ORDER BY chunk`),
          (rows) => rows.map(({ chunk }) => chunk)
        )

      const chunk = (jobId: string, chunk: number) =>
        Effect.map(
          Rows.all(IdRow)(sql`
            SELECT ticket_id FROM ticket_job_items
            WHERE job_id = ${jobId} AND chunk = ${chunk}::int AND status = 'queued' ORDER BY ticket_id`),
          (rows) => rows.map(({ ticket_id }) => ticket_id)
        )

      const counts = (jobId: string) =>
        Rows.first(CountRow)(sql`
          SELECT j.total, count(*) FILTER (WHERE i.status = 'generated') AS generated,
            count(*) FILTER (WHERE i.status = 'failed') AS failed
          FROM ticket_jobs j JOIN ticket_job_items i USING (job_id)
          WHERE j.job_id = ${jobId} GROUP BY j.total`)

      const applyBatch: JobStore["Service"]["applyBatch"] = Effect.fn("JobStore.applyBatch")(
        function* (jobId, tickets) {
          const reports = tickets.map(({ ticketId, status, reason }) => ({ ticketId, status, reason }))
          const applied = yield* Rows.all(IdRow)(sql`
            UPDATE ticket_job_items i SET status = r.status, reason = r.reason, updated_at = now()
            FROM jsonb_to_recordset(${
            JSON.stringify(reports)
          }::jsonb) AS r ("ticketId" bigint, status text, reason text)
            WHERE i.job_id = ${jobId} AND i.ticket_id = r."ticketId" AND i.status = 'queued'
            RETURNING i.ticket_id`)
          const found = yield* counts(jobId)
          if (Option.isNone(found)) return yield* new JobNotFound({ job_id: jobId })
          const { total, generated, failed } = found.value
          return {
            ...found.value,
            done: generated + failed === total,
            applied: applied.map((row) => row.ticket_id)
          }
        }
      )

      const end = Effect.fn("JobStore.end")(function* (jobId: string) {
        yield* Rows.run(sql`
          UPDATE ticket_jobs j SET finished_at = now(),
            status = CASE WHEN c.failed = 0 THEN 'completed' WHEN c.generated = 0 THEN 'failed'
                          ELSE 'partially_failed' END,
            error = CASE WHEN c.generated = 0 THEN c.reason END
          FROM (
            SELECT count(*) FILTER (WHERE status = 'queued') AS queued, min(reason) AS reason,
              count(*) FILTER (WHERE status = 'generated') AS generated,
              count(*) FILTER (WHERE status = 'failed') AS failed
            FROM ticket_job_items WHERE job_id = ${jobId}
          ) c
          WHERE j.job_id = ${jobId} AND j.status IN ('queued', 'running') AND c.queued = 0`)
        return yield* Rows.first(JobRow)(sql`
          SELECT ${columns} FROM ticket_jobs
          WHERE job_id = ${jobId} AND finished_at IS NOT NULL AND announced_at IS NULL`)
      })

      const announced = (jobId: string) =>
        Rows.run(
          sql`UPDATE ticket_jobs SET announced_at = now() WHERE job_id = ${jobId} AND announced_at IS NULL`
        )

      const waitingFor = (ticketId: number) =>
        Effect.map(
          Rows.all(JobIdRow)(sql`
            SELECT job_id FROM ticket_job_items i JOIN ticket_jobs j USING (job_id)
            WHERE i.ticket_id = ${ticketId} AND i.status = 'queued' AND j.status IN ('queued', 'running')
            ORDER BY job_id`),
          (rows) => rows.map(({ job_id }) => job_id)
        )

      return { create, row, view, begin, waitingChunks, chunk, applyBatch, end, announced, waitingFor }
    })
  )
}
