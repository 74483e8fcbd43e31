/**
 * Every payment event has a Stripe event that the sandbox can play and the translation can read, and says what moved.
 * Guards whose removal turns this file red: a refund that has not failed says nothing, each status of a dispute, what each
 * object says beside the price.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { PaymentEventType } from "../../../../rpc/payments/PaymentWebhook.ts"
import { PaymentGateway } from "../../../../src/services/payments/contract/PaymentGateway.ts"
import { PaymentLedger } from "../../../../src/services/payments/contract/PaymentLedger.ts"
import {
  refOf,
  sandboxActions,
  sandboxEvent
} from "../../../../src/services/payments/sandbox/SandboxEvents.ts"
import { StripeEvent } from "../../../../src/services/payments/stripe/StripeEvent.ts"
import {
  disputeStatusOf,
  isOurs,
  toBody
} from "../../../../src/services/payments/stripe/StripeTranslation.ts"
import { asking } from "../PaymentWorld.ts"

const never = () => Effect.die(new Error("The gateway is not asked"))

const gateway = Layer.succeed(PaymentGateway, {
  name: "stripe",
  open: never,
  charge: never,
  refund: never,
  cancel: never,
  known: never,
  method: () => Effect.succeed({ type: "card" })
})

const world = Layer.merge(gateway, Layer.provide(PaymentLedger.layer, KeyValueStore.layerMemory))

describe("Stripe's event of each payment event", () => {
  for (const eventType of PaymentEventType.literals) {
    it.effect(`becomes the body that says ${eventType}`, () =>
      Effect.gen(function* () {
        const request = asking()
        const ledger = yield* PaymentLedger
        yield* ledger.name(yield* ledger.remember(request), refOf(request.payment_id))
        const event = yield* Schema.decodeUnknownEffect(StripeEvent)(sandboxEvent(request, {
          id: "evt_1",
          action: sandboxActions[eventType],
          created: 1_749_997_800,
          refunded: eventType === "payment.partially_refunded" ? 1 : request.amount
        }))
        assert.isTrue(isOurs(event.type), `Name Stripe's type of ${eventType} in stripeEvents.`)
        const body = yield* Effect.exit(toBody(event))
        assert.isTrue(
          Exit.isSuccess(body),
          `What ${event.type} is about cannot be read: add that object to StripeObject, and to the sandbox's objects.`
        )
        const said = Option.map(Exit.getSuccess(body), (said) => said?.event_type)
        assert.deepStrictEqual(said, Option.some(eventType))
      }).pipe(Effect.provide(world)))
  }
})

/** What is told of an event of a payment that is known. */
const told = (type: string, object: object) =>
  Effect.gen(function* () {
    const request = asking()
    const ledger = yield* PaymentLedger
    yield* ledger.name(yield* ledger.remember(request), "pi_1")
    const about = { id: "obj_1", amount: 400, currency: "eur", payment_intent: "pi_1", ...object }
    return yield* toBody({ id: "evt_1", type, created: 1_749_997_800, data: { object: about } })
  }).pipe(Effect.provide(Layer.fresh(world)))

const factsTold = (type: string, object: object) => Effect.map(told(type, object), (body) => body?.facts)

describe("Stripe's event", () => {
  it.effect("says of a refund only that it failed", () =>
    Effect.gen(function* () {
      for (const status of ["pending", "requires_action", "succeeded", undefined]) {
        for (const type of ["refund.updated", "charge.refund.updated", "refund.failed"]) {
          assert.isUndefined(yield* told(type, { object: "refund", status }), `${type} ${status}`)
        }
      }
      for (const status of ["failed", "canceled"]) {
        const body = yield* told("refund.updated", { object: "refund", id: "re_1", status })
        assert.strictEqual(body?.event_type, "payment.refund_failed", status)
        assert.deepStrictEqual([body?.amount, body?.facts], [9999, { refund: { id: "re_1", amount: 400 } }])
      }
    }))

  it("says by the status of a dispute where it stands, and that a new one is open", () => {
    const statuses: Readonly<Record<string, string>> = {
      warning_needs_response: "inquiry",
      warning_under_review: "inquiry",
      warning_closed: "inquiry",
      prevented: "inquiry",
      needs_response: "open",
      under_review: "open",
      won: "won",
      lost: "lost",
      of_next_year: "open"
    }
    for (const [status, meant] of Object.entries(statuses)) {
      assert.strictEqual(disputeStatusOf(status), meant, status)
    }
    assert.deepStrictEqual([disputeStatusOf(null), disputeStatusOf(undefined)], ["open", "open"])
  })

  it.effect("says what a dispute is about", () =>
    Effect.gen(function* () {
      const facts = yield* factsTold("charge.dispute.closed", {
        object: "dispute",
        id: "dp_1",
        status: "lost"
      })
      assert.deepStrictEqual(facts, { dispute: { id: "dp_1", amount: 400, status: "lost" } })
      assert.isUndefined(
        yield* factsTold("charge.dispute.closed", { object: "dispute", amount: null, status: "lost" })
      )
    }))

  it.effect("says what came where it is not the price", () =>
    Effect.gen(function* () {
      const came = (amount_received: number | null) =>
        factsTold("payment_intent.succeeded", { object: "payment_intent", id: "pi_1", amount_received })
      assert.deepStrictEqual(yield* came(399), { amount_received: 399 })
      assert.isUndefined(yield* came(400))
      assert.isUndefined(yield* came(0))
      assert.isUndefined(yield* came(null))
    }))

  it.effect("says what went back where it is a part", () =>
    Effect.gen(function* () {
      const back = (refunded: boolean) =>
        factsTold("charge.refunded", { object: "charge", refunded, amount_refunded: 150 })
      assert.deepStrictEqual(yield* back(false), { amount_refunded: 150 })
      assert.isUndefined(yield* back(true))
    }))
})
