/**
 * A refund that is refused since all of its payment went back by another one is done, whichever is heard of first; any other
 * stays refused.
 * Guards whose removal turns this file red: `settleRefused` behind the events, that what it settles fits into what went
 * back.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Option, Schema } from "effect"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { PaymentStore } from "../../../src/store/payments/PaymentStore.ts"
import { RefundStore } from "../../../src/store/payments/RefundStore.ts"
import documented from "../../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { Random } from "../../fuzz/Random.ts"
import { asked } from "../../support/NewPayments.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const price = 1000
const body = Schema.decodeUnknownSync(PaymentWebhook)(documented)

const tell = Effect.fnUntraced(function* (paymentId: string, type: string, at: number, refunded?: number) {
  yield* (yield* PaymentStore).apply({
    ...body,
    payment_id: paymentId,
    webhook_id: `${paymentId}_${type}_${at}`,
    event_type: `payment.${type}`,
    amount: price,
    timestamp: DateTime.makeUnsafe(Date.parse("2026-06-01T10:00:00Z") + at * 1000),
    ...(refunded === undefined ? {} : { facts: { amount_refunded: refunded } })
  })
})

const paid = Effect.fnUntraced(function* (paymentId: string, ...amounts: ReadonlyArray<number>) {
  const refunds = yield* RefundStore
  yield* (yield* PaymentStore).begin(asked(paymentId, { amount: price }))
  yield* tell(paymentId, "completed", 0)
  const ids = amounts.map((_, nth) => `refund_${paymentId}_${nth}`)
  yield* Effect.forEach(ids, (refundId, nth) =>
    refunds.begin({
      refundId,
      paymentId,
      what: { of: "amount", amount: amounts[nth]! },
      reason: "called off",
      origin: "event",
      askedBy: null
    }))
  return ids
})

const refuse = (id: string) =>
  Effect.flatMap(RefundStore, (refunds) => refunds.refused(id, "Stripe answered charge_already_refunded."))

const found = (id: string) =>
  Effect.flatMap(RefundStore, (refunds) =>
    Effect.map(refunds.get(id), (row) => {
      const { failure, status } = Option.getOrThrow(row)
      return [status, failure === null] as const
    }))

layer(Layer.provideMerge(Layer.mergeAll(PaymentStore.layer, RefundStore.layer), TestDatabase.layer))(
  "a refused refund",
  (it) => {
    it.effect("is done where all went back by another, in any order of refusals and words", () =>
      Effect.gen(function* () {
        const random = new Random(20_261_130)
        for (let nth = 0; nth < 30; nth++) {
          const paymentId = `pay_late_${nth}`
          const first = 1 + random.below(price)
          const amounts = first === price ? [price] : [first, price - first]
          const ids = yield* paid(paymentId, ...amounts)
          const steps = [
            ...ids.map(refuse),
            tell(paymentId, "refunded", 20, price),
            ...(random.chance(0.5) ? [tell(paymentId, "partially_refunded", 10, first)] : [])
          ].map((step) => [random.next(), step] as const).sort(([some], [other]) => some - other)
          for (const [, step] of steps) yield* step
          for (const id of ids) assert.deepStrictEqual(yield* found(id), ["succeeded", true], paymentId)
        }
      }))

    it.effect("stays refused where not all went back, or where what went back was another's", () =>
      Effect.gen(function* () {
        const refunds = yield* RefundStore
        const [part] = yield* paid("pay_part", 400)
        yield* refuse(part!)
        yield* tell("pay_part", "partially_refunded", 10, 600)
        assert.deepStrictEqual(yield* found(part!), ["refused", false])
        const [early] = yield* paid("pay_other", 600)
        yield* refuse(early!)
        yield* refunds.begin({
          refundId: "refund_whole",
          paymentId: "pay_other",
          what: { of: "rest" },
          reason: "called off",
          origin: "organizer",
          askedBy: null
        })
        yield* refunds.taken("refund_whole")
        yield* tell("pay_other", "refunded", 10, price)
        assert.deepStrictEqual(yield* found("refund_whole"), ["succeeded", true])
        assert.deepStrictEqual(yield* found(early!), ["refused", false])
      }))
  }
)
