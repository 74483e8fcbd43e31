/**
 * Payments end in the state that their events mean, whatever their order and however often they come.
 * Guards whose removal turns this file red: that a payment nobody asked for is the organisation's which alone has its event
 * number, and that any other is marked, is invoiced to nobody and opens nothing; that the gateway is not asked twice.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { PaymentStore } from "../../../src/store/payments/PaymentStore.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { numbered } from "../../support/EventIds.ts"
import { asked } from "../../support/NewPayments.ts"

const fixture = JSON.parse(Fs.readFileSync("test/fixtures/bodies/2-payment-webhook.request.json", "utf8"))
const documented = Schema.decodeUnknownSync(PaymentWebhook)(fixture)

const types = ["completed", "failed", "refunded", "disputed", "canceled"] as const

const webhook = (
  paymentId: string,
  type: string,
  overrides: Partial<PaymentWebhook> = {}
): PaymentWebhook => ({
  ...documented,
  payment_id: paymentId,
  event_type: `payment.${type}`,
  webhook_id: `wh_${paymentId}_${type}`,
  ...overrides
})

const permutations = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  items.length < 2 ?
    [items] :
    items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]))

const access = (paymentId: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql`SELECT template_id, granted_at, revoked_at FROM template_access WHERE payment_id = ${paymentId}`
  )

const outcome = Effect.fn(function* (paymentId: string) {
  const payments = yield* PaymentStore
  const row = Option.getOrThrow(yield* payments.get(paymentId))
  const settled = row.settled_at === null ? null : DateTime.formatIso(row.settled_at)
  return { status: row.status, settled, access: yield* access(paymentId) }
})

const seedFlow = Effect.fn(function* (eventId: number, flowId: string) {
  const sql = yield* SqlClient.SqlClient
  yield* numbered("organizer-1", eventId)
  yield* sql`INSERT INTO events (event_id, owner, title, starts_at, timezone, location, max_attendees, status)
    VALUES (${eventId}, 'organizer-1', 'Conference', now(), 'Europe/Paris', 'Paris', 10, 'active')`
  yield* sql`INSERT INTO guests (event_id, guest_id, name, email, ticket_type, locale)
    VALUES (${eventId}, 1, 'A', 'a@example.com', 'VIP', 'fr'), (${eventId}, 2, 'B', 'b@example.com', 'VIP', 'fr')`
  yield* sql`INSERT INTO tickets (event_id, guest_id, code, ticket_type, template_id, payment_state, flow_id)
    VALUES (${eventId}, 1, ${`${flowId}-1`}, 'VIP', 1, 'pending', ${flowId}),
      (${eventId}, 2, ${`${flowId}-2`}, 'VIP', 1, 'free', ${flowId})`
})

const ticketStates = (flowId: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`SELECT payment_state FROM tickets WHERE flow_id = ${flowId} ORDER BY guest_id`
  )

/** The event of the documented body is somebody's. */
const database = Layer.provideMerge(
  Layer.effectDiscard(numbered("organizer-1", documented.metadata.event_id ?? 1)),
  TestDatabase.layer
)

