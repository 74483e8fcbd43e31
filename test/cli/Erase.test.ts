/**
 * A guest who is erased is named nowhere but where accountants look: every table is searched, so that a new one is too.
 * Guards whose removal turns this file red: each table's update, each column of `KnownTexts`, the queue, the files, the payment service's copy, the refusal while
 * something of the guest is under way, a refund too, the address that reaches nobody.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { GuestData } from "../../rpc/Event.ts"
import { eraseGuest } from "../../src/cli/Erase.ts"
import { FileStore } from "../../src/files/FileStore.ts"
import { PaymentLedger } from "../../src/services/payments/contract/PaymentLedger.ts"
import { GeneratorQueue } from "../../src/services/generator/GeneratorQueue.ts"
import { ErasureStore } from "../../src/store/retention/ErasureStore.ts"
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import { tablesWith } from "../support/CanarySearch.ts"
import { bodyFor, guestsNamed, read, run, ticketsOf, until } from "../support/FlowClient.ts"
import { keyOf } from "../support/EventIds.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

const App = Layer.mergeAll(ErasureStore.layer, PaymentLedger.layer, GeneratorQueue.layerSql).pipe(
  Layer.provideMerge(TestAppLayer.layer)
)

const named = ["Zebulon Quagga", "Ana Bilby"]
const traces = ["Quagga", "quagga.example", "33698765432"]

/** Every field of a guest; what names the person has one of the traces in it. */
const zebulon = (eventId: number): Required<typeof GuestData.Encoded> => ({
  guest_id: 1,
  name: "Zebulon Quagga",
  email: `zebulon-${eventId}@quagga.example`,
  phone: "+33698765432",
  ticket_type: "VIP",
  locale: "fr"
})

const body = (eventId: number) => {
  const [, ana] = guestsNamed(...named)
  return bodyFor(eventId, {
    event_data: { date: "2999-06-20T09:00:00Z" },
    guests: [zebulon(eventId), ana!]
  })
}

layer(App, { excludeTestServices: true })("guichet erase", (it) => {
  it.effect("leaves a guest's name in invoices alone, and a second time finds nothing to do", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const finished = yield* run(body(1))
      const [ticket, other] = yield* ticketsOf(finished)
      const { json: { flow_id: sequenceId } } = yield* app.ask("/api/orchestration/notification-flow", {
        token: app.organizer,
        body: {
          ...sequence,
          event_id: 1,
          user_id: 1,
          notification_sequence: [{
            ...sequence.notification_sequence[0]!,
            trigger: "scheduled",
            delay_seconds: 86_400,
            data: { personalization: { nickname: "Quagga" } }
          }]
        }
      })
      const before = yield* tablesWith(traces)
      for (
        const table of [
          "flows",
          "guests",
          "guichet_key_values",
          "invoices",
          "notifications",
          "payments",
          "ticket_queue"
        ]
      ) {
        assert.include(before, table)
      }

      const guest = { eventId: yield* keyOf(1), number: 1, guestId: 1 }
      assert.deepStrictEqual(yield* eraseGuest(guest, app.directory), { files: 2 })
      assert.deepStrictEqual(yield* tablesWith(traces), ["invoices"])
      const files = yield* FileStore
      assert.isFalse(yield* files.exists(`tickets/1/${ticket.ticket_id}.pdf`))
      assert.isTrue(yield* files.exists(`tickets/1/${other.ticket_id}.pdf`))
      assert.deepStrictEqual(yield* eraseGuest(guest, app.directory), { files: 0 })

      const { json: { messages } } = yield* read(`/api/orchestration/flows/${finished.flow.flow_id}/messages`)
      const waiting = messages.filter((line: { guest_id: number; status: string }) =>
        line.guest_id === 1 && line.status === "scheduled"
      )
      assert.deepStrictEqual(waiting, [])
      const told = yield* read(`/api/orchestration/notification-flow/${sequenceId}`)
      assert.strictEqual(told.json.status, "canceled")
      assert.strictEqual((yield* read(`/api/tickets/${ticket.ticket_id}`)).json.guest_name, "Guest 1")
      assert.strictEqual((yield* read(`/api/tickets/${other.ticket_id}`)).json.guest_name, "Ana Bilby")
    }))

  it.effect("is refused while something of the guest is under way, and for nobody", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const sql = yield* SqlClient.SqlClient
      const { flow } = yield* run(body(2))
      const guest = { eventId: yield* keyOf(2), number: 2, guestId: 1 }
      const refusal = Effect.flip(eraseGuest(guest, app.directory))
      yield* sql`UPDATE flows SET status = 'running' WHERE flow_id = ${flow.flow_id}`
      assert.include((yield* refusal).message, flow.flow_id)
      yield* sql`UPDATE flows SET status = 'completed' WHERE flow_id = ${flow.flow_id}`
      yield* sql`UPDATE payments SET status = 'pending' WHERE flow_id = ${flow.flow_id}`
      assert.include((yield* refusal).message, flow.payment_id)
      yield* sql`UPDATE payments SET status = 'settled' WHERE flow_id = ${flow.flow_id}`
      const { json: { refund_id: refundId } } = yield* app.ask(`/api/payments/${flow.payment_id}/refunds`, {
        token: app.organizer,
        headers: { "idempotency-key": "a-seat" },
        body: { amount: 1, reason: "a seat was wet" }
      })
      yield* until(
        read(`/api/refunds/${refundId}`),
        ({ json }) => json.status === "succeeded"
      )
      yield* sql`UPDATE refunds SET status = 'requested' WHERE refund_id = ${refundId}`
      assert.include((yield* refusal).message, refundId)
      yield* sql`UPDATE refunds SET status = 'succeeded' WHERE refund_id = ${refundId}`
      yield* sql`UPDATE ticket_jobs SET status = 'running' WHERE flow_id = ${flow.flow_id}`
      yield* sql`UPDATE ticket_job_items SET status = 'queued' WHERE job_id = ${flow.job_id}`
      assert.include((yield* refusal).message, flow.job_id)
      yield* sql`UPDATE ticket_job_items SET status = 'generated' WHERE job_id = ${flow.job_id}`
      yield* sql`UPDATE ticket_jobs SET status = 'completed' WHERE flow_id = ${flow.flow_id}`
      yield* eraseGuest(guest, app.directory)
      const unknown = yield* Effect.flip(eraseGuest({ ...guest, guestId: 99 }, app.directory))
      assert.strictEqual(unknown._tag, "GuestUnknown")
    }))
})
