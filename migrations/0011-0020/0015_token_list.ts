/** Tokens are listed in the order in which they were made, as events, flows and jobs are. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE tokens ADD COLUMN seq bigint`,
  `UPDATE tokens t SET seq = o.seq
    FROM (SELECT token_id, row_number() OVER (ORDER BY created_at, token_id) AS seq FROM tokens) o
    WHERE o.token_id = t.token_id`,
  `ALTER TABLE tokens ALTER COLUMN seq SET NOT NULL, ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY`,
  `SELECT setval(pg_get_serial_sequence('tokens', 'seq'), (SELECT count(*) + 1 FROM tokens), false)`,
  `CREATE UNIQUE INDEX tokens_seq ON tokens (seq)`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
