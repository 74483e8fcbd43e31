/**
 * Who has paid, for which tickets, and when the news of it comes late.
 * Guards whose removal turns this file red: the adoption of unpaid tickets, the look at settled ones before anything is
 * charged, the refund of what settles too late, its one reason, `settled_at` rather than the status wakes the flow,
 * the receipt of what settles late, a declined card of the customer's wakes nobody.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import { randomUUID } from "node:crypto"
import { SqlClient } from "effect/sql"
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import webhook from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { ServiceTransport } from "../../src/trust/ServiceTransport.ts"
import {
  bodyFor,
  type Finished,
  finished,
  follow,
  guestsNamed,
  messagesOf,
  outbox,
  payer,
  paymentOf,
  read,
  run,
  runOverdue,
  start,
  ticketsOf,
  until,
  unwritable
} from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import * as Webhooks from "../support/Webhooks.ts"
import { around, ownRowCounts, spoilTickets } from "../support/Witness.ts"

const scan = (eventId: number, ticket_code: string) =>
  Effect.flatMap(TestApp, (app) =>
    app.ask("/api/scans/validate", {
      token: app.organizer,
      body: { ...scanned, event_id: eventId, ticket_code }
    }))

const hear = (paymentId: string, eventType: string) =>
  Effect.flatMap(
    Webhooks.payment({
      ...webhook,
      payment_id: paymentId,
      event_type: eventType,
      webhook_id: `wh_${randomUUID()}`
    }),
    (answer) => Effect.sync(() => assert.strictEqual(answer.status, 200, answer.text))
  )

/** What the customer does at the sandbox, or the bank. */
const act = (action: "confirm" | "fail") =>
  Effect.fnUntraced(function* (paymentId: string) {
    const bank = (yield* ServiceTransport).client("payments", { as: "event-planner-core" })
    const { status } = yield* bank.execute(HttpClientRequest.post(`/sandbox/payments/${paymentId}/${action}`))
    assert.strictEqual(status, 200)
  })
const confirm = act("confirm")
const decline = act("fail")

/** The flow once it waits for its payment, and the customer's page has what it needs to pay. */
const waiting = Effect.fnUntraced(function* ({ json }: Answer) {
  const isWaiting = ({ json }: Answer) => json.payment_id !== null && json.steps[4].status === "running"
  const flow = yield* until(read(json.status_url), isWaiting)
  yield* until(
    read(`/api/payments/${flow.json.payment_id}`),
    ({ json }) => typeof json.client_secret === "string"
  )
  return flow
})

const receipts = (flow: Finished) =>
  Effect.map(messagesOf(flow), (lines) => lines.filter(({ type }) => type === "payment_confirmation"))

