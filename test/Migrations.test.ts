/** Migrations apply once, whoever runs them, and a wrong schema is refused in a sentence. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Database from "../src/Database.ts"
import * as Migrations from "../src/Migrations.ts"
import * as TestDatabase from "./support/TestDatabase.ts"

const emptyDatabase = Database.layerEmbedded({ dataDir: "memory" })

describe("the migrations", () => {
  it.effect("are all known to the loader", () =>
    Effect.gen(function* () {
      const files = Fs.readdirSync(new URL("../migrations", import.meta.url)).filter((file) =>
        file.endsWith(".ts")
      )
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
