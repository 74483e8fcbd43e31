/** Whether the database answers, asked briefly. */
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

/** `answers` is false when the database is away, broken or slower than two seconds. */
export class Ping
  extends Context.Service<Ping, { readonly answers: Effect.Effect<boolean> }>()("guichet/database/Ping") {
  static readonly layer: Layer.Layer<Ping, never, SqlClient.SqlClient> = Layer.effect(
    Ping,
    Effect.map(SqlClient.SqlClient, (sql) =>
      Ping.of({
        answers: sql`SELECT 1`.pipe(
          Effect.timeout("2 seconds"),
          Effect.match({ onFailure: () => false, onSuccess: () => true })
        )
      }))
  )
}
