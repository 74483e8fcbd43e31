/**
 * Payments whose webhooks were lost are asked about, and orders that nobody pays end.
 * Guards whose removal turns this file red: each condition of `due`, of refunds too, of `abandoned` and of `expire`; the pages of a sweep;
 * the second question to a payment that cannot be called off, the end of one that the gateway does not know.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Duration, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { PaymentStatus } from "../../rpc/Payment.ts"
import { PaymentWebhook } from "../../rpc/payments/PaymentWebhook.ts"
import { PaymentCallError, PaymentClient } from "../../src/payments/PaymentClient.ts"
import { callOff, reconcile } from "../../src/payments/PaymentKeeper.ts"
import { PaymentStore } from "../../src/store/payments/PaymentStore.ts"
import documented from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { numbered } from "../support/EventIds.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const body = Schema.decodeUnknownSync(PaymentWebhook)(documented)

/** A gateway where everything was paid; what it is asked is counted. */
const asked: Array<string> = []

const paidThere = Layer.effect(
  PaymentClient,
  Effect.map(PaymentStore, (payments) => {
    const told = (paymentId: string, event: "completed" | "canceled") =>
      Effect.flatMap(DateTime.now, (timestamp) =>
        payments.apply({
          ...body,
          payment_id: paymentId,
          webhook_id: `wh_check_${paymentId}_${event}`,
          event_type: `payment.${event}`,
          timestamp
        }))
    return PaymentClient.of({
      create: () => Effect.die("Nothing is asked for here"),
      refund: () => Effect.void,
      check: (id) =>
        Effect.suspend(() => {
          asked.push(`check ${id}`)
          return id.startsWith("pay_refused")
            ? Effect.fail(new PaymentCallError({ reason: "invalid", message: "Refused.", retryable: false }))
            : Effect.as(told(id, "completed"), true)
        }),
      cancel: (id) =>
        Effect.suspend(() => {
          asked.push(`cancel ${id}`)
          const refused = (reason: "invalid" | "unknown_payment") =>
            Effect.fail(new PaymentCallError({ reason, message: "No.", retryable: false }))
          if (id === "pay_unknown") return refused("unknown_payment")
          return /^pay_(charged|refused)/.test(id) ? refused("invalid") : Effect.asVoid(told(id, "canceled"))
        })
    })
  })
)

const Env = paidThere.pipe(
  Layer.provideMerge(PaymentStore.layer),
  Layer.provideMerge(TestDatabase.layer)
)

