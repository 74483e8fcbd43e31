/**
 * Two flows for the same guests: whose payment the tickets are for, and what becomes of the other one.
 * Guards whose removal turns this file red: the tickets that a declined flow leaves while it still runs, the refusal to
 * ask for what another flow is asking for, the call to end a payment that nobody needs, the refund of one that settles
 * for no ticket, be it late or at the end of its flow, the paint at that end.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import { SqlClient } from "effect/sql"
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { ServiceTransport } from "../../src/trust/ServiceTransport.ts"
import {
  bodyFor,
  follow,
  guestsNamed,
  messagesOf,
  payer,
  paymentOf,
  read,
  run,
  start,
  ticketsOf,
  until
} from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import { around } from "../support/Witness.ts"

const both = guestsNamed("John Doe", "Jane Smith")

/** What the customer does at the sandbox; answers the status of that. */
const confirm = Effect.fnUntraced(function* (paymentId: string) {
  const bank = (yield* ServiceTransport).client("payments", { as: "event-planner-core" })
  return (yield* bank.execute(HttpClientRequest.post(`/sandbox/payments/${paymentId}/confirm`))).status
})

/** The gateway says that it calls payments off, and does not: the customer is faster. */
const deaf = around(
  "payments",
  (request, real) =>
    request.url.endsWith("/cancel")
      ? Promise.resolve(Response.json({ payment_id: request.url.split("/").at(-2)!, status: "requested" }))
      : real(request)
)

/** Holds a service's requests that fit, until it is let go. */
const held = Effect.fnUntraced(function* (
  name: "tickets" | "notifications",
  fits: (request: Request) => boolean
) {
  const { promise, resolve } = Promise.withResolvers<void>()
  yield* around(name, async (request, real) => {
    if (fits(request)) await promise
    return real(request)
  })
  yield* Effect.addFinalizer(() => Effect.sync(resolve))
  return Effect.sync(resolve)
})

/** A flow that was started, once it is over. */
const ended = Effect.fnUntraced(function* (accepted: Answer) {
  const feed = yield* follow(accepted.json.events_url)
  const { json: flow } = yield* read(accepted.json.status_url)
  // deno-lint-ignore no-explicit-any
  const steps = Object.fromEntries(flow.steps.map((step: any) => [step.step, step]))
  return { accepted, flow, steps, feed }
})

/** A flow whose time is over before anybody pays: its tickets are there, its payment stays open at the gateway. */
const unpaid = Effect.fnUntraced(function* (
  eventId: number,
  error_handling: "continue_on_error" | "stop_on_error" = "continue_on_error"
) {
  const sql = yield* SqlClient.SqlClient
  const accepted = yield* start(bodyFor(eventId, {
    guests: both,
    payment_config: { auto_confirm: false },
    orchestration_options: { error_handling }
  }))
  const { flow_id: flowId } = accepted.json
  yield* until(
    sql`SELECT 1 FROM payments p JOIN flow_steps s USING (flow_id)
        WHERE flow_id = ${flowId} AND gateway_ref IS NOT NULL AND step = 'payment' AND s.status = 'running'
          AND EXISTS (SELECT 1 FROM flow_steps t WHERE t.flow_id = p.flow_id AND t.step = 'tickets' AND t.status = 'completed')`,
    (waiting) => waiting.length === 1
  )
  yield* sql`UPDATE flows SET deadline = now() WHERE flow_id = ${flowId}`
  const flow = yield* ended(accepted)
  assert.strictEqual(flow.steps["payment"].error.code, "timed_out")
  return flow
})

const paymentState = (flowId: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(
      sql<{ status: string }>`SELECT status FROM payments WHERE flow_id = ${flowId}`,
      ([payment]) => payment?.status
    ))

const scan = (eventId: number, ticket_code: string) =>
  Effect.flatMap(TestApp, (app) =>
    app.ask("/api/scans/validate", {
      token: app.organizer,
      body: { ...scanned, event_id: eventId, ticket_code }
    }))

