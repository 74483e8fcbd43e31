/** Events and flows are listed in the order in which they were made, as jobs are; what they are asked by has an index. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

/** Numbers what is there by its age, and what is still to come behind it. */
const numbered = (table: string, id: string) => [
  `ALTER TABLE ${table} ADD COLUMN seq bigint`,
  `UPDATE ${table} t SET seq = o.seq
    FROM (SELECT ${id}, row_number() OVER (ORDER BY created_at, ${id}) AS seq FROM ${table}) o
    WHERE o.${id} = t.${id}`,
  `ALTER TABLE ${table} ALTER COLUMN seq SET NOT NULL, ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY`,
  `SELECT setval(pg_get_serial_sequence('${table}', 'seq'), (SELECT count(*) + 1 FROM ${table}), false)`,
  `CREATE UNIQUE INDEX ${table}_seq ON ${table} (seq)`,
  `CREATE INDEX ${table}_owner ON ${table} (owner, seq)`,
  `CREATE INDEX ${table}_status ON ${table} (status, seq)`
]

const statements = [
  ...numbered("events", "event_id"),
  `CREATE INDEX events_starts ON events (starts_at)`,
  ...numbered("flows", "flow_id"),
  `CREATE INDEX flows_event ON flows (event_id, seq)`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
