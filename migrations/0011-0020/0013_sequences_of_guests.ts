/** A guest's sequences are found whether they run or have ended: one that told of a ticket has spoken for it. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `CREATE INDEX notification_sequences_guest ON notification_sequences (event_id, user_id)`,
  `DROP INDEX notification_sequences_live`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
