/** Storage: PostgreSQL when `DATABASE_URL` is set, PGlite in this process otherwise, one client for both. */
import { PgClient } from "@effect/sql-pg"
import type { PGlite } from "@electric-sql/pglite"
import { Config, Context, Effect, Layer, Option, Redacted, Schema, type Scope } from "effect"
import type { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import * as Path from "node:path"
import { DatabaseError } from "./DatabaseError.ts"
import { type EmbeddedOptions, openEmbedded } from "./EmbeddedDatabase.ts"
import { PgliteStream } from "./PgliteStream.ts"
import * as SqlMetrics from "../telemetry/metrics/SqlMetrics.ts"
import { SqlTypes } from "./SqlTypes.ts"

/** How many connections to PostgreSQL: what listens holds one, work needs the rest. The locks of shards have one beside them. */
export const poolSize: Config.Config<number> = Config.withDefault(
  Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 3, maximum: 1_000 })), "DATABASE_POOL"),
  10
)

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

/**
 * So many texts each connection keeps prepared. A flow asks some 110 in turn: with fewer places than that each one was
 * put out before it came again. Effect's queues add two of their own to each chunk and each webhook, never seen again.
 */
const preparedTexts = 256

/** A pool on a PostgreSQL server. Statements are never multiplexed: workflows hang on such a client. */
export const layerPostgres = (
  options: { readonly url: Redacted.Redacted; readonly maxConnections?: number | undefined }
): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, SqlError> =>
  PgClient.layer({
    ...session,
    url: options.url,
    maxConnections: options.maxConnections ?? 10,
    preparedStatementCacheSize: preparedTexts,
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

/** The words of a server that does not let us in: its place and the reason, never the password. */
const serverAway = (url: Redacted.Redacted, { reason }: SqlError): DatabaseError => {
  const { host, pathname } = new URL(Redacted.value(url))
  const { cause } = reason
  const why = cause instanceof Error
    ? "code" in cause && typeof cause.code === "string" ? cause.code : cause.message
    : reason._tag
  return new DatabaseError({
    message: reason._tag === "AuthenticationError"
      ? `PostgreSQL at ${host} refuses the user or the password of DATABASE_URL.`
      : `PostgreSQL at ${host} does not open ${
        pathname.slice(1)
      } (${why}): start it, or correct DATABASE_URL.`,
    cause: reason
  })
}

const unopened = (
  error: DatabaseError
): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, DatabaseError> =>
  Layer.effectContext(Effect.fail(error))

/** A pool connects when it is first asked: this asks. */
const reached = Layer.effectDiscard(
  Effect.scoped(Effect.flatMap(SqlClient.SqlClient, (sql) => sql.reserve))
)

/** Every statement is measured. */
const measured = (connections: number) =>
  Layer.effectDiscard(Effect.map(SqlClient.SqlClient, (sql) => {
    SqlMetrics.poolHas(connections)
    return SqlMetrics.measure(sql)
  }))

/** The database that the environment chooses: `DATABASE_URL` (`DATABASE_POOL`, 10) or `GUICHET_DATA`. */
export const layer: Layer.Layer<
  PgClient.PgClient | SqlClient.SqlClient,
  Config.ConfigError | SqlError | DatabaseError
> = Layer.unwrap(Effect.gen(function* () {
  const server = yield* url
  if (Option.isSome(server)) {
    const serverUrl = server.value
    if (!/^postgres(ql)?:\/\//.test(Redacted.value(serverUrl)) || !URL.canParse(Redacted.value(serverUrl))) {
      return yield* new DatabaseError({
        message: "DATABASE_URL is not an address such as postgres://user:password@db.example:5432/guichet."
      })
    }
    const maxConnections = yield* poolSize
    return Layer.merge(reached, measured(maxConnections)).pipe(
      Layer.provideMerge(layerPostgres({ url: serverUrl, maxConnections })),
      Layer.catchTag("SqlError", (error) => unopened(serverAway(serverUrl, error)))
    )
  }
  return Layer.provideMerge(
    measured(1),
    layerEmbedded({ dataDir: (yield* ThrowAway) ? "memory" : Path.join(yield* dataDirectory, "data") })
  )
}))

/** Whether the client is the embedded database, which has one session and no other process beside it. */
export const isEmbedded: Effect.Effect<boolean, never, SqlClient.SqlClient> = Effect.map(
  SqlClient.SqlClient,
  (sql) => sql.driver === "pglite"
)

/** Whether the caller is within a transaction of this client. */
export const isInTransaction = ({ transactionService }: SqlClient.SqlClient): Effect.Effect<boolean> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.succeed(context.mapUnsafe.has(transactionService.key))
  )
