/**
 * The offline bundle of one event, page by page: every ticket in its state, and every change of it since the cursor.
 * Guards whose removal turns this file red: `voided_at` and `payment_state` in the trigger on `tickets`, that an annulment
 * says it changed its ticket, the journal's scans, the order and the
 * position of a page, the order of the states, the checks of a cursor's origin and of its places in the present, the
 * bound of the floor to the newest change, and the separators of the digest's text.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import {
  digestLength,
  digestOf,
  type TicketState,
  ticketStates
} from "../../../src/gate/offline/OfflineBundle.ts"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { AnnulmentStore } from "../../../src/gate/AnnulmentStore.ts"
import { BundleStore } from "../../../src/gate/offline/BundleStore.ts"
import { PaymentStore } from "../../../src/store/payments/PaymentStore.ts"
import { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { after, agrees, blank, caughtUp, type Device, pageOf } from "../../support/BundleDevice.ts"
import { activation, GateStores, publish, scanOf, voidTicket } from "../../support/GateFixture.ts"
import documented from "../../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import * as TestDatabase from "../../support/TestDatabase.ts"

const Env = Layer.mergeAll(GateStores, BundleStore.layer, PaymentStore.layer).pipe(
  Layer.provideMerge(TestDatabase.layer)
)

const paymentEvent = (paymentId: string, type: string, at: string): PaymentWebhook => ({
  ...Schema.decodeUnknownSync(PaymentWebhook)(documented),
  payment_id: paymentId,
  event_type: `payment.${type}`,
  webhook_id: `wh_${paymentId}_${type}`,
  timestamp: DateTime.makeUnsafe(at)
})

const gateOf = (eventId: number) => Effect.flatMap(activation, (client) => client(String(eventId)))

/** What the next page of a device that is up to date says of one code. */
const news = Effect.fnUntraced(function* (eventId: number, device: Device, code: string) {
  const page = yield* pageOf(eventId, device, 20_000)
  assert.isFalse(page.full)
  const state = after({ states: new Map(), cursor: null }, page).states.get(digestOf(eventId, code))
  const next = after(device, page)
  yield* agrees(eventId, next)
  return [state, next] as const
})

let events = 0