layer(Layer.provideMerge(PaymentStore.layer, database))("the payment store", (it) => {
  it.effect("makes a payment of the documented body when it never asked for one", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const { fresh, payment } = yield* payments.apply(documented)
      assert.isTrue(fresh)
      assert.strictEqual(payment.status, "settled")
      assert.deepStrictEqual(payment.customer, fixture.customer)
      assert.deepStrictEqual(payment.payment_method, fixture.payment_method)
      const view = Option.getOrThrow(yield* payments.view("pay_1234567890"))
      assert.deepStrictEqual(view.template_access, [1])
      assert.strictEqual(view.invoice_number, null)
      assert.strictEqual(view.event_id, 1)
    }))

  it.effect("knows what it was paid with, whatever was declined before or told later", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const visa = { type: "card", brand: "visa", last4: "0002" }
      const mastercard = { type: "card", brand: "mastercard", last4: "4444" }
      for (const order of permutations(["failed", "completed", "refunded"])) {
        const paymentId = `pay_card_${order.join("_")}`
        for (const type of order) {
          const payment_method = type === "failed" ? visa : mastercard
          yield* payments.apply(webhook(paymentId, type, { payment_method }))
        }
        const row = Option.getOrThrow(yield* payments.get(paymentId))
        assert.deepStrictEqual(row.payment_method, mastercard, paymentId)
      }
    }))

  it.effect("ends in the same state after every order of the five events", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const outcomes = new Set<string>()
      let at = 0
      for (const order of permutations(types)) {
        const paymentId = `pay_order${at++}`
        for (const type of order) yield* payments.apply(webhook(paymentId, type))
        outcomes.add(JSON.stringify(yield* outcome(paymentId)))
      }
      assert.strictEqual(at, 120)
      assert.strictEqual(outcomes.size, 1)
      assert.include([...outcomes][0]!, `"status":"disputed"`)
    }), 60_000)

  it.effect("ends in the same state after every order of any of the events, some told twice", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      let at = 0
      for (
        const subset of [["completed", "failed"], ["completed", "refunded", "failed"], ["canceled", "failed"]]
      ) {
        const outcomes = new Set<string>()
        for (const order of permutations(subset)) {
          const paymentId = `pay_subset${at++}`
          for (const type of [...order, ...order.toReversed()]) {
            yield* payments.apply(webhook(paymentId, type))
          }
          outcomes.add(JSON.stringify(yield* outcome(paymentId)))
        }
        assert.strictEqual(outcomes.size, 1, subset.join())
      }
    }))

  it.effect("does not move a settled payment back when a failure comes late", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      yield* payments.apply(webhook("pay_late", "completed"))
      const { fresh, payment, previous } = yield* payments.apply(webhook("pay_late", "failed"))
      assert.deepStrictEqual([fresh, previous, payment.status], [true, "settled", "settled"])
    }))

  it.effect("hears a repeated webhook without effect", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const first = yield* payments.apply(webhook("pay_again", "completed"))
      const second = yield* payments.apply(webhook("pay_again", "completed"))
      assert.deepStrictEqual([first.fresh, second.fresh], [true, false])
      assert.deepStrictEqual(second.payment.settled_at, first.payment.settled_at)
    }))

  it.effect("keeps another price than was asked, once, and stays pending until the right one comes", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      yield* payments.begin(asked("pay_price"))
      for (const body of [{ amount: 1 }, { currency: "USD" }, { amount: 1 }]) {
        yield* payments.apply(webhook("pay_price", "completed", body))
      }
      const wrong = Option.getOrThrow(yield* payments.get("pay_price"))
      assert.deepStrictEqual(
        [wrong.status, wrong.amount_received, wrong.attention],
        ["pending", 1, ["amount_mismatch"]]
      )
      yield* payments.apply(webhook("pay_price", "completed", { webhook_id: "wh_right" }))
      const right = Option.getOrThrow(yield* payments.get("pay_price"))
      assert.deepStrictEqual([right.status, right.amount_received, right.attention], ["settled", 9999, []])
    }))

  it.effect("keeps an event type it does not know, and decides nothing by it", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const body = webhook("pay_partial", "reviewed", { amount: 10 })
      yield* payments.begin(asked("pay_partial"))
      assert.strictEqual((yield* payments.apply(body)).payment.status, "pending")
    }))

  it.effect("grants template access once paid, takes it back at the refund, and once only", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      yield* payments.apply(webhook("pay_access", "completed"))
      yield* payments.apply(webhook("pay_access", "refunded"))
      const refunded = yield* access("pay_access")
      assert.strictEqual(refunded.length, 1)
      assert.isNotNull(refunded[0]!.revoked_at)
      yield* payments.apply(webhook("pay_access", "completed", { webhook_id: "wh_other" }))
      assert.deepStrictEqual(yield* access("pay_access"), refunded)
    }))

  it.effect("gives the flow's tickets the payment's state, also those issued after it was decided", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      yield* payments.begin(asked("pay_flow", { flowId: "flow_a", eventId: 7 }))
      yield* payments.apply(webhook("pay_flow", "completed"))
      yield* seedFlow(7, "flow_a")
      yield* payments.syncTickets("flow_a")
      assert.deepStrictEqual(yield* ticketStates("flow_a"), [{ payment_state: "paid" }, {
        payment_state: "free"
      }])
      yield* payments.apply(webhook("pay_flow", "failed"))
      yield* payments.apply(webhook("pay_flow", "refunded"))
      assert.deepStrictEqual(yield* ticketStates("flow_a"), [{ payment_state: "refunded" }, {
        payment_state: "free"
      }])
    }))

  it.effect("begins a payment once, by its id and by its flow", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const first = yield* payments.begin(asked("pay_begin", { flowId: "flow_b" }))
      const again = yield* payments.begin(asked("pay_begin", { flowId: "flow_b", amount: 5 }))
      const other = yield* payments.begin(asked("pay_begin2", { flowId: "flow_b" }))
      assert.deepStrictEqual([first.amount, again.amount, other.payment_id], [9999, 9999, "pay_begin"])
      yield* payments.accepted("pay_begin", "pi_1")
      yield* payments.accepted("pay_begin", "pi_2")
      const found = Option.getOrThrow(yield* payments.forFlow("flow_b"))
      assert.strictEqual(found.gateway_ref, "pi_1")
    }))

  it.effect("closes a payment that no webhook will decide, unless it is settled", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      yield* payments.begin(asked("pay_close"))
      yield* payments.close("pay_close", "payment.failed")
      assert.strictEqual(yield* payments.status("pay_close"), "failed")
      yield* payments.apply(webhook("pay_close", "completed"))
      yield* payments.close("pay_close", "payment.canceled")
      assert.strictEqual(yield* payments.status("pay_close"), "settled")
      assert.isTrue(Option.isNone(yield* payments.close("pay_nobody", "payment.failed")))
    }))

  it.effect("counts simultaneous deliveries of one event as one, and loses none of different ones", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      for (let round = 0; round < 20; round++) {
        const paymentId = `pay_race${round}`
        yield* payments.begin(asked(paymentId))
        const all = yield* Effect.all(
          [...types, ...types].map((type) => payments.apply(webhook(paymentId, type))),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(all.filter(({ fresh }) => fresh).length, types.length)
        assert.strictEqual(yield* payments.status(paymentId), "disputed")
      }
    }))

  it.effect("keeps a payment of an event that is nobody's, or more than one's, and opens nothing by it", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const sql = yield* SqlClient.SqlClient
      yield* sql`
        INSERT INTO event_numbers (event_id, owner, number)
        VALUES (5001, 'organizer-1', 42), (5002, 'organizer-2', 42), (5003, 'organizer-2', 43)`
      const paid = Effect.fnUntraced(function* (eventId: number) {
        const metadata = { ...documented.metadata, event_id: eventId }
        const paymentId = `pay_of_${eventId}`
        const { payment } = yield* payments.apply(webhook(paymentId, "completed", { metadata }))
        const granted = (yield* access(paymentId)).length
        return [payment.status, payment.owner, payment.attention, payment.create_invoice, granted]
      })
      assert.deepStrictEqual(yield* paid(43), ["settled", "organizer-2", [], true, 1])
      for (const eventId of [404, 42]) {
        assert.deepStrictEqual(yield* paid(eventId), ["settled", null, ["unknown_event"], false, 0])
      }
    }))

  it.effect("lets the gateway be asked about a payment once in a while", () =>
    Effect.gen(function* () {
      const { begin, mayCheck } = yield* PaymentStore
      const sql = yield* SqlClient.SqlClient
      const checkedAgo = (seconds: number) =>
        sql`UPDATE payments SET checked_at = now() - make_interval(secs => ${seconds}::int) WHERE payment_id = 'pay_ask'`
      yield* begin(asked("pay_ask"))
      assert.isTrue(yield* mayCheck("pay_ask"))
      yield* checkedAgo(6)
      assert.isTrue(yield* mayCheck("pay_ask"))
      yield* checkedAgo(-3_600)
      assert.isFalse(yield* mayCheck("pay_ask"))
      yield* checkedAgo(6)
      const both = yield* Effect.all([mayCheck("pay_ask"), mayCheck("pay_ask")], { concurrency: 2 })
      assert.sameMembers(both, [true, false])
    }))
})
