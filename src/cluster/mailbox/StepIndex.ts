/**
 * An index over what workflows were told and what their steps left in the mailboxes, by execution: the tables are Effect's
 * and have none. The migration makes it in a database that has the tables; whoever makes the tables makes it here.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

const name = "cluster_messages_steps"

/** Two runners that start together must not both make it. */
const lock = 0x67756a0024

/** Fails only as a start without its tables would. */
export const ensure: Effect.Effect<void, never, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const isThere = Effect.map(
    sql<{ there: boolean }>`SELECT to_regclass(${name}) IS NOT NULL AS there`,
    (rows) => rows[0]!.there
  )
  if (yield* isThere) return
  yield* sql.withTransaction(Effect.gen(function* () {
    yield* sql`SELECT pg_advisory_xact_lock(${lock})`
    if (yield* isThere) return
    yield* sql`
      CREATE INDEX cluster_messages_steps ON cluster_messages (entity_id) WHERE tag IN ('activity', 'deferred')`
  }))
}).pipe(Effect.orDie)
