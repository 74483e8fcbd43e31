/**
 * A flow and the faults around it: what passes is waited out, what stays ends the flow, and money is refunded.
 * Guards whose removal turns this file red: `retryTransient` around the handlers of Event and Payment, `catchDefect` around
 * a flow and a sequence, the patience of a compensation.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import {
  bodyFor,
  guestsNamed,
  paymentOf,
  read,
  run,
  statuses,
  ticketsOf,
  until,
  unwritable
} from "../support/FlowClient.ts"
import * as SqlFaults from "../support/SqlFaults.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"
import { flaky, spoilTickets } from "../support/Witness.ts"
import { numbered } from "../support/EventIds.ts"

layer(TestAppLayer.layer, { excludeTestServices: true })(
  "a flow that meets faults",
  (it) => {
    it.effect(
      "outlasts a passing fault in each of its entities, and does everything once",
      () =>
        Effect.gen(function* () {
          const places: ReadonlyArray<SqlFaults.Fault> = [
            { on: "INSERT", table: "events" },
            { on: "INSERT", table: "guests" },
            { on: "INSERT", table: "tickets" },
            { on: "UPDATE", table: "payments", when: "NEW.status = 'settled'" },
            { on: "INSERT", table: "invoice_books" },
            { on: "UPDATE", table: "invoices", times: 2 }
          ]
          const faults = yield* Effect.forEach(places, SqlFaults.passing)
          const { flow } = yield* run(bodyFor(1, { orchestration_options: { timeout_seconds: 20 } }))
          assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
          for (const { attempts, step } of flow.steps) {
            assert.strictEqual(attempts, 1, step)
          }
          for (const [at, met] of (yield* Effect.all(faults)).entries()) {
            assert.isAbove(met, 1, places[at]!.table)
          }
          const sql = yield* SqlClient.SqlClient
          const filed = yield* sql`SELECT file_key FROM invoices WHERE number = ${flow.invoice_number}`
          assert.deepStrictEqual(filed, [{ file_key: `invoices/${flow.invoice_number}.pdf` }])
        }).pipe(Effect.scoped),
      40_000
    )

    it.effect("is failed by a fault that stays, says so at its step, and closes its feed", () =>
      Effect.gen(function* () {
        yield* numbered("alice", 2)
        yield* SqlFaults.lasting({ on: "INSERT", table: "notifications", when: "NEW.event_id = 2" })
        const flow = yield* run(bodyFor(2))
        assert.strictEqual(flow.flow.status, "failed")
        assert.strictEqual(flow.flow.error.code, "internal")
        assert.notInclude(JSON.stringify(flow.flow), "provoked")
        assert.isNotNull(flow.flow.finished_at)
        assert.deepStrictEqual(statuses(flow), {
          validation: "completed",
          event: "completed",
          guests: "completed",
          tickets: "completed",
          payment: "completed",
          notifications: "failed",
          reminders: "skipped",
          status: "skipped"
        })
        assert.strictEqual(flow.steps["notifications"].error.code, "internal")
        assert.strictEqual(flow.feed.at(-1)!.event, "closed")
        assert.strictEqual(flow.feed.at(-1)!.data.status, "failed")
      }).pipe(Effect.scoped))

    it.effect("gives the money back and voids the tickets when it was to stop on errors", () =>
      Effect.gen(function* () {
        yield* numbered("alice", 12)
        yield* SqlFaults.lasting({
          on: "INSERT",
          table: "notifications",
          when: "NEW.event_id = 12 AND NEW.guest_id > 0"
        })
        const flow = yield* run(bodyFor(12, { orchestration_options: { error_handling: "stop_on_error" } }))
        assert.strictEqual(flow.flow.status, "failed")
        assert.strictEqual(flow.flow.error.code, "internal")
        assert.strictEqual(flow.steps["payment"].status, "compensated")
        assert.strictEqual(flow.steps["tickets"].status, "compensated")
        yield* paymentOf(flow, "refunded")
        for (const ticket of yield* ticketsOf(flow)) assert.strictEqual(ticket.status, "voided")
      }).pipe(Effect.scoped))

    it.effect("and a sequence is failed by it too", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        yield* numbered("alice", 3)
        yield* run(bodyFor(3, { payment_config: { amount: 0 } }))
        yield* SqlFaults.lasting({ on: "INSERT", table: "notifications", when: "NEW.event_id = 3" })
        const [welcome] = sequence.notification_sequence
        const body = { ...sequence, event_id: 3, user_id: 1, notification_sequence: [welcome] }
        const accepted = yield* app.ask("/api/orchestration/notification-flow", {
          token: app.organizer,
          body
        })
        assert.strictEqual(accepted.status, 202, accepted.text)
        const ended = yield* until(read(accepted.json.status_url), ({ json }) => json.status !== "running")
        assert.strictEqual(ended.json.status, "failed")
        assert.isNotNull(ended.json.finished_at)
        assert.deepStrictEqual(ended.json.messages, [])
      }).pipe(Effect.scoped))

    it.effect("gives the money back though the payment service was away when it was asked to", () =>
      Effect.gen(function* () {
        yield* spoilTickets
        const refused = yield* flaky("payments", 4, ({ path }) => path.endsWith("/refunds"))
        const flow = yield* run(bodyFor(4, {
          guests: guestsNamed("John Doe", unwritable),
          orchestration_options: { error_handling: "stop_on_error", retry_failed_steps: false }
        }))
        assert.strictEqual(refused.count, 4)
        assert.strictEqual(flow.flow.status, "failed")
        assert.strictEqual(flow.steps["payment"].status, "compensated")
        assert.strictEqual(flow.steps["payment"].result.requested, "refund")
        yield* paymentOf(flow, "refunded")
      }).pipe(Effect.scoped))
  }
)
