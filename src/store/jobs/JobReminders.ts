/** How often the generator was reminded of a job in vain, and what follows from it. */
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { JobNotFound } from "../../../rpc/TicketJob.ts"
import type { JobRow } from "./JobRows.ts"
import * as Rows from "../Rows.ts"

/** So often in vain are chunks sent again under their own ids: then the generator's queue may hold them as done. */
const reminders = 3

/** Part of `JobStore`, which says what each answers. Any news of a job sets `chases` to 0. */
export const make = (
  sql: SqlClient.SqlClient,
  row: (jobId: string) => Effect.Effect<JobRow, JobNotFound>
) => {
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

  return { renew, reminded, heard }
}
