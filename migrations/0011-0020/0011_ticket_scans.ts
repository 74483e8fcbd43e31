/**
 * A ticket's passages are found without its refusals, however often a stuck scanner or a forger showed it: each scan is
 * in one of the two indexes.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `CREATE INDEX scans_passages ON scans (ticket_id, received_at) WHERE result = 'valid'`,
  `CREATE INDEX scans_refusals ON scans (ticket_id, received_at) WHERE result <> 'valid'`,
  `DROP INDEX scans_ticket`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
