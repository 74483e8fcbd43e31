/**
 * Stripe is asked in its own terms, once a payment, and its failures become ours.
 * Guards whose removal turns this file red: the next key after a stored failure, that it is one, and the last of the keys;
 * what is known of an intent in each of its states, of its refunds and of its disputes; that a refund which may be there
 * is looked for by its name before it is made again.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { PaymentGateway } from "../../../../src/services/payments/contract/PaymentGateway.ts"
import { StripeGateway } from "../../../../src/services/payments/stripe/StripeGateway.ts"
import { type Answer, type Asked, failure, fakeStripe, paymentIntent } from "./FakeStripe.ts"
import { asking } from "../PaymentWorld.ts"

const ok = (body: unknown): Answer => ({ status: 200, body })

/** An intent that nobody has confirmed yet. */
const open = paymentIntent({ status: "requires_payment_method" })

const withStripe = <A, E>(
  answer: (asked: ReadonlyArray<Asked>) => Answer,
  test: (gateway: PaymentGateway["Service"], asked: ReadonlyArray<Asked>) => Effect.Effect<A, E>,
  charges: { readonly paymentMethod?: string } = { paymentMethod: "pm_card_visa" }
) =>
  Effect.scoped(Effect.gen(function* () {
    const { asked, port } = yield* fakeStripe(answer)
    const layer = StripeGateway.layerWith({
      secretKey: Redacted.make("sk_test_123"),
      ...charges,
      host: "127.0.0.1",
      port,
      protocol: "http"
    })
    return yield* Effect.flatMap(PaymentGateway, (gateway) => test(gateway, asked)).pipe(
      Effect.provide(layer)
    )
  }))