layer(TestAppLayer.layer, { excludeTestServices: true })(
  "a second payment for the same guests",
  (it) => {
    it.effect("opens the gate though the flow whose card was declined still renders their tickets", () =>
      Effect.gen(function* () {
        const jobs: Array<string> = []
        const letGo = yield* held("tickets", (request) => {
          const id = request.headers.get("x-request-id") ?? ""
          if (jobs.length === 0) jobs.push(id)
          return id === jobs[0]
        })
        const declined = yield* start(bodyFor(1, { guests: payer("declined") }))
        yield* until(paymentState(declined.json.flow_id), (status) => status === "failed")
        yield* until(Effect.sync(() => jobs.length), (count) => count === 1)

        const paying = yield* run(bodyFor(1, { guests: both }))
        assert.strictEqual(paying.flow.status, "completed", JSON.stringify(paying.flow))
        assert.strictEqual(paying.steps["payment"].result.status, "settled")
        const [ticket] = yield* ticketsOf(paying)
        assert.strictEqual((yield* scan(1, ticket.ticket_code)).json.result, "valid")

        assert.strictEqual((yield* read(declined.json.status_url)).json.status, "running")
        yield* letGo
        assert.strictEqual((yield* ended(declined)).flow.status, "completed_with_errors")
        const states = (yield* ticketsOf(paying)).map(({ payment_state }) => payment_state)
        assert.deepStrictEqual(states, ["paid", "paid"])
        yield* paymentOf(paying, "settled")
      }).pipe(Effect.scoped))

    it.effect("is not asked for while another flow asks for one", () =>
      Effect.gen(function* () {
        const first = yield* start(bodyFor(2, { guests: both, payment_config: { auto_confirm: false } }))
        const { json } = yield* until(
          read(first.json.status_url),
          ({ json }) => json.payment_id !== null && json.steps[3].status === "completed"
        )
        const second = yield* run(bodyFor(2, {
          guests: both,
          orchestration_options: { retry_failed_steps: false, error_handling: "stop_on_error" }
        }))
        assert.strictEqual(second.flow.error.code, "payment_under_way")
        assert.isNull(second.flow.payment_id)
        assert.strictEqual(yield* confirm(json.payment_id), 200)
        const paid = yield* ended(first)
        assert.strictEqual(paid.flow.status, "completed", JSON.stringify(paid.flow))
        const tickets = yield* ticketsOf(paid)
        assert.deepStrictEqual(tickets.map(({ payment_state, status }) => [payment_state, status]), [
          ["paid", "issued"],
          ["paid", "issued"]
        ])
      }))

    it.effect("cancels the payment that an earlier flow left open", () =>
      Effect.gen(function* () {
        const first = yield* unpaid(3)
        yield* paymentOf(first, "pending")
        const second = yield* run(bodyFor(3, { guests: both }))
        assert.strictEqual(second.flow.status, "completed", JSON.stringify(second.flow))
        yield* paymentOf(first, "canceled")
        assert.strictEqual(yield* confirm(first.flow.payment_id), 409)
      }))

    it.effect("is not disturbed by the earlier one that settles after all, and that one is refunded", () =>
      Effect.gen(function* () {
        const first = yield* unpaid(4)
        yield* deaf
        const second = yield* run(bodyFor(4, { guests: both }))
        assert.strictEqual(second.flow.status, "completed", JSON.stringify(second.flow))
        assert.strictEqual(yield* confirm(first.flow.payment_id), 200)
        yield* paymentOf(first, "refunded")
        yield* paymentOf(second, "settled")
        const states = (yield* ticketsOf(second)).map(({ payment_state }) => payment_state)
        assert.deepStrictEqual(states, ["paid", "paid"])
        const told = yield* until(
          messagesOf(first),
          (messages) =>
            messages.some(({ status, type }) => type === "refund_confirmation" && status === "sent")
        )
        assert.isFalse(told.some(({ type }) => type === "payment_confirmation"))
      }).pipe(Effect.scoped))

    it.effect("leaves them to the earlier one that settles late, when it was declined itself", () =>
      Effect.gen(function* () {
        const first = yield* unpaid(5)
        yield* deaf
        const second = yield* run(bodyFor(5, { guests: payer("declined") }))
        assert.strictEqual(second.flow.error.code, "payment_failed")
        const [ticket] = yield* ticketsOf(second)
        assert.strictEqual((yield* scan(5, ticket.ticket_code)).json.result, "unpaid")
        assert.strictEqual(yield* confirm(first.flow.payment_id), 200)
        yield* paymentOf(first, "settled")
        assert.strictEqual((yield* scan(5, ticket.ticket_code)).json.result, "valid")
        const states = (yield* ticketsOf(first)).map(({ payment_state }) => payment_state)
        assert.deepStrictEqual(states, ["paid", "paid"])
      }).pipe(Effect.scoped))

    it.effect("is refunded when its flow ends without a ticket of its own", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const letGo = yield* held("notifications", () => true)
        const accepted = yield* start(
          bodyFor(6, { guests: both, orchestration_options: { timeout_seconds: 60 } })
        )
        yield* until(read(accepted.json.status_url), ({ json }) => json.steps[5].status === "running")
        yield* sql`UPDATE tickets SET flow_id = 'flow_other' WHERE event_id = (SELECT event_id FROM event_numbers WHERE number = 6 AND owner = 'alice')`
        yield* letGo
        const flow = yield* ended(accepted)
        yield* paymentOf(flow, "refunded")
      }).pipe(Effect.scoped))

    it.effect("paints at the end of its flow what was issued after it was heard of", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const letGo = yield* held("notifications", () => true)
        const accepted = yield* start(bodyFor(7, { guests: both }))
        yield* until(read(accepted.json.status_url), ({ json }) => json.steps[5].status === "running")
        yield* sql`UPDATE tickets SET payment_state = 'pending' WHERE event_id = (SELECT event_id FROM event_numbers WHERE number = 7 AND owner = 'alice')`
        yield* letGo
        const flow = yield* ended(accepted)
        const states = (yield* ticketsOf(flow)).map(({ payment_state }) => payment_state)
        assert.deepStrictEqual(states, ["paid", "paid"])
        yield* paymentOf(flow, "settled")
      }).pipe(Effect.scoped))

    it.effect("is refunded when it settles while its flow is compensated", () =>
      Effect.gen(function* () {
        let confirming = Promise.resolve(0)
        const context = yield* Effect.context<ServiceTransport | SqlClient.SqlClient>()
        yield* around("payments", async (request, real) => {
          if (!request.url.endsWith("/cancel")) return real(request)
          const id = request.url.split("/").at(-2)!
          confirming = Effect.runPromiseWith(context)(Effect.gen(function* () {
            const status = yield* confirm(id)
            const sql = yield* SqlClient.SqlClient
            yield* until(
              sql<{ status: string }>`SELECT status FROM payments WHERE payment_id = ${id}`,
              ([payment]) => payment?.status === "settled"
            )
            return status
          }))
          await confirming
          return Response.json({ payment_id: id, status: "requested" })
        })
        const flow = yield* unpaid(8, "stop_on_error")
        assert.strictEqual(yield* Effect.promise(() => confirming), 200)
        assert.strictEqual(flow.flow.status, "failed")
        yield* paymentOf(flow, "refunded")
      }).pipe(Effect.scoped))
  }
)
