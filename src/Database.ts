/** Storage: PostgreSQL when `DATABASE_URL` is set, PGlite in this process otherwise, one client for both. */
import { PgClient } from "@effect/sql-pg"
import type { PGlite } from "@electric-sql/pglite"
import { Config, Context, Effect, Layer, Option, Redacted, type Scope } from "effect"
import type { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import * as Path from "node:path"
import type { DatabaseError } from "./database/DatabaseError.ts"
import { type EmbeddedOptions, openEmbedded } from "./database/EmbeddedDatabase.ts"
import { PgliteStream } from "./database/PgliteStream.ts"
import { SqlTypes } from "./database/SqlTypes.ts"

const session = { types: SqlTypes, applicationName: "guichet", startupParameters: { timezone: "UTC" } }

/** The URL of the PostgreSQL server, or none: the database is embedded. An empty value counts as none. */
export const url: Config.Config<Option.Option<Redacted.Redacted>> = Config.map(
  Config.option(Config.Redacted("DATABASE_URL")),
  Option.filter((value) => Redacted.value(value).trim() !== "")
)

/** The directory of everything Guichet keeps without a server: `GUICHET_DATA`, `.guichet` by default. */
export const dataDirectory: Config.Config<string> = Config.withDefault(
  Config.NonEmptyString("GUICHET_DATA"),
  ".guichet"
)

/** True for a program whose embedded database dies with it, such as `guichet demo`: it is kept in memory. */
export const ThrowAway = Context.Reference<boolean>("guichet/Database/ThrowAway", {
  defaultValue: () => false
})

/** A pool on a PostgreSQL server. Statements are never multiplexed: workflows hang on such a client. */
export const layerPostgres = (
  options: { readonly url: Redacted.Redacted; readonly maxConnections?: number | undefined }
): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, SqlError> =>
  PgClient.layer({
    ...session,
    url: options.url,
    maxConnections: options.maxConnections ?? 10,
    connectTimeout: "5 seconds"
  })

/** A client of an open PGlite; the scope closes the client, not the database. */
export const fromPglite = (
  database: PGlite
): Effect.Effect<PgClient.PgClient, SqlError, Scope.Scope | Reactivity.Reactivity> =>
  PgClient.makeClient({
    ...session,
    ssl: false,
    username: "postgres",
    database: "postgres",
    stream: () => new PgliteStream(database)
  }).pipe(Effect.map((client) => Object.assign(client, { driver: "pglite" })))

/**
 * PGlite in this process, in the directory `dataDir` or in `"memory"`: one session, so that whatever holds
 * a transaction, a stream or a `listen` holds up everybody else.
 */
export const layerEmbedded = (
  options: EmbeddedOptions
): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, SqlError | DatabaseError> =>
  PgClient.layerFrom(Effect.flatMap(openEmbedded(options), fromPglite))

/** The database that the environment chooses: `DATABASE_URL` (`DATABASE_POOL`, 10) or `GUICHET_DATA`. */
export const layer: Layer.Layer<
  PgClient.PgClient | SqlClient.SqlClient,
  Config.ConfigError | SqlError | DatabaseError
> = Layer.unwrap(Effect.gen(function* () {
  const server = yield* url
  if (Option.isSome(server)) {
    const maxConnections = yield* Config.withDefault(Config.Int("DATABASE_POOL"), 10)
    return layerPostgres({ url: server.value, maxConnections })
  }
  return layerEmbedded({ dataDir: (yield* ThrowAway) ? "memory" : Path.join(yield* dataDirectory, "data") })
}))

/** Whether the client is the embedded database, which has one session and no other process beside it. */
export const isEmbedded: Effect.Effect<boolean, never, SqlClient.SqlClient> = Effect.map(
  SqlClient.SqlClient,
  (sql) => sql.driver === "pglite"
)
