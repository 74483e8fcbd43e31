/**
 * `max_attendees` counts who holds a place, not everybody who was ever registered.
 * Guards whose removal turns this file red: each condition of `holders`; that a guest belongs to the flow that registers
 * it now; the event's lock.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { EventStore } from "../../src/store/EventStore.ts"
import { eventData } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

let events = 0

const guest = (guest_id: number) => ({
  guest_id,
  name: `Guest ${guest_id}`,
  email: `guest${guest_id}@example.com`,
  ticket_type: "VIP"
})

const flow = Effect.fnUntraced(function* (eventId: number, flowId: string, status: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
    VALUES (${flowId}, 'complete_event_flow', 'alice', ${eventId}::bigint, ${status}, '{}', now())
    ON CONFLICT (flow_id) DO UPDATE SET status = EXCLUDED.status`
})

const register = (eventId: number, flowId: string | null, guestId: number) =>
  Effect.flatMap(EventStore, (store) => store.registerGuests(eventId, flowId, [guest(guestId)]))

/** An event with one place, and the first guest's order of it as it is left. */
const ordered = Effect.fnUntraced(function* (
  left: {
    readonly flow: string
    readonly ticket?: string
    readonly voided?: boolean
    readonly payment?: string
  }
) {
  const sql = yield* SqlClient.SqlClient
  const eventId = ++events
  const flowId = `flow_${eventId}`
  yield* (yield* EventStore).publish(eventId, "alice", eventData(eventId, { max_attendees: 1 }))
  yield* flow(eventId, flowId, "running")
  yield* register(eventId, flowId, 1)
  if (left.ticket !== undefined) {
    yield* sql`
      INSERT INTO tickets (event_id, guest_id, code, ticket_type, template_id, payment_state, flow_id, status, voided_at)
      VALUES (${eventId}::bigint, 1, ${`code-${eventId}`}, 'VIP', 1, ${left.ticket}, ${flowId},
        ${left.voided ? "voided" : "issued"}, CASE WHEN ${left.voided ?? false}::boolean THEN now() END)`
  }
  if (left.payment !== undefined) {
    yield* sql`
      INSERT INTO payments (payment_id, flow_id, event_id, amount, currency, status, gateway)
      VALUES (${`pay_${eventId}`}, ${flowId}, ${eventId}::bigint, 100, 'EUR', ${left.payment}, 'stripe')`
  }
  yield* flow(eventId, flowId, left.flow)
  return eventId
})

/** A ticket of a guest's that was voided, whose registration was no flow's. */
const voided = Effect.fnUntraced(function* (eventId: number, guestId: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    INSERT INTO guests (event_id, guest_id, name, email, ticket_type, locale, flow_id)
    VALUES (${eventId}::bigint, ${guestId}::bigint, 'A', 'a@example.com', 'VIP', 'fr', 'flow_over')
    ON CONFLICT DO NOTHING`
  yield* flow(eventId, "flow_over", "failed")
  yield* sql`
    INSERT INTO tickets (event_id, guest_id, code, ticket_type, template_id, payment_state, status, voided_at)
    VALUES (${eventId}::bigint, ${guestId}::bigint, ${`void-${eventId}-${guestId}`}, 'VIP', 1, 'free', 'voided', now())`
})

/** Whether somebody else gets the one place. */
const isFree = Effect.fnUntraced(function* (eventId: number) {
  yield* flow(eventId, `flow_next_${eventId}`, "running")
  return Exit.isSuccess(yield* Effect.exit(register(eventId, `flow_next_${eventId}`, 2)))
})

layer(Layer.provideMerge(EventStore.layer, TestDatabase.layer))("a place", (it) => {
  it.effect("is held by whoever may still come in, and by whom a flow registers", () =>
    Effect.gen(function* () {
      const held = [
        { flow: "completed", ticket: "free" },
        { flow: "completed", ticket: "paid", payment: "settled" },
        { flow: "completed", ticket: "pending", payment: "pending" },
        { flow: "completed", ticket: "disputed", payment: "disputed" },
        { flow: "completed_with_errors", ticket: "failed", payment: "failed" },
        { flow: "running" },
        { flow: "accepted" },
        { flow: "running", ticket: "paid", voided: true }
      ]
      for (const order of held) {
        assert.isFalse(yield* isFree(yield* ordered(order)), JSON.stringify(order))
      }
    }))

  it.effect("is free again when the order is canceled, stopped, refunded or expired", () =>
    Effect.gen(function* () {
      const ended = [
        { flow: "failed" },
        { flow: "failed", ticket: "paid", voided: true, payment: "refunded" },
        { flow: "completed", ticket: "refunded", payment: "refunded" },
        { flow: "completed", ticket: "refunded", payment: "failed" },
        { flow: "completed_with_errors", ticket: "failed", payment: "canceled" },
        { flow: "completed_with_errors", ticket: "pending", voided: true, payment: "canceled" }
      ]
      for (const order of ended) {
        assert.isTrue(yield* isFree(yield* ordered(order)), JSON.stringify(order))
      }
    }))

  it.effect("is held without a flow by who is registered and has had no ticket", () =>
    Effect.gen(function* () {
      const eventId = ++events
      yield* (yield* EventStore).publish(eventId, "alice", eventData(eventId, { max_attendees: 1 }))
      yield* register(eventId, null, 1)
      assert.isFalse(yield* isFree(eventId))
      yield* register(eventId, null, 1)
      yield* voided(eventId, 3)
      assert.isFalse(yield* isFree(eventId))
      yield* voided(eventId, 1)
      assert.isTrue(yield* isFree(eventId))
    }))

  it.effect("stays with the flow of a guest who is registered again without one", () =>
    Effect.gen(function* () {
      const eventId = yield* ordered({ flow: "running" })
      yield* register(eventId, null, 1)
      yield* flow(eventId, `flow_${eventId}`, "failed")
      assert.isTrue(yield* isFree(eventId))
    }))

  it.effect("goes to who comes back while nobody else took it, and not to two", () =>
    Effect.gen(function* () {
      const eventId = yield* ordered({ flow: "failed", ticket: "paid", voided: true, payment: "refunded" })
      yield* flow(eventId, `flow_again_${eventId}`, "running")
      yield* register(eventId, `flow_again_${eventId}`, 1)
      assert.isFalse(yield* isFree(eventId))
    }))

  it.effect("is one buyer's of two in the same instant", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 10; round++) {
        const eventId = ++events
        yield* (yield* EventStore).publish(eventId, "alice", eventData(eventId, { max_attendees: 1 }))
        for (const at of [1, 2]) yield* flow(eventId, `flow_${eventId}_${at}`, "running")
        const exits = yield* Effect.all(
          [1, 2].map((at) => Effect.exit(register(eventId, `flow_${eventId}_${at}`, at))),
          { concurrency: 2 }
        )
        assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
      }
    }))
})
