/**
 * Which gateway a start gets: never the sandbox by accident.
 * Guards whose removal turns this file red: the refusal of `chosen`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { sentenceOf } from "../../../src/cli/Sentence.ts"
import { PaymentClient } from "../../../src/payments/PaymentClient.ts"
import { asking, chosenBy, memory } from "./PaymentWorld.ts"

const server = { DATABASE_URL: "postgres://guichet@db.example/guichet" }

const built = (environment: Readonly<Record<string, string>>) =>
  Effect.scoped(Layer.build(Layer.provide(chosenBy(environment), memory)))

const gateway = (environment: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    return (yield* (yield* PaymentClient).create(asking({ auto_confirm: false }))).gateway
  }).pipe(Effect.provide(Layer.provide(chosenBy(environment), memory)))

describe("the payment service", () => {
  it.live("does not start on a database server without Stripe's key, and says what to set", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(built(server))
      assert.strictEqual(error._tag, "GatewayMissing")
      assert.strictEqual(
        sentenceOf(error),
        "Set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, or PAYMENTS=sandbox to play with payments that cost nothing."
      )
    }))

  it.live("plays with the sandbox there when it is told to, and without a database server by itself", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* gateway({ ...server, PAYMENTS: "sandbox" }), "sandbox")
      assert.strictEqual(yield* gateway({}), "sandbox")
      assert.strictEqual(yield* gateway({ DATABASE_URL: " " }), "sandbox")
    }))

  it.live("starts with Stripe's key, and not with Stripe and no key", () =>
    Effect.gen(function* () {
      yield* built({ ...server, STRIPE_SECRET_KEY: "sk_test_123" })
      yield* Effect.flip(built({ PAYMENTS: "stripe" }))
    }))
})