layer(Env, { excludeTestServices: true })("the offline bundle", (it) => {
  it.effect("has each ticket once, in the group of its state, in digests of one width and in their order", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const eventId = ++events
      const rows = yield* publish(eventId, 7, { reentry: true, max_attendees: 50 })
      const codes = rows.map(({ code }) => code)
      const gate = yield* gateOf(eventId)
      for (const at of [0, 1, 2]) yield* gate.Admit(scanOf(eventId, codes[at]!))
      yield* gate.Admit(scanOf(eventId, codes[1]!, { direction: "exit" }))
      yield* voidTicket(rows[2]!.id)
      yield* sql`UPDATE tickets SET payment_state = 'disputed' WHERE ticket_id = ${rows[3]!.id}`
      yield* sql`UPDATE tickets SET payment_state = 'paid' WHERE ticket_id = ${rows[4]!.id}`
      const page = yield* pageOf(eventId, blank, 100)
      const expected: Record<TicketState, ReadonlyArray<number>> = {
        inside: [0],
        left: [1],
        voided: [2],
        unpaid: [3],
        unused: [4, 5, 6]
      }
      for (const state of ticketStates) {
        const digests = expected[state].map((at) => digestOf(eventId, codes[at]!)).sort()
        assert.isTrue(digests.every((digest) => digest.length === digestLength))
        assert.strictEqual(page.tickets[state], digests.join(""), state)
      }
      assert.deepInclude(page.event, { status: "active", max_attendees: 50, inside: 2, reentry: true })
      assert.deepInclude(page, { full: true, more: false })
    }))

  it.effect("tells of every admission, exit and annulment", () =>
    Effect.gen(function* () {
      const eventId = ++events
      const [ticket] = yield* publish(eventId, 3, { reentry: true })
      const gate = yield* gateOf(eventId)
      const code = ticket!.code
      const told: Array<TicketState | undefined> = []
      let device = yield* caughtUp(eventId, blank)
      const tell = Effect.fnUntraced(function* () {
        const [state, next] = yield* news(eventId, device, code)
        told.push(state)
        device = next
      })
      const entry = scanOf(eventId, code)
      const exit = scanOf(eventId, code, { direction: "exit" })
      const annul = ({ scanId }: typeof entry) =>
        Effect.flatMap(
          AnnulmentStore,
          (store) => store.annul({ eventId, scanId, deviceId: "scanner-1", operatorId: "operator-1" })
        )
      yield* gate.Admit(entry)
      yield* tell()
      yield* gate.Admit(exit)
      yield* tell()
      yield* annul(exit)
      yield* tell()
      yield* annul(entry)
      yield* tell()
      assert.deepStrictEqual(told, ["inside", "left", "inside", "unused"])
    }))

  it.effect("tells of every voided ticket, one by one and with its flow", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const tickets = yield* TicketStore
      const eventId = ++events
      const [one, other] = yield* publish(eventId, 3)
      yield* sql`UPDATE tickets SET flow_id = 'flow_v' WHERE ticket_id = ${other!.id}`
      const first = yield* caughtUp(eventId, blank)
      yield* voidTicket(one!.id)
      const [single, second] = yield* news(eventId, first, one!.code)
      yield* tickets.voidFlow("flow_v", "stopped")
      const [flow] = yield* news(eventId, second, other!.code)
      assert.deepStrictEqual([single, flow], ["voided", "voided"])
    }))

  it.effect("tells of every payment that settles, is refunded, or is asked anew of another flow", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const payments = yield* PaymentStore
      const tickets = yield* TicketStore
      const eventId = ++events
      const [ticket] = yield* publish(eventId, 2)
      yield* sql`UPDATE tickets SET flow_id = 'flow_p', payment_state = 'pending' WHERE ticket_id = ${
        ticket!.id
      }`
      yield* sql`INSERT INTO payments (payment_id, flow_id, amount, currency, status, gateway)
        VALUES ('pay_bundle', 'flow_p', 9999, 'EUR', 'pending', 'sandbox')`
      const webhook = (type: string, at: string) => payments.apply(paymentEvent("pay_bundle", type, at))
      let device = yield* caughtUp(eventId, blank)
      const told: Array<TicketState | undefined> = []
      for (
        const change of [
          webhook("completed", "2025-06-01T10:00:00Z"),
          webhook("refunded", "2025-06-01T11:00:00Z"),
          tickets.issue({ eventId, flowId: "flow_q", templateId: 1, guestIds: [1], paymentState: "free" })
        ]
      ) {
        yield* change
        const [state, next] = yield* news(eventId, device, ticket!.code)
        told.push(state)
        device = next
      }
      assert.deepStrictEqual(told, ["unused", "unpaid", "unused"])
    }))

  it.effect("tells of tickets issued since", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const eventId = ++events
      yield* publish(eventId, 1)
      const device = yield* caughtUp(eventId, blank)
      yield* sql`INSERT INTO guests (event_id, guest_id, name, email, ticket_type, locale)
        VALUES (${eventId}, 2, 'B', 'b@example.com', 'VIP', 'fr')`
      yield* (yield* TicketStore).issue({
        eventId,
        flowId: null,
        templateId: 1,
        guestIds: [2],
        paymentState: "free"
      })
      yield* agrees(eventId, yield* caughtUp(eventId, device))
    }))

  it.effect("of an event without tickets is empty, and tells of the first ones later", () =>
    Effect.gen(function* () {
      const eventId = ++events
      yield* publish(eventId, 0)
      const device = yield* caughtUp(eventId, blank)
      assert.strictEqual(device.states.size, 0)
      yield* publish(eventId, 2)
      const page = yield* pageOf(eventId, device, 10)
      assert.isFalse(page.full)
      yield* agrees(eventId, after(device, page))
    }))

  it.effect("goes on after the cursor of a page, whatever its size, and begins anew only when told", () =>
    Effect.gen(function* () {
      const eventId = ++events
      const rows = yield* publish(eventId, 10)
      const gate = yield* gateOf(eventId)
      for (const limit of [1, 3, 10, 11]) {
        const seen: Array<number> = []
        let device = blank
        for (let more = true; more;) {
          const page = yield* pageOf(eventId, device, limit)
          assert.strictEqual(page.full, seen.length === 0)
          seen.push(Object.values(page.tickets).join("").length / digestLength)
          device = after(device, page)
          more = page.more
        }
        assert.isTrue(seen.every((size) => size <= limit), `${limit}: ${seen}`)
        assert.strictEqual(seen.reduce((sum, size) => sum + size, 0), 10)
        yield* agrees(eventId, device)
        yield* gate.Admit(scanOf(eventId, rows[limit % 10]!.code))
        yield* agrees(eventId, yield* caughtUp(eventId, device, limit))
      }
    }))

  it.effect("does not run ahead of what has changed: a number that a crash takes back may be given out again", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const eventId = ++events
      yield* publish(eventId, 2)
      yield* Effect.forEach(Array(5), () => sql`SELECT pg_current_xact_id()::text`)
      const { cursor } = yield* caughtUp(eventId, blank)
      const [newest] = yield* sql<{ next: string }>`
        SELECT (max(changed_in::text::numeric) + 1)::text AS next FROM tickets WHERE event_id = ${eventId}`
      assert.isAtMost(Number(cursor?.changedIn), Number(newest!.next))
    }))

  it.effect("comes to an end in a database that was restored from one which counted further", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const eventId = ++events
      yield* publish(eventId, 7)
      yield* sql`UPDATE tickets SET changed_in = '5000000000' WHERE event_id = ${eventId}`
      yield* agrees(eventId, yield* caughtUp(eventId, blank, 3))
    }))

  it.effect("begins anew for a cursor of another database, or of a future that was restored away", () =>
    Effect.gen(function* () {
      const eventId = ++events
      yield* publish(eventId, 3)
      const device = yield* caughtUp(eventId, blank)
      const cursor = device.cursor!
      const ahead = String(10n ** 15n)
      for (
        const foreign of [
          { ...cursor, origin: "0".repeat(16) },
          { ...cursor, changedIn: ahead },
          { ...cursor, floor: ahead },
          { ...cursor, seq: Number(ahead) - 1, mark: "0".repeat(12) },
          { ...cursor, mark: "0".repeat(12) },
          { ...cursor, seq: null }
        ]
      ) {
        const page = yield* pageOf(eventId, { ...device, cursor: foreign }, 10)
        assert.isTrue(page.full, JSON.stringify(foreign))
        yield* agrees(eventId, after({ states: new Map([["gone", "unused"]]), cursor: null }, page))
      }
      assert.isFalse((yield* pageOf(eventId, device, 10)).full)
    }))
})
