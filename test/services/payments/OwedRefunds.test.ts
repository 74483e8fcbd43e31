/**
 * A refund is owed: what the gateway says of us, a key that was changed or a balance that is too low, is asked again until
 * somebody has mended it, and what it says of this refund alone is final. The same word about a new payment is final.
 * Guards whose removal turns this file red: each kind in `isCurable`, `explainRefund` in the refund's route and where a
 * payment is opened to learn its name, that a refusal which Stripe keeps under a key is asked under another.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { PaymentClient } from "../../../src/payments/PaymentClient.ts"
import { StripeGateway } from "../../../src/services/payments/stripe/StripeGateway.ts"
import { Random } from "../../fuzz/Random.ts"
import { asking, memory, over } from "./PaymentWorld.ts"
import { type Answer, type Asked, failure, fakeStripe, paymentIntent } from "./stripe/FakeStripe.ts"

const invalid = (status: number, code: string) => failure(status, { type: "invalid_request_error", code })

/** What passes once somebody has acted. */
const curable: Readonly<Record<string, Answer>> = {
  "a key that expired": invalid(401, "api_key_expired"),
  "a key that is unknown": failure(401, { type: "invalid_request_error" }),
  "a key that may not": failure(403, { type: "invalid_request_error" }),
  "too little balance": invalid(400, "balance_insufficient"),
  "too little money": invalid(400, "insufficient_funds")
}

/** What asking again cannot change. */
const final: Readonly<Record<string, Answer>> = {
  "too much": invalid(400, "amount_too_large"),
  "a dispute": invalid(400, "charge_disputed"),
  "no such payment": invalid(404, "resource_missing"),
  "another request of this name": failure(400, { type: "idempotency_error" })
}

/** Stripe whose answer about what is asked a test decides; the payment itself is opened unless it is said to be lost. */
const withStripe = <A, E>(
  answer: (asked: Asked, all: ReadonlyArray<Asked>) => Answer,
  test: (client: PaymentClient["Service"], asked: ReadonlyArray<Asked>) => Effect.Effect<A, E>
) =>
  Effect.scoped(Effect.gen(function* () {
    const { asked, port } = yield* fakeStripe((all) => {
      const said = answer(all.at(-1)!, all)
      return { ...said, headers: { "stripe-should-retry": "false", ...said.headers } }
    })
    const gateway = StripeGateway.layerWith({
      secretKey: Redacted.make("sk_test_123"),
      host: "127.0.0.1",
      port,
      protocol: "http"
    })
    const world = Layer.provideMerge(over(gateway, { PAYMENT_SERVICE_RETRIES: "0" }), memory)
    return yield* Effect.provide(Effect.flatMap(PaymentClient, (client) => test(client, asked)), world)
  }))

const paymentId = asking().payment_id
const opened: Answer = { status: 200, body: paymentIntent({ status: "requires_payment_method" }) }
const refunded: Answer = { status: 200, body: { id: "re_1", object: "refund" } }
const refund = { refund_id: "refund_1", amount: 500, reason: "the hall burnt down" }

const isRefund = ({ path }: Asked) => path.startsWith("/v1/refunds")

describe("a refund that is owed", () => {
  it.live("is asked again after whatever is not about it, as often as that is said, and then made", () =>
    Effect.gen(function* () {
      const random = new Random(20_261_130)
      for (const [name, refusal] of Object.entries(curable)) {
        const times = 1 + random.below(3)
        let said = 0
        yield* withStripe(
          (asked) => isRefund(asked) ? said++ < times ? refusal : refunded : opened,
          (client) =>
            Effect.gen(function* () {
              yield* client.create(asking())
              for (let nth = 1; nth <= times; nth++) {
                const error = yield* Effect.flip(client.refund(paymentId, refund))
                assert.deepStrictEqual([error.reason, error.retryable], ["unavailable", true], name)
              }
              yield* client.refund(paymentId, refund)
            })
        )
      }
    }))

  it.live("is asked again too where the payment has to be opened to learn its name", () =>
    Effect.gen(function* () {
      for (const [name, refusal] of Object.entries(curable)) {
        let nth = 0
        yield* withStripe(
          (asked) => isRefund(asked) ? refunded : nth++ < 2 ? refusal : opened,
          (client) =>
            Effect.gen(function* () {
              const lost = yield* Effect.flip(client.create(asking()))
              assert.deepStrictEqual([lost.reason, lost.retryable], ["invalid", false], name)
              const error = yield* Effect.flip(client.refund(paymentId, refund))
              assert.deepStrictEqual([error.reason, error.retryable], ["unavailable", true], name)
              yield* client.refund(paymentId, refund)
            })
        )
      }
    }))

  it.live("is refused by what is said of it alone", () =>
    Effect.gen(function* () {
      for (const [name, refusal] of Object.entries(final)) {
        yield* withStripe((asked) => isRefund(asked) ? refusal : opened, (client) =>
          Effect.gen(function* () {
            yield* client.create(asking())
            const error = yield* Effect.flip(client.refund(paymentId, refund))
            assert.deepStrictEqual([error.reason, error.retryable], ["invalid", false], name)
          }))
      }
    }))

  it.live("is asked under another key where Stripe keeps the refusal under the first", () =>
    withStripe(
      (asked, all) => {
        if (!isRefund(asked)) return opened
        if (asked.method === "GET") return { status: 200, body: { object: "list", data: [] } }
        const first = all.find(({ key, method }) => method === "POST" && key?.startsWith("refund_"))!.key
        if (asked.key !== first) return refunded
        const again = all.filter(({ key }) => key === first).length > 1
        return { ...curable["too little balance"]!, headers: again ? { "idempotent-replayed": "true" } : {} }
      },
      (client) =>
        Effect.gen(function* () {
          yield* client.create(asking())
          assert.isTrue((yield* Effect.flip(client.refund(paymentId, refund))).retryable)
          yield* client.refund(paymentId, { ...refund, again: true })
        })
    ))
})
