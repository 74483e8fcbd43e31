/** Who steered what: an audit log, and the moment at which a flow was asked to end. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `CREATE TABLE audit_log (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    owner text NOT NULL,
    caller text NOT NULL,
    role text NOT NULL,
    kind text NOT NULL,
    subject_id text NOT NULL
  )`,
  `CREATE INDEX audit_log_owner ON audit_log (owner, seq)`,
  `CREATE INDEX audit_log_subject ON audit_log (subject_id, seq)`,
  `ALTER TABLE flows ADD COLUMN canceled_at timestamptz`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
