/**
 * Which process last took the lock of a shard of the cluster. A runner whose session of locks was lost takes them again;
 * a shard that is still its own here was in nobody's hands in between.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.flatMap(
  SqlClient.SqlClient,
  (sql) =>
    sql`CREATE TABLE shard_owners (
      shard_id text PRIMARY KEY,
      owner text NOT NULL,
      taken_at timestamptz NOT NULL DEFAULT now()
    )`
)
