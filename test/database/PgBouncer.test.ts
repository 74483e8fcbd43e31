/**
 * Behind a real PgBouncer: in session mode everything works, in transaction mode doctor, migrate and start say so in one
 * sentence. Guards whose removal turns this file red: the check of sessions, that a migration asks it too.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as Database from "../../src/database/Database.ts"
import { checkServer } from "../../src/database/ServerChecks.ts"
import { startProgram } from "../support/ChildProgram.ts"
import { hasPgBouncer, ownPgBouncer } from "../support/OwnPgBouncer.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const checked = (url: string) =>
  checkServer.pipe(
    Effect.provide(Layer.fresh(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 3 })))
  )

describe.skipIf(!hasPgBouncer())("PgBouncer", () => {
  it.live("in session mode is as the server itself", () =>
    Effect.gen(function* () {
      yield* checked(yield* ownPgBouncer("session", yield* TestDatabase.freshUrl()))
    }).pipe(Effect.scoped))

  it.live("in transaction mode is refused by the start and by a migration", () =>
    Effect.gen(function* () {
      const url = yield* ownPgBouncer("transaction", yield* TestDatabase.freshUrl())
      const refusal = yield* Effect.flip(checked(url))
      assert.include(refusal.message, "DATABASE_URL leads to a pooler in transaction mode")
      const migration = yield* startProgram("src/main.ts", ["migrate"], { DATABASE_URL: url })
      assert.strictEqual(yield* migration.exit, 1)
      const said = migration.lines.join("\n")
      assert.include(said, "guichet: DATABASE_URL leads to a pooler in transaction mode")
      assert.notMatch(said, /^ {4}at /m)
    }).pipe(Effect.scoped))
})
