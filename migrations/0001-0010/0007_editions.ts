/** Chunks that the generator's queue remembers as done, or gave up, can be queued again: under the ids of a new edition. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`ALTER TABLE ticket_jobs ADD COLUMN edition integer NOT NULL DEFAULT 1`
)