layer(TestAppLayer.layer, { excludeTestServices: true })("the payment of a flow", (it) => {
  it.effect("opens the gate for tickets that an earlier flow left unpaid, and a third flow charges nothing", () =>
    Effect.gen(function* () {
      const declined = yield* run(bodyFor(1, { guests: payer("declined") }))
      assert.strictEqual(declined.flow.status, "completed_with_errors")
      const [unpaid] = yield* ticketsOf(declined)
      assert.strictEqual(unpaid.payment_state, "failed")
      assert.strictEqual((yield* scan(1, unpaid.ticket_code)).json.result, "unpaid")

      const paying = yield* run(bodyFor(1, { guests: guestsNamed("John Doe", "Jane Smith") }))
      assert.strictEqual(paying.flow.status, "completed", JSON.stringify(paying.flow))
      assert.notStrictEqual(paying.flow.flow_id, declined.flow.flow_id)
      const tickets = yield* ticketsOf(paying)
      assert.deepStrictEqual(tickets.map((ticket) => ticket.payment_state), ["paid", "paid"])
      assert.strictEqual(tickets[0].ticket_id, unpaid.ticket_id)
      assert.strictEqual((yield* scan(1, unpaid.ticket_code)).json.result, "valid")

      const before = yield* ownRowCounts
      const again = yield* run(bodyFor(1, {
        event_data: { title: "The same, once more" },
        guests: guestsNamed("John Doe", "Jane Smith")
      }))
      assert.strictEqual(again.flow.status, "completed", JSON.stringify(again.flow))
      assert.deepStrictEqual(again.steps["payment"].result, { payment_id: null, status: "already_settled" })
      assert.isNull(again.flow.payment_id)
      const after = yield* ownRowCounts
      for (const table of ["payments", "payment_events", "invoices", "tickets"]) {
        assert.strictEqual(after[table], before[table], table)
      }
    }))

  it.effect("is asked for while one guest of several has not paid", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(2, { guests: guestsNamed("John Doe") }))
      const more = yield* run(bodyFor(2, { guests: guestsNamed("John Doe", "Jane Smith") }))
      assert.strictEqual(more.steps["payment"].result.status, "settled")
      assert.deepStrictEqual((yield* ticketsOf(more)).map((ticket) => ticket.payment_state), ["paid", "paid"])
    }))

  it.effect("is refunded when it settles after the flow was stopped and everything was compensated", () =>
    Effect.gen(function* () {
      const canceled: Array<string> = []
      yield* around("payments", (request, real) => {
        if (!request.url.endsWith("/cancel")) return real(request)
        const id = request.url.split("/").at(-2)!
        canceled.push(id)
        return Promise.resolve(Response.json({ payment_id: id, status: "requested" }))
      })
      const flow = yield* runOverdue(bodyFor(3, {
        payment_config: { auto_confirm: false },
        orchestration_options: { error_handling: "stop_on_error" }
      }))
      assert.strictEqual(flow.flow.status, "failed")
      assert.deepStrictEqual(canceled, [flow.flow.payment_id])
      yield* confirm(flow.flow.payment_id)
      assert.deepStrictEqual((yield* paymentOf(flow, "refunded")).template_access, [])
      const sql = yield* SqlClient.SqlClient
      const heard = yield* sql`
        SELECT event_type FROM payment_events WHERE payment_id = ${flow.flow.payment_id}
          AND webhook_id NOT LIKE 'wh\\_check\\_%' ORDER BY received_at`
      // Whoever reads an open payment has it asked about: what is heard of that way is told apart by its name.
      assert.deepStrictEqual(heard.map(({ event_type }) => event_type), [
        "payment.completed",
        "payment.refunded"
      ])
      const fired =
        yield* sql`SELECT trigger FROM notification_triggers WHERE event_id = (SELECT event_id FROM event_numbers WHERE number = 3 AND owner = 'alice')`
      assert.notInclude(fired.map(({ trigger }) => trigger), "payment_success")
    }).pipe(Effect.scoped))

  it.effect("is refunded once, though its settlement is heard again while the refund is under way", () =>
    Effect.gen(function* () {
      const refunds: Array<number> = []
      const flow = yield* Effect.scoped(Effect.gen(function* () {
        yield* around(
          "core",
          async (request, real) =>
            (await request.clone().text()).includes("payment.refunded")
              ? new Response(null, { status: 503, headers: { "retry-after": "0" } })
              : real(request)
        )
        yield* spoilTickets
        yield* around("payments", async (request, real) => {
          const response = await real(request)
          if (request.url.endsWith("/refunds")) refunds.push(response.status)
          return response
        })
        const stopped = yield* run(bodyFor(5, {
          guests: guestsNamed("John Doe", unwritable),
          orchestration_options: { error_handling: "stop_on_error", retry_failed_steps: false }
        }))
        yield* hear(stopped.flow.payment_id, "payment.completed")
        yield* until(Effect.sync(() => refunds.length), (count) => count === 2)
        return stopped
      }))
      assert.deepStrictEqual(refunds, [200, 200])
      yield* paymentOf(flow, "refunded")
    }))

  it.effect("is confirmed to who pays when the flow is over, once and with the invoice", () =>
    Effect.gen(function* () {
      const accepted = yield* start(bodyFor(6, { payment_config: { auto_confirm: false } }))
      const { flow_id, payment_id } = (yield* waiting(accepted)).json
      yield* (yield* SqlClient.SqlClient)`UPDATE flows SET deadline = now() WHERE flow_id = ${flow_id}`
      const flow = yield* finished(accepted)
      assert.strictEqual(flow.steps["payment"].error.code, "timed_out")
      assert.deepStrictEqual(yield* receipts(flow), [])
      yield* confirm(payment_id)
      const invoiced = until(
        read(`/api/payments/${payment_id}`),
        ({ json }) => typeof json.invoice_number === "string"
      )
      const { invoice_number } = (yield* invoiced).json
      yield* until(receipts(flow), (sent) => sent.length === 1 && sent[0]!.status === "sent")
      const shown = (yield* read(accepted.json.status_url)).json.steps.find(({ step }: { step: string }) =>
        step === "payment"
      )
      assert.deepInclude(shown, { status: "completed", error: null })
      yield* hear(payment_id, "payment.completed")
      yield* hear(payment_id, "payment.refunded")
      yield* paymentOf(flow, "refunded")
      assert.deepStrictEqual(
        (yield* receipts(flow)).map(({ guest_id, status }) => [guest_id, status]),
        [[1, "sent"]]
      )
      const letters = Object.entries(yield* outbox(`${flow_id}-payment_confirm`))
      assert.strictEqual(letters.length, 1)
      assert.include(letters[0]![1], `filename=${invoice_number}.pdf`)
    }))

  it.effect("waits for another card when the customer's first is declined", () =>
    Effect.gen(function* () {
      const accepted = yield* start(bodyFor(7, {
        payment_config: { auto_confirm: false },
        orchestration_options: { timeout_seconds: 20 }
      }))
      const { payment_id } = (yield* waiting(accepted)).json
      yield* decline(payment_id)
      const { json: declined } = yield* until(
        read(`/api/payments/${payment_id}`),
        ({ json }) => json.status === "failed"
      )
      assert.isString(declined.client_secret)
      yield* confirm(payment_id)
      const { flow } = yield* finished(accepted)
      assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
    }))

  it.effect("ends the wait of its flow when the refund is heard before the payment", () =>
    Effect.gen(function* () {
      const accepted = yield* start(bodyFor(4, {
        payment_config: { auto_confirm: false },
        orchestration_options: { timeout_seconds: 10 }
      }))
      const { json: flow } = yield* waiting(accepted)
      const paymentId: string = flow.payment_id
      yield* hear(paymentId, "payment.refunded")
      yield* until(read(`/api/payments/${paymentId}`), ({ json }) => json.status === "refunded")
      yield* hear(paymentId, "payment.completed")
      yield* follow(accepted.json.events_url)
      const { json: ended } = yield* read(accepted.json.status_url)
      assert.strictEqual(ended.status, "completed", JSON.stringify(ended))
      assert.deepStrictEqual(ended.steps[4].result, { payment_id: paymentId, status: "settled" })
      assert.strictEqual((yield* read(`/api/payments/${paymentId}`)).json.status, "refunded")
    }))
})
