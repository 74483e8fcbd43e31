/**
 * Stripe's webhook is believed by its raw bytes alone, decides only the intent that the ledger knows, and is answered 2xx
 * only once the core has it.
 * Guards whose removal turns this red: the one `t`, the fatal UTF-8 and the kept BOM, the skew, the intent of the ledger
 * in `entryOf`, `setAside`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Queue, Ref } from "effect"
import { KeyValueStore } from "effect/persistence"
import Stripe from "stripe"
import { Loopback } from "../../../../src/trust/Loopback.ts"
import { PaymentClient } from "../../../../src/payments/PaymentClient.ts"
import { PaymentGateway } from "../../../../src/services/payments/contract/PaymentGateway.ts"
import { PaymentLedger } from "../../../../src/services/payments/contract/PaymentLedger.ts"
import { asking, Core, memory as inMemory, nextHeard, over, webhookSecret } from "../PaymentWorld.ts"

const gateway = Layer.succeed(PaymentGateway, {
  name: "stripe",
  open: () => Effect.succeed({ status: "requires_action", gateway_ref: "pi_1" } as const),
  charge: () => Effect.succeed({ status: "pending", gateway_ref: "pi_1" } as const),
  refund: () => Effect.void,
  cancel: () => Effect.void,
  known: () => Effect.succeed([]),
  method: () => Effect.succeed({ type: "card", brand: "mastercard", last4: "4444" })
})

/** What the key-value store holds, for a test to look into. */
class Kept extends Context.Service<Kept, Map<string, string>>()("test/Kept") {
  static readonly layer = Layer.sync(Kept, () => new Map())
}

const memory = Layer.unwrap(Effect.map(Kept, (kept) =>
  Layer.succeed(
    KeyValueStore.KeyValueStore,
    KeyValueStore.makeStringOnly({
      get: (key) => Effect.sync(() => kept.get(key)),
      set: (key, value) => Effect.sync(() => void kept.set(key, value)),
      remove: (key) => Effect.sync(() => void kept.delete(key)),
      clear: Effect.sync(() => kept.clear()),
      size: Effect.sync(() => kept.size),
      keys: Effect.sync(() => [...kept.keys()])
    })
  ))).pipe(Layer.provideMerge(Kept.layer))

const world = Layer.merge(over(gateway), PaymentLedger.layer).pipe(
  Layer.provideMerge(memory),
  Layer.provide(inMemory)
)

const event = (type: string, object: object, id = "evt_1") =>
  JSON.stringify({ id, object: "event", type, created: 1_750_000_000, data: { object } })

const intent = (overrides: object = {}) => ({
  id: "pi_1",
  object: "payment_intent",
  amount: 9999,
  currency: "eur",
  customer: "cus_1",
  metadata: { guichet_payment_id: "pay_1234567890" },
  latest_charge: "ch_1",
  ...overrides
})

const sign = (
  payload: string,
  options: { readonly at?: number; readonly secret?: string; readonly scheme?: string } = {}
) =>
  Effect.promise(() =>
    Stripe.webhooks.generateTestHeaderStringAsync({
      payload,
      secret: options.secret ?? webhookSecret,
      timestamp: Math.floor(Date.now() / 1000) + (options.at ?? 0),
      ...(options.scheme === undefined ? {} : { scheme: options.scheme }),
      cryptoProvider: Stripe.createSubtleCryptoProvider()
    })
  )

const post = Effect.fn(function* (payload: string | Uint8Array<ArrayBuffer>, signature: string | undefined) {
  const handler = (yield* Loopback).find("payments")!
  const response = yield* Effect.promise(() =>
    handler(
      new Request("http://localhost/api/webhooks/stripe", {
        method: "POST",
        headers: { "content-type": "application/json", ...(signature && { "stripe-signature": signature }) },
        body: payload
      })
    )
  )
  return response.status
})

const postSigned = (payload: string) => Effect.flatMap(sign(payload), (signature) => post(payload, signature))

