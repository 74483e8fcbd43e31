/**
 * The sandbox plays Stripe: real signed webhooks, translated to the documented body, and none of them lost.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue, Ref } from "effect"
import { HttpClientRequest } from "effect/http"
import { KeyValueStore, PersistedQueue } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import { PaymentClient } from "../../../../src/payments/PaymentClient.ts"
import { declinedAmount } from "../../../../src/services/payments/sandbox/SandboxGateway.ts"
import { ServiceTransport } from "../../../../src/trust/ServiceTransport.ts"
import * as TestDatabase from "../../../support/TestDatabase.ts"
import { asking, Core, memory, nextHeard, sandbox } from "../PaymentWorld.ts"

const documented = JSON.parse(Fs.readFileSync("test/fixtures/bodies/2-payment-webhook.request.json", "utf8"))

const stored = Layer.merge(
  KeyValueStore.layerSql(),
  Layer.provide(PersistedQueue.layer, PersistedQueue.layerStoreSql())
).pipe(Layer.provide(TestDatabase.layer))

const world = Layer.provideMerge(sandbox, memory)

const byHand = Effect.fn(function* (paymentId: string, action: string, body: object = {}) {
  const client = (yield* ServiceTransport).client("payments", { as: "event-planner-core" })
  const response = yield* HttpClientRequest.post(`/sandbox/payments/${paymentId}/${action}`).pipe(
    HttpClientRequest.bodyText(JSON.stringify(body), "application/json"),
    client.execute
  )
  return response.status
})

describe("the sandbox gateway", () => {
  it.live("tells the core in the documented body, key by key, under the documented headers", () =>
    Effect.gen(function* () {
      const client = yield* PaymentClient
      const answer = yield* client.create(asking())
      assert.deepStrictEqual([answer.payment_id, answer.status, answer.gateway], [
        "pay_1234567890",
        "pending",
        "sandbox"
      ])
      const { body, headers } = yield* nextHeard
      assert.deepStrictEqual(Object.keys(body).toSorted(), Object.keys(documented).toSorted())
      for (const part of ["metadata", "customer", "payment_method"]) {
        assert.deepStrictEqual(
          Object.keys(body[part] as object).toSorted(),
          Object.keys(documented[part]).toSorted(),
          part
        )
      }
      const same = ["event_type", "payment_id", "amount", "currency", "status", "metadata", "payment_method"]
      for (const key of same) assert.deepStrictEqual(body[key], documented[key], key)
      assert.match(String(body.webhook_id), /^wh_evt_sandbox_/)
      assert.strictEqual(headers["x-service-name"], "payment-service")
      assert.strictEqual(headers["x-request-id"], `req_${String(body.webhook_id).slice(3)}`)
      for (const name of ["stripe-signature", "x-timestamp", "content-type"]) {
        assert.isString(headers[name], name)
      }
    }).pipe(Effect.provide(world)))

  it.live("sends an event again until the core takes it", () =>
    Effect.gen(function* () {
      const { refusals } = yield* Core
      yield* Ref.set(refusals, 2)
      yield* (yield* PaymentClient).create(asking())
      const { body } = yield* nextHeard
      assert.strictEqual(body.event_type, "payment.completed")
      assert.strictEqual(yield* Ref.get(refusals), 0)
    }).pipe(Effect.provide(world)), 30_000)

  it.live("makes one event of a payment that is asked for twice, and the same one after a restart without memory", () =>
    Effect.gen(function* () {
      const once = Effect.gen(function* () {
        const client = yield* PaymentClient
        yield* client.create(asking())
        const { body } = yield* nextHeard
        yield* client.create(asking())
        yield* client.create(asking({ payment_id: "pay_other" }))
        const second = yield* nextHeard
        assert.strictEqual(second.body.payment_id, "pay_other")
        return body.webhook_id
      })
      assert.strictEqual(yield* Effect.provide(once, world), yield* Effect.provide(once, world))
    }))

  it.live("remembers an event that it could not send before it died", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* Ref.set((yield* Core).refusals, 1_000)
        yield* (yield* PaymentClient).create(asking({ payment_id: "pay_survivor" }))
      }).pipe(Effect.provide(sandbox))
      const { body } = yield* Effect.provide(nextHeard, sandbox)
      assert.strictEqual(body.payment_id, "pay_survivor")
    }).pipe(Effect.provide(memory)), 30_000)

  it.live("works the same with its memory in SQL", () =>
    Effect.gen(function* () {
      yield* (yield* PaymentClient).create(asking())
      assert.strictEqual((yield* nextHeard).body.event_type, "payment.completed")
      yield* (yield* PaymentClient).refund("pay_1234567890", { reason: "stopped" })
      assert.strictEqual((yield* nextHeard).body.event_type, "payment.refunded")
    }).pipe(Effect.provide(Layer.provideMerge(sandbox, stored))))

  it.live("declines by webhook, as it is asked", () =>
    Effect.gen(function* () {
      const client = yield* PaymentClient
      for (
        const declined of [{ amount: declinedAmount }, {
          customer: { email: "declined+1@example.com", name: "D" }
        }]
      ) {
        const payment_id = `pay_${JSON.stringify(declined).length}`
        yield* client.create(asking({ payment_id, ...declined }))
        const { body } = yield* nextHeard
        assert.deepStrictEqual([body.event_type, body.payment_id, body.status], [
          "payment.failed",
          payment_id,
          "failed"
        ])
        assert.deepStrictEqual(body.payment_method, { type: "card", brand: "visa", last4: "0002" })
      }
    }).pipe(Effect.provide(world)))

  it.effect("refuses or is in trouble at once, as it is asked, and says whether to try again", () =>
    Effect.gen(function* () {
      const client = yield* PaymentClient
      const reasons = { invalid: "invalid", unavailable: "unavailable", ratelimited: "rate_limited" }
      for (const [local, reason] of Object.entries(reasons)) {
        const fiber = yield* Effect.forkChild(Effect.flip(
          client.create(
            asking({ payment_id: `pay_${local}`, customer: { email: `${local}@example.com`, name: "X" } })
          )
        ))
        while (fiber.pollUnsafe() === undefined) {
          yield* TestClock.adjust("1 second")
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        }
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual([error.reason, error.retryable], [reason, reason !== "invalid"])
      }
    }).pipe(Effect.provide(world)))

  it.live("leaves a payment open until its customer acts, then refunds in parts and disputes", () =>
    Effect.gen(function* () {
      const client = yield* PaymentClient
      const answer = yield* client.create(asking({ auto_confirm: false }))
      assert.strictEqual(answer.status, "requires_action")
      assert.isString(answer.client_secret)
      assert.strictEqual(yield* byHand("pay_1234567890", "refund"), 409)
      assert.strictEqual(yield* byHand("pay_nobody", "confirm"), 404)
      const heard: Array<unknown> = []
      const act = (action: string, body?: object) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* byHand("pay_1234567890", action, body), 200)
          const { body: { amount, event_type } } = yield* nextHeard
          heard.push([event_type, amount])
        })
      yield* act("fail")
      yield* act("confirm")
      yield* act("refund", { amount: 999 })
      yield* act("refund", { amount: 9000 })
      yield* act("dispute")
      assert.deepStrictEqual(heard, [
        ["payment.failed", 9999],
        ["payment.completed", 9999],
        ["payment.partially_refunded", 9999],
        ["payment.refunded", 9999],
        ["payment.disputed", 9999]
      ])
    }).pipe(Effect.provide(world)))

  it.live("refunds once for the same reason, cancels what is open, and keeps what is charged", () =>
    Effect.gen(function* () {
      const client = yield* PaymentClient
      const { heard } = yield* Core
      yield* client.create(asking())
      yield* nextHeard
      const kept = yield* Effect.flip(client.cancel("pay_1234567890"))
      assert.deepStrictEqual([kept.reason, kept.retryable], ["invalid", false])
      yield* client.refund("pay_1234567890", { refund_id: "whole", reason: "the flow was stopped" })
      assert.strictEqual((yield* nextHeard).body.event_type, "payment.refunded")
      yield* client.refund("pay_1234567890", { refund_id: "whole", reason: "the flow was stopped" })
      yield* client.create(asking({ payment_id: "pay_open", auto_confirm: false }))
      yield* client.cancel("pay_open")
      yield* client.cancel("pay_open")
      assert.strictEqual((yield* nextHeard).body.event_type, "payment.canceled")
      assert.strictEqual(yield* Queue.size(heard), 0)
      yield* client.create(asking({ payment_id: "pay_twice" }))
      yield* nextHeard
      for (const refunded of [1000, 2000]) {
        yield* client.refund("pay_twice", { amount: 1000, reason: "a seat was wet" })
        const { body } = yield* nextHeard
        assert.deepStrictEqual([body.event_type, body.facts], ["payment.partially_refunded", {
          amount_refunded: refunded
        }])
      }
      const unknown = yield* Effect.flip(client.refund("pay_nobody", { reason: "x" }))
      assert.strictEqual(unknown.reason, "unknown_payment")
      const other = yield* Effect.flip(client.create(asking({ amount: 1 })))
      assert.strictEqual(other.reason, "invalid")
    }).pipe(Effect.provide(world)))
})
