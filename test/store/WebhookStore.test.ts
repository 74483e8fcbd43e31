/** A webhook is stored once, and its repeats are told what the first was told. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type Delivery, WebhookStore } from "../../src/store/WebhookStore.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const delivery: Delivery = {
  source: "payment",
  webhookId: "wh_1",
  eventType: "payment.completed",
  body: { amount: 9999 },
  headers: { "x-request-id": "req_1" }
}

layer(Layer.provideMerge(WebhookStore.layer, TestDatabase.layer))("the webhook store", (it) => {
  it.effect("gives a repeat the first answer, and keeps that one", () =>
    Effect.gen(function* () {
      const webhooks = yield* WebhookStore
      assert.deepStrictEqual(yield* webhooks.receive(delivery), { fresh: true, answer: null })
      assert.deepStrictEqual(yield* webhooks.receive(delivery), { fresh: false, answer: null })
      yield* webhooks.answered("payment", "wh_1", { status: "settled" })
      yield* webhooks.answered("payment", "wh_1", { status: "other" })
      assert.deepStrictEqual(yield* webhooks.receive(delivery), {
        fresh: false,
        answer: { status: "settled" }
      })
    }))

  it.effect("keeps the ids of two senders apart, and takes simultaneous repeats once", () =>
    Effect.gen(function* () {
      const webhooks = yield* WebhookStore
      const one: Delivery = { ...delivery, source: "ticket", webhookId: "wh_2" }
      yield* webhooks.receive({ ...one, source: "payment" })
      const all = yield* Effect.all([one, one, one, one].map(webhooks.receive), { concurrency: "unbounded" })
      assert.strictEqual(all.filter(({ fresh }) => fresh).length, 1)
    }))
})
