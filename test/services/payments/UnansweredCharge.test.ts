/**
 * A payment that Stripe has not answered for is never charged by taking it back.
 * Guards whose removal turns this file red: the intent that is opened before it is confirmed, its name that is kept in
 * between, the name that a webhook tells.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import Stripe from "stripe"
import { Loopback } from "../../../src/trust/Loopback.ts"
import { PaymentClient } from "../../../src/payments/PaymentClient.ts"
import { PaymentLedger } from "../../../src/services/payments/contract/PaymentLedger.ts"
import { StripeGateway } from "../../../src/services/payments/stripe/StripeGateway.ts"
import { type Answer, type Asked, failure, fakeStripe, paymentIntent } from "./stripe/FakeStripe.ts"
import { asking, memory, over, webhookSecret } from "./PaymentWorld.ts"

const paymentId = asking().payment_id

/** It may pass, and Stripe's own client is told not to wait for that. */
const away: Answer = { ...failure(500, { type: "api_error" }), headers: { "stripe-should-retry": "false" } }
const declined = failure(402, { type: "card_error", code: "card_declined" })
const opened: Answer = { status: 200, body: paymentIntent({ status: "requires_payment_method" }) }
const canceled: Answer = { status: 200, body: paymentIntent({ status: "canceled" }) }

const isConfirmed = ({ form, path }: Asked) => path.endsWith("/confirm") || form.confirm === "true"

const asIntended = (request: Asked): Answer =>
  isConfirmed(request)
    ? { status: 200, body: paymentIntent() }
    : request.path.endsWith("/cancel")
    ? canceled
    : opened

/** The service over a Stripe that answers by script; `asked` is everything it was sent. */
const withStripe = <A, E>(
  answer: (request: Asked, nth: number) => Answer,
  test: (asked: ReadonlyArray<Asked>) => Effect.Effect<A, E, PaymentClient | PaymentLedger | Loopback>
) =>
  Effect.scoped(Effect.gen(function* () {
    const { asked, port } = yield* fakeStripe((all) => answer(all.at(-1)!, all.length))
    const gateway = StripeGateway.layerWith({
      secretKey: Redacted.make("sk_test_123"),
      paymentMethod: "pm_card_visa",
      host: "127.0.0.1",
      port,
      protocol: "http"
    })
    const world = Layer.merge(over(gateway), PaymentLedger.layer).pipe(Layer.provideMerge(memory))
    return yield* Effect.provide(test(asked), world)
  }))

const paths = (asked: ReadonlyArray<Asked>) => asked.map(({ path }) => path)

describe("a charge that Stripe has not answered for", () => {
  it.live("is canceled without being charged when Stripe is there again", () => {
    let there = false
    return withStripe((request) => there ? asIntended(request) : away, (asked) =>
      Effect.gen(function* () {
        const client = yield* PaymentClient
        assert.strictEqual((yield* Effect.flip(client.create(asking()))).reason, "unavailable")
        const before = asked.length
        there = true
        yield* client.cancel(paymentId)
        assert.deepStrictEqual(paths(asked.slice(before)), [
          "/v1/payment_intents",
          "/v1/payment_intents/pi_123/cancel"
        ])
        assert.isFalse(asked.some(isConfirmed))
      }))
  })

  it.live("keeps its name though the confirmation's answer is lost, and is canceled or refunded under it", () => {
    let there = true
    return withStripe(
      (request) => !there && isConfirmed(request) ? away : asIntended(request),
      (asked) =>
        Effect.gen(function* () {
          const client = yield* PaymentClient
          there = false
          assert.strictEqual((yield* Effect.flip(client.create(asking()))).reason, "unavailable")
          const made = asked.filter(({ method, path }) => method === "POST" && path === "/v1/payment_intents")
          assert.strictEqual(made.length, 1)
          const before = asked.length
          yield* client.cancel(paymentId)
          yield* client.refund(paymentId, { reason: "stopped" })
          assert.deepStrictEqual(paths(asked.slice(before)), [
            "/v1/payment_intents/pi_123/cancel",
            "/v1/refunds"
          ])
        })
    )
  })

  it.live("is canceled after the card was declined", () =>
    withStripe(
      (request) => isConfirmed(request) ? declined : asIntended(request),
      (asked) =>
        Effect.gen(function* () {
          const client = yield* PaymentClient
          assert.strictEqual((yield* Effect.flip(client.create(asking()))).reason, "declined")
          const before = asked.length
          yield* client.cancel(paymentId)
          assert.deepStrictEqual(paths(asked.slice(before)), ["/v1/payment_intents/pi_123/cancel"])
        })
    ))

  it.live("is known by the name that its webhook tells, when Stripe says the same of our own request", () => {
    const told: Answer = {
      status: 200,
      body: paymentIntent({ id: "pi_told", status: "requires_payment_method" })
    }
    let answer = away
    return withStripe(
      (request) => request.path === "/v1/payment_intents" ? answer : asIntended(request),
      (asked) =>
        Effect.gen(function* () {
          const client = yield* PaymentClient
          yield* Effect.flip(client.create(asking()))
          const payload = JSON.stringify({
            id: "evt_1",
            object: "event",
            type: "payment_intent.succeeded",
            created: 1_750_000_000,
            data: { object: paymentIntent({ id: "pi_told", metadata: { guichet_payment_id: paymentId } }) }
          })
          const signature = yield* Effect.promise(() =>
            Stripe.webhooks.generateTestHeaderStringAsync({
              payload,
              secret: webhookSecret,
              cryptoProvider: Stripe.createSubtleCryptoProvider()
            })
          )
          const handler = (yield* Loopback).find("payments")!
          const deliver = Effect.promise(() =>
            handler(
              new Request("http://localhost/api/webhooks/stripe", {
                method: "POST",
                headers: { "content-type": "application/json", "stripe-signature": signature },
                body: payload
              })
            )
          )
          assert.strictEqual((yield* deliver).status, 503)
          answer = told
          assert.strictEqual((yield* deliver).status, 200)
          const entry = yield* (yield* PaymentLedger).find(paymentId)
          assert.strictEqual(Option.getOrThrow(entry).ref, "pi_told")
          const before = asked.length
          yield* client.refund(paymentId, { reason: "stopped" })
          assert.deepStrictEqual(asked.slice(before).map(({ form, path }) => [path, form.payment_intent]), [
            ["/v1/refunds", "pi_told"]
          ])
        })
    )
  })
})
