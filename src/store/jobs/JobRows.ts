/** Generation jobs as they are stored and read. */
import { Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { ItemStatus, JobNotFound, JobOptions, JobStatus, Priority } from "../../../rpc/TicketJob.ts"
import { numberOf } from "../EventNumbers.ts"
import * as Rows from "../Rows.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"

/** A job to store; the same id twice is one job. */
export interface NewJob {
  readonly jobId: string
  readonly eventId: EventId
  readonly owner: string
  readonly flowId: string | null
  readonly options: JobOptions
  readonly ticketIds: ReadonlyArray<number>
}

/** The feed a job's progress is written to. */
export const feedOfJob = (jobId: string): string => `job/${jobId}`

/** The columns of `JobRow`. */
export const columns = `job_id, seq, event_id, ${
  numberOf("ticket_jobs.event_id")
} AS event_number, owner, flow_id, status, priority, options, attempt, edition, total,
   total - generated - failed - canceled AS queued, generated, failed, canceled, error, created_at, started_at,
   finished_at`

/** A job without its items; `seq` grows with every job that is created, `edition` whenever its chunks get new ids. */
export const JobRow = Schema.Struct({
  job_id: Schema.String,
  seq: Schema.Int,
  event_id: EventId,
  event_number: EventNumber,
  owner: Schema.String,
  flow_id: Schema.NullOr(Schema.String),
  status: JobStatus,
  priority: Priority,
  options: JobOptions,
  attempt: Schema.Int,
  edition: Schema.Int,
  total: Schema.Int,
  queued: Schema.Int,
  generated: Schema.Int,
  failed: Schema.Int,
  canceled: Schema.Int,
  error: Schema.NullOr(Schema.String),
  created_at: Rows.At,
  started_at: Rows.AtOrNull,
  finished_at: Rows.AtOrNull
})
export type JobRow = typeof JobRow.Type

/** A job as it is shown: under its event's number. */
export const shownJob = <Row extends Pick<JobRow, "event_id" | "event_number">>(
  { event_number, ...job }: Row
) => ({
  ...job,
  event_id: event_number
})

export const ItemRow = Schema.Struct({
  ticket_id: Schema.Int,
  status: ItemStatus,
  reason: Schema.NullOr(Schema.String)
})

/** Where a job stands after a report; `applied` are the tickets that this report decided. */
export interface Applied {
  readonly job: JobRow
  readonly applied: ReadonlyArray<number>
}

export const appliedTo = (job: JobRow, applied: ReadonlyArray<number>): Applied => ({ job, applied })

/** Reads of one job's row. */
export const reads = (sql: SqlClient.SqlClient) => {
  const all = sql.literal(columns)

  /** The row that a statement answers. */
  const one = <S extends Schema.Codec<unknown, unknown> = typeof JobRow>(
    jobId: string,
    statement: Effect.Effect<ReadonlyArray<unknown>, SqlError>,
    schema?: S
  ) =>
    Effect.flatMap(
      Rows.first((schema ?? JobRow) as S)(statement),
      Option.match({
        onNone: () => Effect.fail(new JobNotFound({ job_id: jobId })),
        onSome: Effect.succeed
      })
    )

  const row = (jobId: string) => one(jobId, sql`SELECT ${all} FROM ticket_jobs WHERE job_id = ${jobId}`)

  /** The row, held until the transaction ends. */
  const held = (jobId: string) =>
    one(jobId, sql`SELECT ${all} FROM ticket_jobs WHERE job_id = ${jobId} FOR UPDATE`)

  return { all, one, row, held }
}
