/** How an attempt of a job ends. An end may turn out better than it was told: then it is to be told again. */
import { Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { JobStatus, openJobs } from "../../../rpc/TicketJob.ts"
import type { FeedStore } from "../flows/FeedStore.ts"
import { columns, feedOfJob, JobRow } from "./JobRows.ts"
import * as Rows from "../Rows.ts"
import * as Transaction from "../Transaction.ts"

const EndRow = Schema.Struct({ status: JobStatus })

/** Part of `JobStore`, which says what each answers. A job's feed is closed as long as its end is announced. */
export const make = (sql: SqlClient.SqlClient, feeds: FeedStore["Service"]) => {
  /** The status of an attempt that so many more reports decide. */
  const outcome = (generated: number, failed: number) =>
    sql`CASE WHEN failed + ${failed}::int = 0 THEN 'completed'
             WHEN generated + ${generated}::int = 0 THEN 'failed' ELSE 'partially_failed' END`

  const end = Effect.fn("JobStore.end")(function* (jobId: string) {
    yield* Rows.run(sql`
      UPDATE ticket_jobs SET finished_at = now(), status = ${outcome(0, 0)},
        error = CASE WHEN generated = 0 THEN (
          SELECT min(reason) FROM ticket_job_items WHERE job_id = ${jobId} AND status = 'failed') END
      WHERE job_id = ${jobId} AND ${sql.in("status", openJobs)} AND generated + failed = total`)
    return yield* Rows.first(JobRow)(sql`
      SELECT ${sql.literal(columns)} FROM ticket_jobs
      WHERE job_id = ${jobId} AND finished_at IS NOT NULL AND announced_at IS NULL`)
  })

  const announced = Effect.fn("JobStore.announced")(function* (told: JobRow) {
    const close = Effect.gen(function* () {
      const announced = yield* Rows.first(EndRow)(sql`
        UPDATE ticket_jobs SET announced_at = now()
        WHERE job_id = ${told.job_id} AND finished_at IS NOT NULL AND announced_at IS NULL
          AND attempt = ${told.attempt}::int AND generated = ${told.generated}::int AND status = ${told.status}
        RETURNING status`)
      if (Option.isSome(announced)) yield* feeds.close(feedOfJob(told.job_id), announced.value)
    })
    yield* Transaction.durably(sql, close)
  })

  return { announced, end, outcome }
}
