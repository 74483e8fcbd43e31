/**
 * A server on which Guichet cannot work is refused at the start, in a sentence that says what to do.
 * Guards whose removal turns this file red: each refusal, the lock that a second connection must not be given, the session
 * that must stay the same.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlConnection } from "effect/sql"
import { randomUUID } from "node:crypto"
import { checkServer, checkSessions } from "../../src/database/ServerChecks.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const sessions = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return [yield* sql.reserve, yield* sql.reserve] as const
})

/** As a pooler in transaction mode: each statement goes to one of these, in turn. */
const inTurn = (connections: ReadonlyArray<SqlConnection.Connection>): SqlConnection.Connection => {
  let nth = 0
  return {
    ...connections[0]!,
    executeUnprepared: (...args) => connections[nth++ % connections.length]!.executeUnprepared(...args)
  }
}

/** What is said when the sessions of one role begin with this setting. */
const refusedWith = Effect.fnUntraced(function* (...settings: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const [a, b] = yield* sessions
  const both = (statements: ReadonlyArray<string>) =>
    Effect.forEach(
      [a, b],
      (one) => Effect.forEach(statements, (statement) => one.executeUnprepared(statement, [], undefined))
    )
  yield* both(settings)
  const reserved = [a, b]
  const client = Object.assign(Object.create(sql), { reserve: Effect.sync(() => reserved.shift()) })
  const error = yield* Effect.flip(Effect.provideService(checkServer, SqlClient.SqlClient, client))
  yield* both(["RESET ROLE", "RESET ALL"])
  return error.message
})

describe.skipIf(TestDatabase.serverUrl === undefined)("a PostgreSQL server", () => {
  layer(TestDatabase.layer, { excludeTestServices: true })((it) => {
    it.effect("that keeps its sessions and takes writes is fit", () => checkServer)

    it.effect("behind a pooler that shares sessions is refused", () =>
      Effect.gen(function* () {
        const [a, b] = yield* sessions
        const same = yield* Effect.flip(checkSessions(a, a))
        assert.include(same.message, "a pooler in transaction mode")
        const swapped = yield* Effect.flip(checkSessions(inTurn([a, b]), b))
        assert.include(swapped.message, "a pooler in transaction mode")
      }).pipe(Effect.scoped))

    it.effect("that is read-only or has no schema is refused", () =>
      Effect.gen(function* () {
        assert.include(yield* refusedWith("SET default_transaction_read_only = on"), "is read-only")
        assert.include(yield* refusedWith("SET search_path = nowhere"), "search_path")
      }).pipe(Effect.scoped))

    it.effect("whose role may not create tables is refused", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const role = `guichet_reader_${randomUUID().slice(0, 8)}`
        yield* Effect.acquireRelease(
          Effect.all([sql`CREATE SCHEMA closed`, sql`CREATE ROLE ${sql(role)}`]),
          () => Effect.orDie(Effect.all([sql`DROP SCHEMA closed`, sql`DROP ROLE ${sql(role)}`]))
        )
        yield* sql`GRANT USAGE ON SCHEMA closed TO ${sql(role)}`
        const said = yield* refusedWith("SET search_path = closed", `SET ROLE ${role}`)
        assert.include(said, "may not create tables")
      }).pipe(Effect.scoped))
  })
})
