/**
 * Who hears of a payment, and what goes back.
 * Guards whose removal turns this file red: the refund of what was not asked for, that nobody is told of a payment of an
 * event that nobody has, that refunds are told whatever else became of the payment, that a flow's payer hears of it only
 * while it stands and only where the flow's own step does not tell.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { WorkflowEngine } from "effect/workflow"
import { PaymentNotice } from "../../rpc/Delivery.ts"
import { RefundPayment } from "../../rpc/Payment.ts"
import { PaymentWebhook } from "../../rpc/payments/PaymentWebhook.ts"
import { PaymentAnnouncer } from "../../src/flows/PaymentAnnouncer.ts"
import { Triggers } from "../../src/notifications/Triggers.ts"
import { FeedStore } from "../../src/store/flows/FeedStore.ts"
import { FlowStore } from "../../src/store/flows/FlowStore.ts"
import { SequenceStore } from "../../src/store/notifications/SequenceStore.ts"
import { PaymentStore } from "../../src/store/payments/PaymentStore.ts"
import documented from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { numbered } from "../support/EventIds.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const body = Schema.decodeUnknownSync(PaymentWebhook)(documented)

/** What was begun: notices and refunds, in order. */
class Begun extends Context.Service<Begun, Array<string>>()("test/Begun") {}

const workflows = Layer.unwrap(Effect.map(Begun, (begun) =>
  Layer.mergeAll(
    PaymentNotice.toLayer(({ paymentId, refunded, status }) =>
      Effect.sync(() =>
        void begun.push([paymentId, status, ...(refunded === undefined ? [] : [refunded])].join(" "))
      )
    ),
    RefundPayment.toLayer(({ paymentId }) => Effect.sync(() => void begun.push(`give back ${paymentId}`)))
  )))

const Env = PaymentAnnouncer.layer.pipe(
  Layer.provideMerge(Layer.merge(Layer.provide(Triggers.layer, SequenceStore.layer), workflows)),
  Layer.provideMerge(Layer.mergeAll(
    PaymentStore.layer,
    Layer.provide(FlowStore.layer, FeedStore.layer),
    WorkflowEngine.layerMemory,
    Layer.sync(Begun, () => [])
  )),
  Layer.provideMerge(Layer.effectDiscard(numbered("organizer-1", 1))),
  Layer.provideMerge(TestDatabase.layer)
)

interface Told {
  readonly type: string
  readonly amount?: number
  readonly eventId?: number
  readonly facts?: PaymentWebhook["facts"]
}

/** What is begun when these events of a payment come one after the other, each told twice. */
const announced = Effect.fnUntraced(function* (paymentId: string, ...events: ReadonlyArray<Told>) {
  const payments = yield* PaymentStore
  const { announce } = yield* PaymentAnnouncer
  for (const { amount, eventId, facts, type } of events) {
    const { payment, standing } = yield* payments.apply({
      ...body,
      payment_id: paymentId,
      event_type: `payment.${type}`,
      webhook_id: `wh_${paymentId}_${type}`,
      amount: amount ?? body.amount,
      metadata: eventId === undefined ? body.metadata : { ...body.metadata, event_id: eventId },
      ...(facts === undefined ? {} : { facts })
    })
    yield* announce(payment, standing)
    yield* announce(payment, standing)
  }
  // What was begun before is through when this one is.
  yield* PaymentNotice.execute({ paymentId: `pay_after_${paymentId}`, status: "settled" })
  return (yield* Begun).filter((line) => line.includes(` ${paymentId}`) || line.startsWith(`${paymentId} `))
})

/** A payment that a flow asked for, whose messages are so far. */
const asked = Effect.fnUntraced(function* (paymentId: string, messages: "pending" | "completed") {
  const sql = yield* SqlClient.SqlClient
  const flowId = `flow_${paymentId}`
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
    VALUES (${flowId}, 'complete_event_flow', 'organizer-1', 1, 'running', '{}', now())`
  yield* sql`
    INSERT INTO flow_steps (flow_id, position, step, status) VALUES (${flowId}, 6, 'notifications', ${messages})`
  yield* (yield* PaymentStore).begin({
    paymentId,
    flowId,
    executionId: null,
    eventId: 1,
    userId: null,
    owner: "organizer-1",
    amount: body.amount,
    currency: body.currency,
    gateway: "stripe",
    customer: null,
    metadata: null,
    createInvoice: true,
    sendReceipt: true
  })
})

const part = { type: "partially_refunded", facts: { amount_refunded: 4000 } }
const disputed = {
  type: "disputed",
  facts: { dispute: { id: "dp_1", amount: body.amount, status: "open" } }
} as const

layer(Env, { excludeTestServices: true })("a payment that is decided", (it) => {
  it.effect("is told to its payer once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* announced("pay_own", { type: "completed" }), ["pay_own settled"])
      // Where no flow speaks, its receipt comes however late.
      assert.deepStrictEqual(yield* announced("pay_late", { type: "refunded" }, { type: "completed" }), [
        "pay_late refunded",
        "pay_late settled"
      ])
    }))

  it.effect("is told to nobody when its event is nobody's", () =>
    Effect.gen(function* () {
      const foreign = yield* announced("pay_foreign", { type: "completed", eventId: 404 }, {
        type: "refunded",
        eventId: 404
      })
      assert.deepStrictEqual(foreign, [])
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT trigger FROM notification_triggers WHERE event_id = 404`, [])
    }))

  it.effect("goes back once when it is not what was asked, and is not told as settled", () =>
    Effect.gen(function* () {
      yield* asked("pay_wrong", "completed")
      assert.deepStrictEqual(yield* announced("pay_wrong", { type: "completed", amount: 1 }), [
        "give back pay_wrong"
      ])
      yield* asked("pay_right", "completed")
      assert.deepStrictEqual(yield* announced("pay_right", { type: "completed" }), ["pay_right settled"])
    }))

  it.effect("is told by the step of its flow that will speak", () =>
    Effect.gen(function* () {
      yield* asked("pay_later", "pending")
      assert.deepStrictEqual(yield* announced("pay_later", { type: "completed" }), [])
    }))

  it.effect("and refunded is told so whatever else became of it", () =>
    Effect.gen(function* () {
      yield* asked("pay_back", "completed")
      yield* (yield* PaymentStore).apply({ ...body, payment_id: "pay_back", webhook_id: "wh_back_before" })
      const told = yield* announced("pay_back", disputed, part, { type: "refunded" })
      assert.deepStrictEqual(told, ["pay_back refunded 4000", "pay_back refunded"])
    }))
})
