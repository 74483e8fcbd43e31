/** A migrated database for one test file, on PostgreSQL or embedded as the environment chooses. */
import type { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import * as Database from "../../src/database/Database.ts"

/** The PostgreSQL server that tests may make databases on (`DATABASE_URL_TEST`), or none. */
export const serverUrl: string | undefined = process.env.DATABASE_URL_TEST || undefined

/** The Redis server for tests (`REDIS_URL_TEST`), or none. */
export const redisUrl: string | undefined = process.env.REDIS_URL_TEST || undefined

/** The run's own prefix of database names: the end of the run drops whatever still has it. */
export const runPrefix = (): string => process.env.GUICHET_TEST_RUN ?? `guichet_test_${process.pid}`

/** The server's address with another database in it. */
export const urlOf = (server: string, database: string): string => {
  const address = new URL(server)
  address.pathname = `/${database}`
  return address.href
}

/** One statement on the server's own database, over a connection of its own. */
export const administer = (server: string, statement: string): Effect.Effect<ReadonlyArray<unknown>> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
    Effect.provide(Database.layerPostgres({ url: Redacted.make(server), maxConnections: 1 })),
    Effect.orDie
  )

const requireServer: Effect.Effect<string> = Effect.suspend(() =>
  serverUrl === undefined ? Effect.die(new Error("DATABASE_URL_TEST is not set")) : Effect.succeed(serverUrl)
)

/**
 * The URL of a new PostgreSQL database, dropped when the scope closes: migrated, or `"empty"`. For tests
 * that start whole processes; guard them with `describe.skipIf(serverUrl === undefined)`.
 */
export const freshUrl = (
  content: "migrated" | "empty" = "migrated"
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* requireServer
    const name = `${runPrefix()}_${randomUUID().slice(0, 8)}`
    const source = content === "migrated" ? `${runPrefix()}_template` : "template0"
    yield* Effect.acquireRelease(
      administer(server, `CREATE DATABASE ${name} TEMPLATE ${source}`),
      () => administer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    )
    return urlOf(server, name)
  })

/** A new PostgreSQL database and a client of it. */
export const layerPostgres: Layer.Layer<PgClient.PgClient | SqlClient.SqlClient> = Layer.unwrap(
  Effect.map(freshUrl(), (url) => Layer.orDie(Database.layerPostgres({ url: Redacted.make(url) })))
)

/** The dump of a migrated embedded database, made before the suite. */
export const snapshotPath = (): string => {
  const path = process.env.GUICHET_TEST_SNAPSHOT
  if (path !== undefined) return path
  throw new Error("GUICHET_TEST_SNAPSHOT is not set: run the tests with vitest.config.ts")
}

/** A new embedded database in memory. */
export const layerEmbedded: Layer.Layer<PgClient.PgClient | SqlClient.SqlClient> = Layer.unwrap(
  Effect.sync(() =>
    Layer.orDie(
      Database.layerEmbedded({ dataDir: "memory", snapshot: new Blob([Fs.readFileSync(snapshotPath())]) })
    )
  )
)

/** A new migrated database: PostgreSQL when `DATABASE_URL_TEST` is set, embedded otherwise. */
export const layer: Layer.Layer<PgClient.PgClient | SqlClient.SqlClient> = serverUrl === undefined
  ? layerEmbedded
  : layerPostgres
