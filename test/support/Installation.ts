/** An installation that outlives its processes: a data directory, a database, secrets and a token. */
import { Effect, Layer, Redacted, type Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Database from "../../src/database/Database.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import documented from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { freePortVariables, temporaryDirectory } from "./Served.ts"
import { secrets } from "./TestApp.ts"
import * as TestDatabase from "./TestDatabase.ts"
import { noLimits } from "./Unlimited.ts"

/** What every start of it is given, and how a test looks inside while no process runs. */
export interface Installation {
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
  readonly database: Layer.Layer<SqlClient.SqlClient>
  /** An admin's token; on the embedded database it is there after the first start. */
  readonly token: Effect.Effect<string>
}

/** A data directory that nothing was started in yet. */
export const empty: Effect.Effect<Installation, never, Scope.Scope> = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  return {
    directory,
    env: { ...(yield* freePortVariables), ...noLimits, GUICHET_DATA: directory, DATABASE_URL: "" },
    database: Layer.orDie(Database.layerEmbedded({ dataDir: Path.join(directory, "data") })),
    token: Effect.sync(() => Fs.readFileSync(Path.join(directory, "secrets/admin-token"), "utf8").trim())
  }
})

/** The migrated database in the data directory: its first start costs no more than any other. */
export const embedded: Effect.Effect<Installation, never, Scope.Scope> = Effect.tap(
  empty,
  ({ directory }) =>
    Effect.sync(() => {
      const data = Path.join(directory, "data")
      Fs.mkdirSync(data, { mode: 0o700 })
      execFileSync("tar", ["-xf", TestDatabase.snapshotPath(), "-C", data], { stdio: "ignore" })
    })
)

/** A database of its own on the tests' PostgreSQL server. */
export const postgres: Effect.Effect<Installation, never, Scope.Scope> = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const url = yield* TestDatabase.freshUrl("migrated")
  const database = Layer.orDie(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 2 }))
  const made = yield* TokenStore.pipe(
    Effect.flatMap((tokens) => tokens.create({ role: "admin", subject: "admin" })),
    Effect.provide(Layer.provide(TokenStore.layer, database)),
    Effect.orDie
  )
  return {
    directory,
    env: {
      ...(yield* freePortVariables),
      ...noLimits,
      ...secrets(),
      GUICHET_DATA: directory,
      DATABASE_URL: url
    },
    database,
    token: Effect.succeed(Redacted.value(made.token))
  }
})

const monthAhead = () => new Date(Date.now() + 30 * 86_400_000).toISOString()

/** The documented flow for another event, a month ahead so that its reminders are still to come. */
export const flowBody = (eventId: number) => ({
  ...documented,
  event_data: { ...documented.event_data, event_id: eventId, date: monthAhead() }
})

/** How many guests a flow of `flowBody` has. */
export const guestCount = documented.guests.length
