/** A durable transaction outlives a lost connection, and nothing else. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { SqlClient } from "effect/sql"
import { durably } from "../../src/store/Transaction.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const record = (webhookId: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql`INSERT INTO payment_events (webhook_id, payment_id, event_type, occurred_at)
      VALUES (${webhookId}, 'pay_1', 'x', now())`
  )

const recorded = (webhookId: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      Effect.map(sql`SELECT 1 FROM payment_events WHERE webhook_id = ${webhookId}`, (rows) => rows.length)
  )

layer(TestDatabase.layer)("a durable transaction", (it) => {
  it.effect("rolls back and passes on the domain's errors", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const error = yield* Effect.flip(
        durably(sql, Effect.andThen(record("wh_domain"), Effect.fail("no" as const)))
      )
      assert.strictEqual(error, "no")
      assert.strictEqual(yield* recorded("wh_domain"), 0)
    }))

  it.effect("dies of a fault that would come again, after one attempt", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      let attempts = 0
      const exit = yield* Effect.exit(durably(
        sql,
        Effect.suspend(() => {
          attempts++
          return sql`SELECT no_such_column`
        })
      ))
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(attempts, 1)
    }))
})

describe.skipIf(TestDatabase.serverUrl === undefined)("a durable transaction on a server", () => {
  it.live("runs again when its connection is lost halfway, and has its effect once", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      let attempts = 0
      yield* durably(
        sql,
        Effect.gen(function* () {
          yield* record("wh_lost")
          if (attempts++ === 0) yield* sql`SELECT pg_terminate_backend(pg_backend_pid())`
        })
      )
      assert.strictEqual(attempts, 2)
      assert.strictEqual(yield* recorded("wh_lost"), 1)
    }).pipe(Effect.provide(TestDatabase.layerPostgres)))
})
