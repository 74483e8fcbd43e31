/**
 * Which tickets a payment takes when it settles, which payments nobody needs, and which are to be refunded.
 * Guards whose removal turns this file red: each condition of `take`, of `forsaken` and of `unearned`.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { EventStore } from "../../../src/store/EventStore.ts"
import { PaymentStore } from "../../../src/store/payments/PaymentStore.ts"
import { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { SigningKeys } from "../../../src/trust/SigningKeys.ts"
import { publish } from "../../support/GateFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Env = Layer.mergeAll(TicketStore.layer, EventStore.layer, PaymentStore.layer).pipe(
  Layer.provide(SigningKeys.layerMemory),
  Layer.provideMerge(TestDatabase.layer)
)

interface Flow {
  readonly status?: string
  readonly errors?: "continue_on_error" | "stop_on_error"
  readonly guests?: ReadonlyArray<number>
  readonly payment?: string
}

let made = 0

/** A flow of the event with an open payment, unless told; answers its id. */
const flowOf = Effect.fnUntraced(function* (
  eventId: number,
  { errors = "continue_on_error", guests = [1], payment = "pending", status = "completed" }: Flow = {}
) {
  const sql = yield* SqlClient.SqlClient
  const name = `${eventId}_${++made}`
  const request = JSON.stringify({
    guests: guests.map((guest_id) => ({ guest_id })),
    orchestration_options: { error_handling: errors }
  })
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
    VALUES (${`flow_${name}`}, 'complete_event_flow', 'organizer-1', ${eventId}::bigint, ${status},
      ${request}::jsonb, now())`
  yield* sql`
    INSERT INTO payments (payment_id, flow_id, event_id, amount, currency, status, gateway)
    VALUES (${`pay_${name}`}, ${`flow_${name}`}, ${eventId}::bigint, 9999, 'EUR', ${payment}, 'stripe')`
  return `flow_${name}`
})

const payOf = (flowId: string) => flowId.replace("flow_", "pay_")

/** The event's ticket of guest 1, in the hands of this flow. */
const ticketOf = Effect.fnUntraced(function* (eventId: number, flowId: string, state = "pending") {
  const sql = yield* SqlClient.SqlClient
  const [ticket] = yield* publish(eventId, 1)
  yield* sql`UPDATE tickets SET flow_id = ${flowId}, payment_state = ${state} WHERE ticket_id = ${ticket!.id}`
  return ticket!.id
})

const settle = (flowId: string, at = DateTime.nowUnsafe()) =>
  Effect.flatMap(PaymentStore, (payments) =>
    payments.apply({
      event_type: "payment.completed",
      payment_id: payOf(flowId),
      amount: 9999,
      currency: "EUR",
      status: "succeeded",
      timestamp: at,
      metadata: {},
      customer: { email: "john@example.com", name: "John" },
      webhook_id: `wh_${flowId}`,
      created: 0
    }))

const voided = (ticketId: number) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${ticketId}`
  )

const kept = (ticketId: number) =>
  Effect.map(
    Effect.flatMap(TicketStore, (tickets) => tickets.get(ticketId)),
    ({ flow_id, payment_state }) => [flow_id, payment_state]
  )

const unearned = (flowId: string) =>
  Effect.map(Effect.flatMap(PaymentStore, (payments) => payments.unearned(flowId)), Option.getOrNull)

/** What a flow is told that claims no ticket. */
const forsaken = (flowId: string) =>
  Effect.map(
    Effect.flatMap(
      TicketStore,
      (tickets) => tickets.claim({ eventId: 1, flowId, guestIds: [], paymentState: "pending" })
    ),
    ({ forsaken }) => forsaken
  )

let events = 0

layer(Env, { excludeTestServices: true })("a payment", (it) => {
  it.effect("is decided anew by whoever had read it when tickets were given its state", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const eventId = ++events
      yield* publish(eventId, 1)
      const flowId = yield* flowOf(eventId)
      const revision = sql`SELECT xmin::text AS revision FROM payments WHERE flow_id = ${flowId}`
      const before = yield* revision
      yield* (yield* PaymentStore).syncTickets(flowId)
      assert.notDeepEqual(yield* revision, before)
    }))

  it.effect("takes the unpaid tickets of its guests from an ended flow when it settles, and is earned", () =>
    Effect.gen(function* () {
      for (const state of ["pending", "failed", "refunded"]) {
        const eventId = ++events
        const [paid, other] = [yield* flowOf(eventId), yield* flowOf(eventId)]
        const ticket = yield* ticketOf(eventId, other, state)
        yield* settle(paid)
        assert.deepStrictEqual(yield* kept(ticket), [paid, "paid"], state)
        assert.isNull(yield* unearned(paid))
      }
    }))

  it.effect("takes none that another flow waits to be paid for, nor what is settled, nor other guests'", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [Flow, Flow, string]> = [
        [{}, { status: "running" }, "pending"],
        [{}, {}, "paid"],
        [{}, {}, "free"],
        [{}, {}, "disputed"],
        [{ guests: [2] }, {}, "pending"],
        [{ status: "failed" }, {}, "pending"]
      ]
      for (const [paying, holding, state] of cases) {
        const eventId = ++events
        const [paid, other] = [yield* flowOf(eventId, paying), yield* flowOf(eventId, holding)]
        const ticket = yield* ticketOf(eventId, other, state)
        yield* settle(paid)
        assert.deepStrictEqual(yield* kept(ticket), [other, state], JSON.stringify([paying, holding, state]))
        assert.strictEqual(yield* unearned(paid), payOf(paid))
      }
    }))

  it.effect("takes no void ticket", () =>
    Effect.gen(function* () {
      const eventId = ++events
      const [paid, other] = [yield* flowOf(eventId), yield* flowOf(eventId)]
      const ticket = yield* ticketOf(eventId, other)
      yield* voided(ticket)
      yield* settle(paid)
      assert.deepStrictEqual(yield* kept(ticket), [other, "pending"])
      assert.strictEqual(yield* unearned(paid), payOf(paid))
    }))

  it.effect("is to be refunded when its flow is over and was stopped, or had no live ticket", () =>
    Effect.gen(function* () {
      const eventId = ++events
      const stopped = yield* flowOf(eventId, { status: "failed", errors: "stop_on_error" })
      yield* ticketOf(eventId, stopped)
      assert.isNull(yield* unearned(stopped), "it is open")
      yield* settle(stopped)
      assert.strictEqual(yield* unearned(stopped), payOf(stopped))

      const running = yield* flowOf(++events, { status: "running" })
      yield* settle(running)
      assert.isNull(yield* unearned(running), "it runs")

      const given = yield* flowOf(++events)
      yield* settle(given)
      yield* (yield* SqlClient.SqlClient)`UPDATE payments SET status = 'refunded' WHERE flow_id = ${given}`
      assert.isNull(yield* unearned(given), "it is refunded")
    }))

  it.effect("was for a ticket that was voided after it settled, not for one that was void before", () =>
    Effect.gen(function* () {
      const now = yield* DateTime.now
      for (const [settled, back] of [[{ hours: -1 }, false], [{ hours: 1 }, true]] as const) {
        const eventId = ++events
        const flow = yield* flowOf(eventId)
        const ticket = yield* ticketOf(eventId, flow)
        yield* settle(flow, DateTime.add(now, settled))
        yield* voided(ticket)
        assert.strictEqual(yield* unearned(flow), back ? payOf(flow) : null)
      }
    }))

  it.effect("is forsaken when it is open, its flow is over and has no live ticket, and a guest is the next flow's", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [Flow, boolean]> = [
        [{}, true],
        [{ payment: "failed" }, true],
        [{ guests: [7, 1] }, true],
        [{ status: "failed" }, true],
        [{ guests: [7] }, false],
        [{ status: "running" }, false],
        ...["settled", "canceled", "refunded", "disputed"].map((payment) => [{ payment }, false] as const)
      ]
      for (const [flow, fits] of cases) {
        const eventId = ++events
        const [earlier, next] = [yield* flowOf(eventId, flow), yield* flowOf(eventId, { guests: [1, 2] })]
        assert.deepStrictEqual(yield* forsaken(next), fits ? [payOf(earlier)] : [], JSON.stringify(flow))
        const ticket = yield* ticketOf(eventId, earlier)
        assert.deepStrictEqual(yield* forsaken(next), [])
        yield* voided(ticket)
        assert.deepStrictEqual(yield* forsaken(next), fits ? [payOf(earlier)] : [])
      }
      const [here, elsewhere] = [++events, ++events]
      yield* flowOf(elsewhere)
      assert.deepStrictEqual(yield* forsaken(yield* flowOf(here)), [])
    }))
})