/** A payment of so many minutes ago. */
const seed = Effect.fnUntraced(function* (
  paymentId: string,
  minutes: number,
  status: PaymentStatus = "pending",
  flow: string | null = null
) {
  const sql = yield* SqlClient.SqlClient
  const flowId = flow === null ? null : `flow_${paymentId}`
  yield* sql`
    INSERT INTO payments (payment_id, flow_id, amount, currency, status, gateway, gateway_ref, owner, created_at, updated_at)
    SELECT ${paymentId}, ${flowId}, 9999, 'EUR', ${status}, 'stripe', ${`pi_${paymentId}`}, 'alice', t.at, t.at
    FROM (SELECT now() - make_interval(mins => ${minutes}::int) AS at) t`
  if (flowId === null) return
  yield* numbered("alice", 1)
  yield* sql`
    INSERT INTO events (event_id, owner, title, starts_at, timezone, location, max_attendees, status)
    VALUES (1, 'alice', 'Concert', now(), 'Europe/Paris', 'Paris', 10, 'active') ON CONFLICT DO NOTHING`
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
    VALUES (${flowId}, 'complete_event_flow', 'alice', 1, ${flow}, '{}', now())`
  yield* sql`
    INSERT INTO guests (event_id, guest_id, name, email, ticket_type, locale)
    SELECT 1, coalesce(max(guest_id), 0) + 1, 'A', 'a@example.com', 'VIP', 'fr' FROM guests WHERE event_id = 1`
  yield* sql`
    INSERT INTO tickets (event_id, guest_id, code, ticket_type, template_id, payment_state, flow_id)
    SELECT 1, max(guest_id), ${`code-${paymentId}`}, 'VIP', 1, 'pending', ${flowId} FROM guests WHERE event_id = 1`
})

const statusOf = (paymentId: string) => Effect.flatMap(PaymentStore, (payments) => payments.status(paymentId))

const ticketOf = Effect.fnUntraced(function* (paymentId: string) {
  const sql = yield* SqlClient.SqlClient
  const [ticket] = yield* sql<{ status: string }>`
    SELECT status FROM tickets WHERE flow_id = ${`flow_${paymentId}`}`
  return ticket?.status
})

layer(Env, { excludeTestServices: true })("a payment that nothing is heard of", (it) => {
  it.effect("that was never opened ends, and one that cannot be called off lets others go first", () =>
    Effect.gen(function* () {
      asked.length = 0
      const sql = yield* SqlClient.SqlClient
      yield* seed("pay_refused_new", 25 * 60, "failed", "completed_with_errors")
      yield* seed("pay_refused_known", 26 * 60, "failed", "completed_with_errors")
      yield* sql`UPDATE payments SET gateway_ref = NULL WHERE payment_id = 'pay_refused_new'`
      assert.strictEqual(yield* callOff(Duration.hours(24)), 1)
      assert.strictEqual(yield* ticketOf("pay_refused_new"), "voided")
      assert.deepStrictEqual(
        [yield* statusOf("pay_refused_new"), yield* statusOf("pay_refused_known")],
        ["canceled", "failed"]
      )
      asked.length = 0
      yield* callOff(Duration.hours(24))
      assert.deepStrictEqual(asked, [])
      assert.strictEqual(yield* ticketOf("pay_refused_known"), "issued")
    }))

  it.effect("is asked about once it is late, and settled by what the gateway knows; one sweep settles all", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`
        INSERT INTO payments (payment_id, amount, currency, status, gateway, gateway_ref, owner, created_at, updated_at)
        SELECT 'pay_lost_' || at, 9999, 'EUR', 'pending', 'stripe', 'pi_' || at, 'alice', now() - interval '1 hour',
          now() - interval '1 hour' FROM generate_series(1, 450) AS at`
      yield* seed("pay_fresh", 2)
      yield* seed("pay_settled", 60, "settled")
      yield* sql`UPDATE payments SET checked_at = now() WHERE payment_id = 'pay_lost_450'`
      assert.strictEqual(yield* reconcile, 449)
      const [{ settled }] = (yield* sql`
        SELECT count(*)::int AS settled FROM payments WHERE payment_id LIKE 'pay\\_lost\\_%' AND status = 'settled'`) as [
        { settled: number }
      ]
      assert.strictEqual(settled, 449)
      assert.strictEqual(yield* statusOf("pay_fresh"), "pending")
      assert.strictEqual(yield* reconcile, 0)
    }))

  it.effect("is called off after its deadline, when its flow is over, and its tickets are void", () =>
    Effect.gen(function* () {
      asked.length = 0
      yield* seed("pay_old", 25 * 60, "pending", "completed_with_errors")
      yield* seed("pay_young", 23 * 60, "pending", "completed_with_errors")
      yield* seed("pay_running", 25 * 60, "pending", "running")
      yield* seed("pay_charged", 25 * 60, "pending", "completed_with_errors")
      yield* seed("pay_unknown", 25 * 60, "pending", "completed_with_errors")
      assert.strictEqual(yield* callOff(Duration.hours(24)), 2)
      assert.deepStrictEqual([...asked].sort(), [
        "cancel pay_charged",
        "cancel pay_old",
        "cancel pay_unknown",
        "check pay_charged"
      ])
      const states = yield* Effect.forEach(
        ["pay_old", "pay_young", "pay_running", "pay_charged", "pay_unknown"],
        (id) => Effect.all([statusOf(id), ticketOf(id)])
      )
      assert.deepStrictEqual(states, [
        ["canceled", "voided"],
        ["pending", "issued"],
        ["pending", "issued"],
        ["settled", "issued"],
        ["canceled", "voided"]
      ])
    }))

  it.effect("is due while it is open or disputed and known to the gateway, the older the seldomer, for 120 days", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [hour, day] = [60, 24 * 60]
      /** Made and last heard of so many minutes ago. */
      const payments = {
        pending: ["pending", hour, hour],
        failed: ["failed", hour, hour],
        disputed: ["disputed", hour, hour],
        settled: ["settled", hour, hour],
        canceled: ["canceled", hour, hour],
        refunded: ["refunded", hour, hour],
        unasked: ["pending", hour, hour],
        forgotten: ["pending", 121 * day, 121 * day],
        kept: ["pending", 119 * day, 119 * day],
        heard: ["pending", hour, 2],
        hours: ["pending", 8 * hour, 62],
        hoursLately: ["pending", 8 * hour, 30],
        days: ["pending", 60 * day, 7 * hour],
        daysLately: ["pending", 60 * day, 5 * hour]
      } as const
      for (const [name, [status, made, heard]] of Object.entries(payments)) {
        const id = `pay_due_${name}`
        yield* seed(id, made, status)
        yield* sql`UPDATE payments SET updated_at = now() - make_interval(mins => ${heard}::int) WHERE payment_id = ${id}`
      }
      yield* sql`UPDATE payments SET gateway_ref = NULL WHERE payment_id = 'pay_due_unasked'`
      const { due } = yield* PaymentStore
      const ours = Effect.map(
        due(1_000),
        (ids) => ids.filter((id) => id.startsWith("pay_due_")).map((id) => id.slice("pay_due_".length))
      )
      assert.sameMembers(yield* ours, ["pending", "failed", "disputed", "kept", "hours", "days"])
      assert.deepStrictEqual(yield* ours, [])
    }))

  it.effect("is due while the gateway has a refund of it that nothing is heard of", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const refunds = {
        pending: ["pending", 60],
        fresh: ["pending", 2],
        requested: ["requested", 60],
        succeeded: ["succeeded", 60],
        ancient: ["pending", 121 * 24 * 60]
      } as const
      for (const [name, [status, minutes]] of Object.entries(refunds)) {
        const id = `pay_refund_${name}`
        yield* seed(id, 200 * 24 * 60, "settled")
        yield* sql`
          INSERT INTO refunds (refund_id, payment_id, amount, currency, reason, origin, status, created_at, updated_at)
          SELECT ${`refund_${name}`}, ${id}, 1, 'EUR', 'x', 'organizer', ${status}, t.at, t.at
          FROM (SELECT now() - make_interval(mins => ${minutes}::int) AS at) t`
      }
      const { due } = yield* PaymentStore
      const ours = Effect.map(due(1_000), (ids) => ids.filter((id) => id.startsWith("pay_refund_")))
      assert.deepStrictEqual(yield* ours, ["pay_refund_pending"])
      assert.deepStrictEqual(yield* ours, [])
    }))

  it.effect("is abandoned while it may be charged, and its tickets end once it is called off", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [old, young, day] = [25 * 60, 23 * 60, 24 * 3_600]
      const orders = {
        pending: ["pending", old, "completed_with_errors", "pending"],
        declined: ["failed", old, "completed_with_errors", "failed"],
        settled: ["settled", old, "completed", "paid"],
        young: ["pending", young, "completed_with_errors", "pending"],
        running: ["pending", old, "running", "pending"],
        accepted: ["pending", old, "accepted", "pending"],
        canceled: ["canceled", old, "completed_with_errors", "failed"],
        canceledYoung: ["canceled", young, "completed_with_errors", "failed"],
        canceledRunning: ["canceled", old, "running", "failed"],
        canceledAccepted: ["canceled", old, "accepted", "failed"],
        adopted: ["canceled", old, "completed", "paid"],
        voided: ["canceled", old, "completed", "failed"]
      } as const
      for (const [name, [status, minutes, flow, ticket]] of Object.entries(orders)) {
        yield* seed(`pay_order_${name}`, minutes, status, flow)
        yield* sql`UPDATE tickets SET payment_state = ${ticket} WHERE flow_id = ${`flow_pay_order_${name}`}`
      }
      yield* sql`
        UPDATE tickets SET status = 'voided', voided_at = now(), void_reason = 'by hand'
        WHERE flow_id = 'flow_pay_order_voided'`
      const { abandoned, expire } = yield* PaymentStore
      const given = (yield* abandoned(day, 100)).map(({ payment_id: id }) => id)
        .filter((id) => id.startsWith("pay_order_"))
      assert.sameMembers(given, ["pay_order_pending", "pay_order_declined"])
      yield* expire(day)
      const ended = yield* sql`
        SELECT flow_id, void_reason FROM tickets WHERE flow_id LIKE 'flow\\_pay\\_order\\_%' AND status = 'voided'
        ORDER BY flow_id`
      assert.deepStrictEqual(ended, [
        { flow_id: "flow_pay_order_canceled", void_reason: "the order was not paid in time" },
        { flow_id: "flow_pay_order_voided", void_reason: "by hand" }
      ])
    }))
})
