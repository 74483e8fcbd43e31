/** Migrations apply once, whoever runs them, and a wrong schema is refused in a sentence. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Migrator, SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import { basename } from "node:path"
import * as Database from "../../src/database/Database.ts"
import * as Migrations from "../../src/database/Migrations.ts"
import * as TestDatabase from "../support/TestDatabase.ts"
import { numbered } from "../support/EventIds.ts"

const emptyDatabase = Database.layerEmbedded({ dataDir: "memory" })

describe("the migrations", () => {
  it.effect("are all known to the loader", () =>
    Effect.gen(function* () {
      const files = Fs.readdirSync(new URL("../../migrations", import.meta.url), { recursive: true })
        .map((path) => basename(String(path))).filter((file) => file.endsWith(".ts"))
      const known = (yield* Migrations.loader).map(([id, name]) =>
        `${String(id).padStart(4, "0")}_${name}.ts`
      )
      assert.deepStrictEqual(known, files.sort())
    }))

  it.effect("bring an empty database to what the check wants", () =>
    Effect.gen(function* () {
      const before = yield* Effect.flip(Migrations.check)
      assert.strictEqual(before._tag, "SchemaMismatch")
      assert.include(before.message, `run "guichet migrate"`)
      assert.isNotEmpty(yield* Migrations.run)
      yield* Migrations.check
      assert.isEmpty(yield* Migrations.run)
    }).pipe(Effect.provide(emptyDatabase)))

  it.effect("list what an older version made by its age, and what is made since behind it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const older = Effect.map(
        Migrations.loader,
        (all) => all.slice(0, all.findIndex(([, name]) => name === "lists"))
      )
      yield* Migrator.make({})({ loader: older, table: "guichet_migrations" })
      const event = (id: number, age: string) =>
        sql`INSERT INTO events (event_id, owner, title, starts_at, timezone, location, max_attendees, status, created_at)
            VALUES (${id}, 'alice', 'Gala', now(), 'UTC', 'Lyon', 1, 'active', now() - ${age}::interval)`
      yield* event(1, "1 hour")
      yield* event(2, "3 hours")
      yield* event(3, "2 hours")
      yield* Migrations.run
      yield* numbered("alice", 4)
      yield* event(4, "4 hours")
      const rows = yield* sql`SELECT event_id::int AS id, seq::int FROM events ORDER BY seq`
      assert.deepStrictEqual(rows, [2, 3, 1, 4].map((id, at) => ({ id, seq: at + 1 })))
    }).pipe(Effect.provide(emptyDatabase)))

  it.effect("are refused when the database is ahead of this version", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`INSERT INTO guichet_migrations ${sql.insert({ migration_id: 9999, name: "later" })}`
      const error = yield* Effect.flip(Migrations.check)
      assert.strictEqual(error._tag, "SchemaMismatch")
      assert.include(error.message, "newer than")
    }).pipe(Effect.provide(TestDatabase.layer)))

  it.effect.skipIf(TestDatabase.serverUrl === undefined)(
    "apply once when several processes migrate at once",
    () =>
      Effect.gen(function* () {
        const url = Redacted.make(yield* TestDatabase.freshUrl("empty"))
        const runs = yield* Effect.forEach(
          Array.from({ length: 6 }),
          () =>
            Effect.provide(Migrations.run, Database.layerPostgres({ url, maxConnections: 1 }), {
              local: true
            }),
          { concurrency: "unbounded" }
        )
        const all = (yield* Migrations.loader).map(([id]) => id)
        assert.deepStrictEqual(runs.flat().map(([id]) => id), all)
      })
  )
})
