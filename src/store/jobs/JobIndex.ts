/** Which generation jobs there are: in pages, by ticket, and those that are late. */
import { Context, Duration, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { EventNumber, FlowId } from "../../../rpc/values/Ids.ts"
import { JobStatus, openJobs, Priority } from "../../../rpc/TicketJob.ts"
import { columns, JobRow } from "./JobRows.ts"
import * as KeysetPage from "../KeysetPage.ts"
import * as BodyDeduplication from "../BodyDeduplication.ts"
import * as Rows from "../Rows.ts"

/** What the list of jobs may be filtered by. */
export const JobFilters = {
  event_id: Schema.optionalKey(EventNumber),
  status: Schema.optionalKey(JobStatus),
  priority: Schema.optionalKey(Priority),
  flow_id: Schema.optionalKey(FlowId)
}
type JobFilters = Schema.Struct<typeof JobFilters>["Type"]

/** `quiet` without news and a job is late; `giveUp` and it is silent. */
export interface Patience {
  readonly quiet: Duration.Duration
  readonly giveUp: Duration.Duration
}

const LateRow = Schema.Struct({ job_id: Schema.String, silent: Schema.Boolean })
/** A job that is late. */
export type LateRow = typeof LateRow.Type

const IdRow = Schema.Struct({ job_id: Schema.String })

const seconds = (duration: Duration.Duration) => Duration.toMillis(duration) / 1000

export class JobIndex extends Context.Service<JobIndex, {
  readonly page: KeysetPage.Read<JobFilters, JobRow>
  /**
   * The job that a body is for: a repeat is the same job until that has ended, and for a minute after it was asked for,
   * since whoever missed the answer asks again; afterwards the tickets are rendered anew. Whoever canceled it had the
   * answer.
   */
  readonly current: (first: string) => Effect.Effect<string>
  /**
   * The jobs that a report of one ticket is for: those that wait for it and, when it was generated, the ticket's last
   * job if that has it as failed.
   */
  readonly waitingFor: (ticketId: number, generated: boolean) => Effect.Effect<ReadonlyArray<string>>
  /**
   * Takes the late jobs, a hundred at most: those whose end is not announced and that had no news for `quiet`. A job that was
   * taken is late again after `quiet`, doubled with each reminder in vain, up to sixteen times; once it is silent, after
   * `quiet`.
   */
  readonly late: (patience: Patience) => Effect.Effect<ReadonlyArray<LateRow>>
}>()("guichet/store/jobs/JobIndex") {
  static readonly layer: Layer.Layer<JobIndex, never, SqlClient.SqlClient> = Layer.effect(
    JobIndex,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const page = KeysetPage.make<typeof JobRow, JobFilters>(sql, "ticket_jobs", columns, JobRow, {
        event_id: (number) =>
          sql`event_id IN (SELECT n.event_id FROM event_numbers n WHERE n.number = ${number}::bigint)`,
        status: (status) => sql`status = ${status}`,
        priority: (priority) => sql`priority = ${priority}`,
        flow_id: (flowId) => sql`flow_id = ${flowId}`
      })

      const waitingFor = (ticketId: number, generated: boolean) =>
        Effect.map(
          Rows.all(IdRow)(sql`
            SELECT j.job_id FROM ticket_job_items i JOIN ticket_jobs j USING (job_id)
            WHERE i.ticket_id = ${ticketId} AND (
              (i.status = 'queued' AND ${sql.in("j.status", openJobs)})
              OR (${generated}::boolean AND i.status = 'failed' AND NOT EXISTS (
                SELECT 1 FROM ticket_job_items l JOIN ticket_jobs k USING (job_id)
                WHERE l.ticket_id = ${ticketId} AND k.seq > j.seq)))
            ORDER BY j.seq`),
          (rows) => rows.map(({ job_id }) => job_id)
        )

      const late = ({ giveUp, quiet }: Patience) => {
        const silent = sql`finished_at IS NULL AND news_at < now() - make_interval(secs => ${
          seconds(giveUp)
        }::float8)`
        return Rows.all(LateRow)(sql`
          UPDATE ticket_jobs j SET chased_at = now()
          FROM (
            SELECT job_id FROM ticket_jobs
            WHERE announced_at IS NULL AND greatest(news_at, chased_at) <
              now() - make_interval(secs => ${seconds(quiet)}::float8 *
                CASE WHEN ${silent} THEN 1 ELSE power(2, least(chases, 4)) END)
            ORDER BY news_at LIMIT 100 FOR UPDATE SKIP LOCKED
          ) l
          WHERE j.job_id = l.job_id
          RETURNING j.job_id, ${silent} AS silent`)
      }

      const current = BodyDeduplication.make(sql, {
        table: "ticket_jobs",
        id: "job_id",
        over: sql`(status = 'canceled'
          OR (finished_at IS NOT NULL AND created_at < now() - interval '1 minute'))`
      })

      return { page, current, waitingFor, late }
    })
  )
}
