/** Whether a feed is closed is told by its own row, under which it is appended to: nothing comes behind its closing event. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE feeds ADD COLUMN closed boolean NOT NULL DEFAULT false`,
  `UPDATE feeds f SET closed = true
    WHERE EXISTS (SELECT 1 FROM feed_events e WHERE e.feed_id = f.feed_id AND e.kind = 'closed')`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
