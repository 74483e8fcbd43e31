/** Files of logos that no style names: stored a moment ago, or replaced. They are swept after a time. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `CREATE TABLE spare_logos (
    file_key text PRIMARY KEY,
    since timestamptz NOT NULL,
    condemned boolean NOT NULL DEFAULT false
  )`,
  `CREATE INDEX spare_logos_since ON spare_logos (since)`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
