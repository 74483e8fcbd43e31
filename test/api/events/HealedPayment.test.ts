/**
 * Whoever reads a payment that is open has the gateway asked about it: an organiser of their own, and not at every look.
 * Guards whose removal turns this file red: that it is asked after visibility was checked, only about what is open and
 * known to the gateway, and only when `mayCheck` says so.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { read } from "../../support/FlowClient.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import { around } from "../../support/Witness.ts"

/** A payment of alice's, as it is stored. */
const stored = (paymentId: string, status: string, ref: string | null) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql`
      INSERT INTO payments (payment_id, amount, currency, status, gateway, gateway_ref, owner)
      VALUES (${paymentId}, 9999, 'EUR', ${status}, 'stripe', ${ref}, 'alice')`)

layer(TestAppLayer.layer, { excludeTestServices: true })("the gateway", (it) => {
  it.effect("is asked about an open payment by whoever may read it, once in a while", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const sql = yield* SqlClient.SqlClient
      const asked: Array<string> = []
      yield* around("payments", (request) => {
        const [payment_id, action] = new URL(request.url).pathname.split("/").slice(-2)
        asked.push(`${action} ${payment_id}`)
        return Promise.resolve(Response.json({ payment_id, decided: false }))
      })
      for (const status of ["pending", "failed", "settled", "canceled"]) {
        yield* stored(`pay_${status}`, status, `pi_${status}`)
      }
      yield* stored("pay_unasked", "pending", null)
      const bob = Redacted.value(
        (yield* (yield* TokenStore).create({ role: "organizer", subject: "bob" })).token
      )
      assert.strictEqual((yield* app.ask("/api/payments/pay_pending", { token: bob })).status, 404)
      assert.deepStrictEqual(asked, [])

      for (const id of ["pay_pending", "pay_failed", "pay_settled", "pay_canceled", "pay_unasked"]) {
        assert.strictEqual((yield* read(`/api/payments/${id}`)).status, 200, id)
      }
      assert.deepStrictEqual(asked, ["checks pay_pending", "checks pay_failed"])
      yield* sql`UPDATE payments SET checked_at = now() + interval '1 hour'`
      yield* read("/api/payments/pay_pending")
      assert.strictEqual(asked.length, 2)
      yield* sql`UPDATE payments SET checked_at = now() - interval '6 seconds'`
      yield* read("/api/payments/pay_pending")
      assert.deepStrictEqual(asked.slice(2), ["checks pay_pending"])
    }).pipe(Effect.scoped))
})
