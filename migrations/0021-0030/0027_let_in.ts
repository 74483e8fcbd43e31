/**
 * Those who were let in although a rule says no: by a device that decided alone, or by a supervisor. They stand beside
 * `inside` and `entered`, which the rules count. A ticket says how many people are inside on it so, beside the one whom
 * the rules let in; a scan says that it let one of them in or out,
 * and whether a supervisor annulled it.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE gates_occupancy ADD COLUMN let_in integer NOT NULL DEFAULT 0,
    ADD COLUMN let_in_inside integer NOT NULL DEFAULT 0`,
  `ALTER TABLE tickets ADD COLUMN let_in integer NOT NULL DEFAULT 0`,
  `ALTER TABLE scans ADD COLUMN let_in boolean NOT NULL DEFAULT false,
    ADD COLUMN annul_supervised boolean NOT NULL DEFAULT false`,
  `CREATE INDEX scans_let_in ON scans (ticket_id, received_at) WHERE let_in`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
