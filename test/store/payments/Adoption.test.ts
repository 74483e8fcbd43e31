/**
 * Which tickets of others a flow takes over: those that nobody paid and nobody is still being asked to pay.
 * Guards whose removal turns this file red: each condition of `adopting`, and of both counts of `claim`.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { EventStore } from "../../../src/store/EventStore.ts"
import { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { SigningKeys } from "../../../src/trust/SigningKeys.ts"
import { publish, voidTicket } from "../../support/GateFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Env = Layer.mergeAll(TicketStore.layer, EventStore.layer).pipe(
  Layer.provide(SigningKeys.layerMemory),
  Layer.provideMerge(TestDatabase.layer)
)

/** An event with one guest, whose ticket a flow in this state has left in that one. */
const left = Effect.fnUntraced(function* (eventId: number, flow: string, payment: string) {
  const sql = yield* SqlClient.SqlClient
  const [ticket] = yield* publish(eventId, 1)
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
    VALUES (${`flow_${eventId}`}, 'complete_event_flow', 'organizer-1', ${eventId}::bigint, ${flow}, '{}', now())`
  yield* sql`
    UPDATE tickets SET flow_id = ${`flow_${eventId}`}, payment_state = ${payment} WHERE ticket_id = ${
    ticket!.id
  }`
  return ticket!.id
})

const issue = (eventId: number, flowId: string | null, paymentState: "pending" | "free" = "pending") =>
  Effect.flatMap(
    TicketStore,
    (tickets) => tickets.issue({ eventId, flowId, templateId: 1, guestIds: [1], paymentState })
  )

const claim = (eventId: number, flowId: string, guestIds: ReadonlyArray<number>) =>
  Effect.flatMap(
    TicketStore,
    (tickets) => tickets.claim({ eventId, flowId, guestIds, paymentState: "pending" })
  )

const kept = (ticketId: number) =>
  Effect.map(
    Effect.flatMap(TicketStore, (tickets) => tickets.get(ticketId)),
    ({ flow_id, payment_state }) => [
      flow_id,
      payment_state
    ]
  )

let events = 0

layer(Env, { excludeTestServices: true })("a ticket that an earlier flow left", (it) => {
  for (const payment of ["pending", "failed", "refunded"]) {
    it.effect(`${payment} is the next flow's, whichever way the earlier one ended`, () =>
      Effect.gen(function* () {
        for (const ended of ["completed", "completed_with_errors", "failed"]) {
          const eventId = ++events
          const ticketId = yield* left(eventId, ended, payment)
          assert.deepStrictEqual(yield* issue(eventId, "flow_next"), [ticketId])
          assert.deepStrictEqual(yield* kept(ticketId), ["flow_next", "pending"], ended)
        }
      }))
  }

  it.effect("is the earlier flow's while that one runs", () =>
    Effect.gen(function* () {
      for (const running of ["accepted", "running"]) {
        const eventId = ++events
        const ticketId = yield* left(eventId, running, "pending")
        assert.deepStrictEqual(yield* issue(eventId, "flow_next"), [ticketId])
        assert.deepStrictEqual(yield* kept(ticketId), [`flow_${eventId}`, "pending"], running)
      }
    }))

  it.effect("failed or refunded is the next flow's though the earlier one still runs", () =>
    Effect.gen(function* () {
      for (const payment of ["failed", "refunded"]) {
        const eventId = ++events
        const ticketId = yield* left(eventId, "running", payment)
        assert.deepStrictEqual(yield* issue(eventId, "flow_next"), [ticketId])
        assert.deepStrictEqual(yield* kept(ticketId), ["flow_next", "pending"], payment)
      }
    }))

  it.effect("is claimed while it is live and waits for a running flow's payment", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const claimed = (eventId: number, flowId = "flow_next") =>
        Effect.map(claim(eventId, flowId, [1, 2]), ({ claimed }) => claimed)
      const pending = ++events
      const ticketId = yield* left(pending, "running", "pending")
      assert.strictEqual(yield* claimed(pending), 1)
      assert.strictEqual(yield* claimed(pending, `flow_${pending}`), 0)
      assert.deepStrictEqual(yield* kept(ticketId), [`flow_${pending}`, "pending"])
      yield* sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${ticketId}`
      assert.strictEqual(yield* claimed(pending), 0)
      for (const payment of ["failed", "refunded"]) {
        const eventId = ++events
        const ticketId = yield* left(eventId, "running", payment)
        assert.strictEqual(yield* claimed(eventId), 0, payment)
        assert.deepStrictEqual(yield* kept(ticketId), ["flow_next", "pending"], payment)
      }
      for (const payment of ["paid", "free", "disputed"]) {
        const eventId = ++events
        yield* left(eventId, "running", payment)
        assert.strictEqual(yield* claimed(eventId), 0, payment)
      }
    }))

  it.effect("paid, free or disputed stays as it is", () =>
    Effect.gen(function* () {
      for (const payment of ["paid", "free", "disputed"]) {
        const eventId = ++events
        const ticketId = yield* left(eventId, "completed", payment)
        yield* issue(eventId, "flow_next")
        assert.deepStrictEqual(yield* kept(ticketId), [`flow_${eventId}`, payment])
      }
    }))

  it.effect("is not touched by a repeat of its own flow, by a request without one, or when it is void", () =>
    Effect.gen(function* () {
      const eventId = ++events
      const ticketId = yield* left(eventId, "completed", "failed")
      yield* issue(eventId, `flow_${eventId}`)
      yield* issue(eventId, null, "free")
      assert.deepStrictEqual(yield* kept(ticketId), [`flow_${eventId}`, "failed"])
      yield* voidTicket(ticketId)
      assert.notDeepEqual(yield* issue(eventId, "flow_next"), [ticketId])
      assert.deepStrictEqual(yield* kept(ticketId), [`flow_${eventId}`, "failed"])
    }))

  it.effect("counts as settled for the next flow when it is live and free, or another flow's payment paid it", () =>
    Effect.gen(function* () {
      const open = (eventId: number, flowId = "flow_next", guestIds = [1]) =>
        Effect.map(claim(eventId, flowId, guestIds), ({ unsettled }) => unsettled)
      const paid = ++events
      const ticketId = yield* left(paid, "completed", "paid")
      assert.strictEqual(yield* open(paid), 0)
      assert.strictEqual(yield* open(paid, `flow_${paid}`), 1)
      assert.strictEqual(yield* open(paid, "flow_next", [1, 2]), 1)
      yield* voidTicket(ticketId)
      assert.strictEqual(yield* open(paid), 1)
      for (const payment of ["pending", "failed", "refunded", "disputed"]) {
        const eventId = ++events
        yield* left(eventId, "completed", payment)
        assert.strictEqual(yield* open(eventId), 1, payment)
      }
      const free = ++events
      yield* left(free, "completed", "free")
      assert.strictEqual(yield* open(free), 0)
    }))
})
