/**
 * Jobs that are counted as they go, tried again and canceled: counters beside the items, the attempt of each, when a
 * job last had news, and the order in which jobs are listed.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE ticket_jobs
    ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN attempt integer NOT NULL DEFAULT 1,
    ADD COLUMN generated integer NOT NULL DEFAULT 0,
    ADD COLUMN failed integer NOT NULL DEFAULT 0,
    ADD COLUMN canceled integer NOT NULL DEFAULT 0,
    ADD COLUMN news_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN chases integer NOT NULL DEFAULT 0,
    ADD COLUMN chased_at timestamptz`,
  `UPDATE ticket_jobs j SET generated = c.generated, failed = c.failed
    FROM (
      SELECT job_id, count(*) FILTER (WHERE status = 'generated') AS generated,
        count(*) FILTER (WHERE status = 'failed') AS failed
      FROM ticket_job_items GROUP BY job_id
    ) c
    WHERE c.job_id = j.job_id`,
  `ALTER TABLE ticket_job_items ADD COLUMN attempt integer NOT NULL DEFAULT 1`,
  `CREATE INDEX ticket_job_items_chunk ON ticket_job_items (job_id, chunk)`,
  `CREATE UNIQUE INDEX ticket_jobs_seq ON ticket_jobs (seq)`,
  `CREATE INDEX ticket_jobs_owner ON ticket_jobs (owner, seq)`,
  `CREATE INDEX ticket_jobs_event ON ticket_jobs (event_id, seq)`,
  `CREATE INDEX ticket_jobs_flow ON ticket_jobs (flow_id) WHERE flow_id IS NOT NULL`,
  `CREATE INDEX ticket_jobs_open ON ticket_jobs (news_at) WHERE announced_at IS NULL`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
