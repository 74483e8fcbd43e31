/** What is read of a job's items: which are still to be generated, and whose are done. */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { JobRow } from "./JobRows.ts"
import * as Rows from "../Rows.ts"

const IdRow = Schema.Struct({ ticket_id: Schema.Int })
const ChunkRow = Schema.Struct({ chunk: Schema.Int })
const GuestRow = Schema.Struct({ guest_id: Schema.Int })

/** Part of `JobStore`, which says what each answers. */
export const make = (sql: SqlClient.SqlClient) => {
  const waiting = (jobId: string) =>
    sql`SELECT DISTINCT chunk FROM ticket_job_items
        WHERE job_id = ${jobId} AND status = 'queued' ORDER BY chunk`

  const waitingChunks = (jobId: string) =>
    Effect.map(Rows.all(ChunkRow)(waiting(jobId)), (rows) => rows.map(({ chunk }) => chunk))

  const ids = (rows: Effect.Effect<ReadonlyArray<typeof IdRow.Type>>) =>
    Effect.map(rows, (found) => found.map((row) => row.ticket_id))

  const chunk = ({ attempt, job_id: jobId }: Pick<JobRow, "job_id" | "attempt">, chunk: number) =>
    ids(
      Rows.all(IdRow)(sql`
      SELECT ticket_id FROM ticket_job_items
      WHERE job_id = ${jobId} AND chunk = ${chunk}::int AND attempt = ${attempt}::int AND status = 'queued'
      ORDER BY ticket_id`)
    )

  /** `OFFSET 0` has each ticket looked up by its key, however large the job and however old the statistics. */
  const items = (jobId: string, among: ReadonlyArray<number> | undefined) =>
    among === undefined
      ? sql`(SELECT ticket_id, status FROM ticket_job_items WHERE job_id = ${jobId}) i`
      : sql`jsonb_array_elements(${JSON.stringify(among)}::jsonb) AS asked (id)
        CROSS JOIN LATERAL (
          SELECT ticket_id, status FROM ticket_job_items
          WHERE job_id = ${jobId} AND ticket_id = asked.id::bigint OFFSET 0
        ) i`

  const guests = (jobId: string, among?: ReadonlyArray<number>) =>
    Effect.map(
      Rows.all(GuestRow)(sql`
        SELECT t.guest_id FROM ${items(jobId, among)} JOIN tickets t USING (ticket_id)
        WHERE i.status = 'generated' AND t.status <> 'voided' ORDER BY t.guest_id`),
      (rows) => rows.map((row) => row.guest_id)
    )

  return { waiting, waitingChunks, chunk, guests }
}
