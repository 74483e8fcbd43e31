/** Before the suite: migrated databases for every file to copy. After it: nothing is left of the run. */
import { Effect, Redacted, Schema } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Database from "../../src/database/Database.ts"
import { openEmbedded } from "../../src/database/EmbeddedDatabase.ts"
import * as Migrations from "../../src/database/Migrations.ts"
import { administer, redisUrl, runPrefix, serverUrl, urlOf } from "./TestDatabase.ts"

const makeSnapshot = (path: string) =>
  Effect.gen(function* () {
    const database = yield* openEmbedded({ dataDir: "memory" })
    yield* Effect.scoped(Effect.gen(function* () {
      const client = yield* Database.fromPglite(database)
      yield* Effect.provideService(Migrations.run, SqlClient.SqlClient, client)
    }))
    const dump = yield* Effect.promise(() => database.dumpDataDir("none"))
    Fs.writeFileSync(path, Buffer.from(yield* Effect.promise(() => dump.arrayBuffer())))
  }).pipe(Effect.scoped, Effect.provide(Reactivity.layer))

const makeTemplate = (server: string) =>
  Effect.gen(function* () {
    const name = `${runPrefix()}_template`
    yield* administer(server, `CREATE DATABASE ${name} TEMPLATE template0`)
    yield* Effect.provide(Migrations.run, Database.layerPostgres({ url: Redacted.make(urlOf(server, name)) }))
  })

const Names = Schema.Array(Schema.Struct({ datname: Schema.String }))

const dropAll = (server: string) =>
  Effect.gen(function* () {
    const prefix = runPrefix().replaceAll("_", "\\_")
    const rows = yield* administer(
      server,
      `SELECT datname FROM pg_database WHERE datname LIKE '${prefix}\\_%'`
    )
    const names = yield* Schema.decodeUnknownEffect(Names)(rows)
    yield* Effect.forEach(names, ({ datname }) => administer(server, `DROP DATABASE ${datname} WITH (FORCE)`))
  })

/** Run once by vitest, in its main process; the workers inherit the environment it leaves. */
export default async function setup(): Promise<() => Promise<void>> {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "guichet-test-"))
  process.env.GUICHET_TEST_RUN = `guichet_test_${process.pid}_${Date.now().toString(36)}`
  process.env.GUICHET_TEST_SNAPSHOT = Path.join(directory, "snapshot.tar")
  if (serverUrl === undefined) process.stdout.write("skipped: DATABASE_URL_TEST is not set\n")
  if (redisUrl === undefined) process.stdout.write("skipped: REDIS_URL_TEST is not set\n")
  await import("../../web/build.ts")
  await Effect.runPromise(makeSnapshot(process.env.GUICHET_TEST_SNAPSHOT))
  if (serverUrl !== undefined) await Effect.runPromise(makeTemplate(serverUrl))
  return async () => {
    Fs.rmSync(directory, { recursive: true, force: true })
    if (serverUrl !== undefined) await Effect.runPromise(dropAll(serverUrl))
  }
}
