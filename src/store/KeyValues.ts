/** The small tables of the payment service: one key-value store in SQL. */
import { Effect, Layer } from "effect"
import { KeyValueStore } from "effect/persistence"
import { SqlClient } from "effect/sql"

const table = "guichet_key_values"

/** PostgreSQL fails one of two processes that create the same table at the same moment: here they take turns. */
const made = Layer.effectDiscard(Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.withTransaction(Effect.andThen(
    sql`SELECT pg_advisory_xact_lock(hashtext(${table}))`,
    sql`
      CREATE TABLE IF NOT EXISTS ${
      sql(table)
    } (id text PRIMARY KEY, value bytea NOT NULL, value_type smallint NOT NULL)`
  ))
}))

/** The store over the process's database; the table is made when it is missing. */
export const layer = KeyValueStore.layerSql({ table }).pipe(Layer.provide(made))
