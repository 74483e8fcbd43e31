/** What is read of a job's items: which are still to be generated, and whose are done. */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { JobRow } from "./JobRows.ts"
import * as Rows from "./Rows.ts"

const IdRow = Schema.Struct({ ticket_id: Schema.Int })
const ChunkRow = Schema.Struct({ chunk: Schema.Int })
const GuestRow = Schema.Struct({ guest_id: Schema.Int })

/** Part of `JobStore`, which says what each answers. */
export const make = (sql: SqlClient.SqlClient) => {
  const waitingChunks = (jobId: string) =>
    Effect.map(
      Rows.all(ChunkRow)(sql`
        SELECT DISTINCT chunk FROM ticket_job_items
        WHERE job_id = ${jobId} AND status = 'queued' ORDER BY chunk`),
      (rows) => rows.map(({ chunk }) => chunk)
    )

  const ids = (rows: Effect.Effect<ReadonlyArray<typeof IdRow.Type>>) =>
    Effect.map(rows, (found) => found.map((row) => row.ticket_id))

  const chunk = ({ attempt, job_id: jobId }: Pick<JobRow, "job_id" | "attempt">, chunk: number) =>
    ids(
      Rows.all(IdRow)(sql`
      SELECT ticket_id FROM ticket_job_items
      WHERE job_id = ${jobId} AND chunk = ${chunk}::int AND attempt = ${attempt}::int AND status = 'queued'
      ORDER BY ticket_id`)
    )

  const itemsAmong = (jobId: string, ticketIds: ReadonlyArray<number>) =>
    ids(
      Rows.all(IdRow)(sql`
      SELECT ticket_id FROM ticket_job_items
      WHERE job_id = ${jobId} AND ticket_id = ANY(${Rows.bigints(ticketIds)}::bigint[])`)
    )

  const printable = (jobId: string, ticketIds: ReadonlyArray<number>) =>
    ids(
      Rows.all(IdRow)(sql`
      SELECT ticket_id FROM ticket_job_items
      WHERE job_id = ${jobId} AND ticket_id = ANY(${Rows.bigints(ticketIds)}::bigint[]) AND status = 'queued'
      ORDER BY ticket_id`)
    )

  const guests = (jobId: string) =>
    Effect.map(
      Rows.all(GuestRow)(sql`
        SELECT t.guest_id FROM ticket_job_items i JOIN tickets t USING (ticket_id)
        WHERE i.job_id = ${jobId} AND i.status = 'generated' AND t.status <> 'voided' ORDER BY t.guest_id`),
      (rows) => rows.map((row) => row.guest_id)
    )

  return { waitingChunks, chunk, itemsAmong, printable, guests }
}