describe("the Stripe gateway", () => {
  it.live("opens a payment intent that charges nothing, and confirms it in a second call, each under its key", () =>
    withStripe(
      (asked) => ok(asked.length === 1 ? open : paymentIntent()),
      (gateway, asked) =>
        Effect.gen(function* () {
          const opened = yield* gateway.open(asking(), null)
          assert.deepStrictEqual(opened, {
            status: "requires_action",
            gateway_ref: "pi_123",
            client_secret: "pi_123_secret_abc"
          })
          const charged = yield* gateway.charge(asking(), opened)
          assert.deepStrictEqual(charged, { status: "pending", gateway_ref: "pi_123" })
          const [request, confirmation] = asked
          assert.deepStrictEqual([request?.method, request?.path], ["POST", "/v1/payment_intents"])
          assert.strictEqual(request?.key, "pay_1234567890")
          assert.strictEqual(request?.authorization, "Bearer sk_test_123")
          assert.deepStrictEqual(request?.form, {
            "amount": "9999",
            "currency": "eur",
            "metadata[event_id]": "1",
            "metadata[user_id]": "123",
            "metadata[ticket_count]": "2",
            "metadata[template_id]": "1",
            "metadata[guichet_payment_id]": "pay_1234567890",
            "receipt_email": "customer@example.com",
            "automatic_payment_methods[enabled]": "true",
            "automatic_payment_methods[allow_redirects]": "never"
          })
          assert.deepStrictEqual([confirmation?.method, confirmation?.path, confirmation?.key], [
            "POST",
            "/v1/payment_intents/pi_123/confirm",
            "confirm_pay_1234567890"
          ])
          assert.deepStrictEqual(confirmation?.form, { payment_method: "pm_card_visa" })
        })
    ))

  it.live("leaves the confirmation to the customer without a payment method to charge", () =>
    withStripe(
      () => ok(open),
      (gateway, asked) =>
        Effect.gen(function* () {
          const opened = yield* gateway.open(asking(), null)
          assert.deepStrictEqual(yield* gateway.charge(asking(), opened), opened)
          assert.strictEqual(opened.status, "requires_action")
          assert.strictEqual(asked.length, 1)
        }),
      {}
    ))

  it.live("leaves it to the customer too when it is not asked to confirm", () =>
    withStripe(() => ok(open), (gateway, asked) =>
      Effect.gen(function* () {
        const request = asking({ auto_confirm: false })
        const opened = yield* gateway.open(request, null)
        assert.deepStrictEqual(yield* gateway.charge(request, opened), opened)
        assert.strictEqual(asked[0]?.form["automatic_payment_methods[allow_redirects]"], "always")
        assert.strictEqual(asked.length, 1)
      })))

  it.live("reads a payment that it made before instead of making another, and does not confirm it twice", () =>
    withStripe(() => ok(paymentIntent()), (gateway, asked) =>
      Effect.gen(function* () {
        const opened = yield* gateway.open(asking(), "pi_123")
        yield* gateway.charge(asking(), opened)
        assert.deepStrictEqual(asked.map(({ method, path }) => `${method} ${path}`), [
          "GET /v1/payment_intents/pi_123"
        ])
      })))

  it.live("tries again after a failure on Stripe's side, under the same key", () =>
    withStripe(
      (asked) => asked.length === 1 ? failure(500, { type: "api_error" }) : ok(paymentIntent()),
      (gateway, asked) =>
        Effect.gen(function* () {
          yield* gateway.open(asking(), null)
          assert.deepStrictEqual(asked.map(({ key }) => key), ["pay_1234567890", "pay_1234567890"])
        })
    ))

  it.live(
    "tells declined, invalid, rate limited and unavailable apart, and which may pass",
    () =>
      Effect.gen(function* () {
        const cases = [
          [
            failure(402, { type: "card_error", code: "card_declined", decline_code: "lost_card" }),
            "declined",
            false
          ],
          [failure(400, { type: "invalid_request_error", code: "amount_too_small" }), "invalid", false],
          [failure(401, { type: "invalid_request_error" }), "invalid", false],
          [failure(429, { type: "invalid_request_error", code: "rate_limit" }), "rate_limited", true]
        ] as const
        for (const [answer, reason, retryable] of cases) {
          const error = yield* withStripe(
            () => answer,
            (gateway) => Effect.flip(gateway.open(asking(), null))
          )
          assert.deepStrictEqual([error.reason, error.retryable], [reason, retryable])
          assert.notInclude(error.detail, "customer@example.com")
        }
        const away = StripeGateway.layerWith({
          secretKey: Redacted.make("sk_test_123"),
          host: "127.0.0.1",
          port: 1,
          protocol: "http"
        })
        const error = yield* Effect.flip(
          Effect.flatMap(PaymentGateway, ({ cancel }) => cancel("pi_1", "pay_1"))
        ).pipe(
          Effect.provide(away)
        )
        assert.deepStrictEqual([error.reason, error.retryable], ["unavailable", true])
      }),
    20_000
  )

  it.live("refunds once for one reason, and takes a refund or a cancellation that is done already as done", () =>
    withStripe(
      ({ length }) =>
        length < 3
          ? ok({ id: "re_1", object: "refund" })
          : length === 3
          ? failure(400, { type: "invalid_request_error", code: "charge_already_refunded" })
          : failure(400, {
            type: "invalid_request_error",
            code: "payment_intent_unexpected_state",
            payment_intent: paymentIntent({ status: length === 4 ? "canceled" : "succeeded" })
          }),
      (gateway, asked) =>
        Effect.gen(function* () {
          yield* gateway.refund("pi_123", "pay_1", { refund_id: "a", reason: "stopped" })
          yield* gateway.refund("pi_123", "pay_1", { refund_id: "b", reason: "stopped", amount: 5 })
          yield* gateway.refund("pi_123", "pay_1", { refund_id: "a", reason: "stopped" })
          yield* gateway.cancel("pi_123", "pay_1")
          const error = yield* Effect.flip(gateway.cancel("pi_123", "pay_1"))
          assert.strictEqual(error.reason, "invalid")
          const [all, part, again] = asked
          assert.deepStrictEqual([all?.path, all?.form.payment_intent, part?.form.amount], [
            "/v1/refunds",
            "pi_123",
            "5"
          ])
          assert.strictEqual(all?.key, again?.key)
          assert.notStrictEqual(all?.key, part?.key)
        })
    ))

  it.live("looks for a refund by its name where it may be there, and makes it once under the next key", () =>
    Effect.gen(function* () {
      const refund = { refund_id: "refund_1", amount: 5, reason: "stopped" }
      const there = { object: "list", data: [{ id: "re_1", metadata: { guichet_refund_id: "refund_1" } }] }
      const nothing = { object: "list", data: [{ id: "re_0", metadata: {} }] }
      const asks = (answer: (asked: Asked, nth: number) => Answer, again: boolean) =>
        withStripe(
          (asked) => answer(asked.at(-1)!, asked.length),
          (gateway, asked) =>
            Effect.map(
              Effect.exit(gateway.refund("pi_123", "pay_1", { ...refund, ...(again ? { again } : {}) })),
              ({ _tag }) => [_tag, ...asked.map(({ method, path }) => `${method} ${path.split("?")[0]}`)]
            )
        )
      const list = "GET /v1/refunds"
      const create = "POST /v1/refunds"
      const listed = (found: object) => ({ method }: Asked) => ok(method === "GET" ? found : { id: "re_2" })
      assert.deepStrictEqual(yield* asks(listed(there), false), ["Success", create])
      assert.deepStrictEqual(yield* asks(listed(there), true), ["Success", list])
      assert.deepStrictEqual(yield* asks(listed(nothing), true), ["Success", list, create])
      const kept = {
        ...failure(500, { type: "api_error" }),
        headers: { "idempotent-replayed": "true", "stripe-should-retry": "false" }
      }
      const failing = (found: object) => ({ method }: Asked, nth: number) =>
        nth === 1 ? kept : ok(method === "GET" ? found : { id: "re_2" })
      assert.deepStrictEqual(yield* asks(failing(nothing), false), ["Success", create, list, create])
      assert.deepStrictEqual(yield* asks(failing(there), false), ["Success", create, list])
      const gone = () => failure(400, { type: "invalid_request_error", code: "charge_already_refunded" })
      assert.deepStrictEqual(yield* asks(gone, false), ["Failure", create])
    }))

  it.live("asks under another key once Stripe keeps a failure of its own under the first", () =>
    withStripe(
      (asked) => {
        const { key } = asked.at(-1)!
        const again = asked.filter((one) => one.key === key).length > 1
        return key === "pay_1234567890"
          ? {
            ...failure(500, { type: "api_error" }),
            headers: again ? { "idempotent-replayed": "true" } : {}
          }
          : ok(open)
      },
      (gateway, asked) =>
        Effect.gen(function* () {
          const opened = yield* gateway.open(asking(), null)
          assert.strictEqual(opened.gateway_ref, "pi_123")
          assert.strictEqual(asked.at(-1)?.key, "pay_1234567890.2")
        })
    ))

  it.live("asks under the same key as long as the failure is not kept, and under four keys at most", () =>
    Effect.gen(function* () {
      const keys = (answer: Answer, headers: Readonly<Record<string, string>>) =>
        withStripe(
          // The client of Stripe's own does not wait and ask again where it is told so.
          () => ({ ...answer, headers: { "stripe-should-retry": "false", ...headers } }),
          (gateway, asked) =>
            Effect.map(Effect.flip(gateway.open(asking(), null)), () => asked.map(({ key }) => key))
        )
      const first = "pay_1234567890"
      const kept = { "idempotent-replayed": "true" }
      assert.deepStrictEqual(yield* keys(failure(503, { type: "api_error" }), {}), [first])
      const declined = failure(402, { type: "card_error", code: "card_declined" })
      assert.deepStrictEqual(yield* keys(declined, kept), [first])
      assert.deepStrictEqual(
        yield* keys(failure(500, { type: "api_error" }), kept),
        [first, `${first}.2`, `${first}.3`, `${first}.4`]
      )
    }))

  const known = (intent: object, disputes: ReadonlyArray<object> = []) =>
    withStripe(
      ({ length }) => ok(length === 1 ? intent : { object: "list", data: disputes }),
      (gateway, asked) =>
        Effect.map(gateway.known("pi_123", asking()), (facts) => ({ facts, asked: asked.length }))
    ).pipe(Effect.provide(TestClock.layer()))

  const price = { amount: 9999, currency: "EUR" }
  const completed = { event: "payment.completed", at: 100, ...price } as const
  const charge = (more: object = {}) =>
    paymentIntent({
      amount_received: 9999,
      latest_charge: {
        id: "ch_1",
        object: "charge",
        created: 100,
        amount_refunded: 0,
        refunded: false,
        disputed: false,
        ...more
      }
    })

  it.live("knows nothing of a payment that waits, and when one was canceled", () =>
    Effect.gen(function* () {
      for (const status of ["requires_payment_method", "requires_action", "processing"]) {
        assert.deepStrictEqual((yield* known(paymentIntent({ status }))).facts, [], status)
      }
      const canceled = { status: "canceled", canceled_at: 70, created: 50 }
      assert.deepStrictEqual((yield* known(paymentIntent(canceled))).facts, [
        { event: "payment.canceled", at: 70, ...price }
      ])
      assert.strictEqual((yield* known(paymentIntent({ ...canceled, canceled_at: null }))).facts[0]?.at, 50)
    }))

  it.live("knows what came, and looks for disputes where there are some alone", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* known(charge()), { facts: [completed], asked: 1 })
      assert.deepStrictEqual((yield* known({ ...charge(), amount_received: 5000 })).facts, [
        { ...completed, facts: { amount_received: 5000 } }
      ])
      const without = paymentIntent({ amount_received: 9999, created: 90 })
      assert.deepStrictEqual((yield* known(without)).facts, [{ ...completed, at: 90 }])
    }))

  it.live("knows what went back by now, a part or all of it", () =>
    Effect.gen(function* () {
      const { facts: [, part] } = yield* known(charge({ amount_refunded: 4000 }))
      assert.deepStrictEqual(part, {
        event: "payment.partially_refunded",
        at: 0,
        ...price,
        facts: { amount_refunded: 4000 }
      })
      const { facts: [, all] } = yield* known(charge({ amount_refunded: 9999, refunded: true }))
      assert.deepStrictEqual(all, { event: "payment.refunded", at: 0, ...price })
    }))

  it.live("knows which refunds failed, and where those stand that we asked for", () =>
    Effect.gen(function* () {
      const ours = { guichet_refund_id: "refund_1" }
      const { asked, facts } = yield* known(charge({
        amount_refunded: 4000,
        refunds: {
          has_more: false,
          data: [
            { id: "re_1", amount: 4000, created: -7, status: "succeeded", metadata: ours },
            { id: "re_2", amount: 3000, created: -9, status: "failed", metadata: {} },
            { id: "re_3", amount: 2000, created: -5, status: "succeeded", metadata: {} },
            { id: "re_4", amount: 100, created: 9, status: "requires_action", metadata: ours }
          ]
        }
      }))
      assert.strictEqual(asked, 1)
      const refund = (id: string, amount: number, more: object) => ({ refund: { id, amount, ...more } })
      assert.deepStrictEqual(facts.slice(1).map(({ at, event, facts }) => [event, at, facts]), [
        ["payment.refund_updated", -7, refund("re_1", 4000, { status: "succeeded", name: "refund_1" })],
        ["payment.refund_failed", -9, refund("re_2", 3000, {})],
        ["payment.refund_updated", -1, refund("re_4", 100, { status: "pending", name: "refund_1" })],
        ["payment.partially_refunded", 0, { amount_refunded: 4000 }]
      ])
      const failed = [{ id: "re_2", amount: 3000, created: -9, status: "failed", metadata: null }]
      const { facts: [, , none] } = yield* known(charge({ refunds: { has_more: false, data: failed } }))
      assert.deepStrictEqual(none?.facts, { amount_refunded: 0 })
    }))

  it.live("knows where each dispute stands", () =>
    Effect.gen(function* () {
      const { asked, facts } = yield* known(charge({ disputed: true }), [
        { id: "dp_1", amount: 9999, created: 200, status: "lost" },
        { id: "dp_2", amount: 100, created: 300, status: "warning_closed" }
      ])
      assert.strictEqual(asked, 2)
      assert.deepStrictEqual(facts, [
        completed,
        {
          event: "payment.disputed",
          at: 200,
          ...price,
          facts: { dispute: { id: "dp_1", amount: 9999, status: "lost" } }
        },
        {
          event: "payment.disputed",
          at: 300,
          ...price,
          facts: { dispute: { id: "dp_2", amount: 100, status: "inquiry" } }
        }
      ])
    }))

  it.live("asks how a payment was made when its webhook does not say", () =>
    withStripe(
      () =>
        ok(paymentIntent({
          latest_charge: {
            id: "ch_1",
            object: "charge",
            payment_method_details: { type: "card", card: { brand: "visa", last4: "4242" } }
          }
        })),
      (gateway) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* gateway.method("pi_123"), {
            type: "card",
            brand: "visa",
            last4: "4242"
          })
        })
    ))
})