/** The events that decided nothing and were kept, each with the reason. */
const setAside = Effect.gen(function* () {
  const kept = yield* Kept
  return [...kept].flatMap(([key, value]) =>
    key.startsWith("payments/aside/")
      ? [`${key.slice("payments/aside/".length)},${JSON.parse(value).why}`]
      : []
  )
})

describe("Stripe's webhook", () => {
  it.live("becomes the documented body, whichever object it is about", () =>
    Effect.gen(function* () {
      yield* (yield* PaymentClient).create(asking())
      const charge = {
        id: "ch_1",
        object: "charge",
        amount: 9999,
        refunded: true,
        currency: "eur",
        payment_intent: "pi_1",
        payment_method_details: { type: "card", card: { brand: "visa", last4: "4242" } }
      }
      const dispute = { id: "dp_1", object: "dispute", amount: 5, currency: "eur", payment_intent: "pi_1" }
      const told: Array<unknown> = []
      const tell = (type: string, object: object) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* postSigned(event(type, object)), 200)
          const { body } = yield* nextHeard
          told.push([body.event_type, body.payment_id, body.amount, body.currency, body.webhook_id])
          return body
        })
      const completed = yield* tell("payment_intent.succeeded", intent())
      assert.deepStrictEqual(completed.payment_method, { type: "card", brand: "mastercard", last4: "4444" })
      assert.deepStrictEqual(completed.customer, {
        id: "cus_1",
        email: "customer@example.com",
        name: "John Doe"
      })
      assert.deepStrictEqual([completed.timestamp, completed.created], [
        "2025-06-15T15:06:40.000Z",
        1_750_000_000
      ])
      yield* tell("payment_intent.payment_failed", intent({ last_payment_error: { payment_method: null } }))
      yield* tell("payment_intent.canceled", intent())
      yield* tell("charge.refunded", charge)
      yield* tell("charge.refunded", { ...charge, refunded: false })
      yield* tell("charge.dispute.created", dispute)
      const rest = ["pay_1234567890", 9999, "EUR", "wh_evt_1"]
      assert.deepStrictEqual(told, [
        ["payment.completed", ...rest],
        ["payment.failed", ...rest],
        ["payment.canceled", ...rest],
        ["payment.refunded", ...rest],
        ["payment.partially_refunded", ...rest],
        ["payment.disputed", ...rest]
      ])
    }).pipe(Effect.provide(world)))

  it.live("is refused when one byte, the time, the secret, the scheme or the header is not Stripe's", () =>
    Effect.gen(function* () {
      const payload = event("payment_intent.succeeded", intent())
      const signature = yield* sign(payload)
      const garbled = Buffer.concat([
        Buffer.from(payload.slice(0, -1)),
        Buffer.from(',"x":"'),
        Buffer.of(0xff),
        Buffer.from('"}')
      ])
      const forged = [
        [payload.replace("9999", "9998"), signature],
        [JSON.stringify(JSON.parse(payload), null, 1), signature],
        [payload, yield* sign(payload, { at: -400 })],
        [payload, yield* sign(payload, { at: 400 })],
        [payload, yield* sign(payload, { secret: "whsec_other" })],
        [payload, yield* sign(payload, { scheme: "v0" })],
        [payload, signature.replace(",", `,t=${Math.floor(Date.now() / 1000) + 4000},`)],
        [payload, signature.replace(",", ",t=1,")],
        [payload, `t=1,${signature}`],
        [payload, `${signature},t`],
        [`\u{feff}${payload}`, signature],
        [`\u{feff}${payload}`, yield* sign(`\u{feff}${payload}`)],
        [garbled, yield* sign(new TextDecoder().decode(garbled))],
        [payload, "t=1,v1=00"],
        [payload, "nonsense"],
        [payload, undefined]
      ] as const
      for (const [body, header] of forged) assert.strictEqual(yield* post(body, header), 401)
      assert.strictEqual(yield* Queue.size((yield* Core).heard), 0)
    }).pipe(Effect.provide(world)))

  it.live("is taken and not told when it is unknown, or about someone else's payment", () =>
    Effect.gen(function* () {
      yield* (yield* PaymentClient).create(asking())
      assert.strictEqual(yield* postSigned(event("invoice.paid", { id: "in_1", object: "invoice" })), 200)
      assert.strictEqual(
        yield* postSigned(event("payment_intent.succeeded", intent({ id: "pi_2", metadata: {} }))),
        200
      )
      assert.strictEqual(yield* Queue.size((yield* Core).heard), 0)
    }).pipe(Effect.provide(world)))

  it.live("decides nothing with another intent or of another installation, is kept and not sent again", () =>
    Effect.gen(function* () {
      yield* (yield* PaymentClient).create(asking())
      const refund = {
        id: "ch_2",
        object: "charge",
        amount: 9999,
        refunded: true,
        currency: "eur",
        metadata: intent().metadata
      }
      const strangers: ReadonlyArray<readonly [type: string, object: object]> = [
        ["payment_intent.succeeded", intent({ id: "pi_2" })],
        ["payment_intent.canceled", intent({ id: "pi_2" })],
        ["charge.refunded", { ...refund, payment_intent: "pi_2" }],
        ["charge.refunded", refund],
        ["charge.dispute.created", {
          id: "dp_1",
          object: "dispute",
          payment_intent: "pi_2",
          metadata: refund.metadata
        }],
        [
          "payment_intent.succeeded",
          intent({ metadata: { guichet_payment_id: "pay_elsewhere1" }, id: "pi_3" })
        ]
      ]
      for (const [at, [type, object]] of strangers.entries()) {
        assert.strictEqual(yield* postSigned(event(type, object, `evt_${at}`)), 200, type)
      }
      assert.strictEqual(yield* Queue.size((yield* Core).heard), 0)
      const entry = yield* (yield* PaymentLedger).find(asking().payment_id)
      assert.strictEqual(Option.getOrThrow(entry).ref, "pi_1")
      assert.sameMembers(
        yield* setAside,
        [
          ["evt_0", "another_intent"],
          ["evt_1", "another_intent"],
          ["evt_2", "another_intent"],
          ["evt_4", "another_intent"],
          ["evt_5", "another_installation"]
        ].map(String)
      )
    }).pipe(Effect.provide(world)))

  it.live("is kept once and not sent again when it is signed and cannot be read", () =>
    Effect.gen(function* () {
      yield* (yield* PaymentClient).create(asking())
      const thin = JSON.stringify({
        id: "evt_test_1",
        object: "v2.core.event",
        type: "v1.billing.meter.error_report_triggered",
        created: "2026-01-01T00:00:00.000Z"
      })
      const ofOurs = JSON.parse(event("payment_intent.succeeded", intent()))
      const bodies = [
        thin,
        JSON.stringify({ ...ofOurs, data: {} }),
        JSON.stringify({ ...ofOurs, data: { object: { object: "payment_intent" } } }),
        JSON.stringify({ ...ofOurs, created: 8_640_000_000_001 }),
        JSON.stringify({ ...ofOurs, created: -1 }),
        "null",
        "[]"
      ]
      for (const body of [...bodies, ...bodies]) assert.strictEqual(yield* postSigned(body), 200, body)
      assert.lengthOf(yield* setAside, bodies.length)
      assert.strictEqual(yield* Queue.size((yield* Core).heard), 0)
    }).pipe(Effect.provide(world)))

  it.live(
    "fails, so that Stripe sends it again, while the core does not take it",
    () =>
      Effect.gen(function* () {
        yield* (yield* PaymentClient).create(asking())
        yield* Ref.set((yield* Core).refusals, 4)
        assert.strictEqual(yield* postSigned(event("payment_intent.succeeded", intent())), 503)
        assert.strictEqual(yield* postSigned(event("payment_intent.succeeded", intent())), 200)
        assert.strictEqual((yield* nextHeard).body.webhook_id, "wh_evt_1")
      }).pipe(Effect.provide(world)),
    30_000
  )
})
