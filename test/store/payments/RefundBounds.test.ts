/**
 * Never more is asked for than is left, whatever was refunded elsewhere, in whichever order it is told what became of each,
 * and once all is told what is left is exact. 40 lives of a payment by `BOUNDS_SEEDS`, from `BOUNDS_SEED`.
 * Guards whose removal turns this file red: that what is beside the sum is added to it, that what may be in it is, that a
 * sum from before a refund does not have it, that all the rest waits until it is clear.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Option, Schema } from "effect"
import process from "node:process"
import type { PaymentFacts } from "../../../rpc/payments/PaymentWebhook.ts"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { PaymentStore } from "../../../src/store/payments/PaymentStore.ts"
import { type NewRefund, RefundStore } from "../../../src/store/payments/RefundStore.ts"
import documented from "../../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { Random } from "../../fuzz/Random.ts"
import { asked } from "../../support/NewPayments.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const seed = Number(process.env["BOUNDS_SEED"] ?? 20_261_130)
const seeds = Number(process.env["BOUNDS_SEEDS"] ?? 40)
const price = 100
const body = Schema.decodeUnknownSync(PaymentWebhook)(documented)
const start = Date.parse("2026-06-01T10:00:00Z")

/** What the provider tells; `elsewhere` is how much of a sum was not asked for here. */
interface Word {
  readonly type: string
  readonly at: number
  readonly facts?: PaymentFacts
  readonly elsewhere?: number
}

/** A paid payment, and what its provider has done of which not all is told yet. */
const paid = Effect.fnUntraced(function* (paymentId: string) {
  const payments = yield* PaymentStore
  const refunds = yield* RefundStore
  yield* payments.begin(asked(paymentId, { amount: price }))
  let told = 0
  const tell = ({ at, facts, type }: Word) =>
    payments.apply({
      ...body,
      payment_id: paymentId,
      webhook_id: `${paymentId}_${++told}`,
      event_type: `payment.${type}`,
      amount: price,
      timestamp: DateTime.makeUnsafe(start + at * 1000),
      ...(facts === undefined ? {} : { facts })
    })
  yield* tell({ type: "completed", at: 0 })
  const state = { second: 10, elsewhere: 0, ours: 0, known: 0, untold: [] as Array<Word> }
  const sum = (): Word => ({
    type: state.ours + state.elsewhere === price ? "refunded" : "partially_refunded",
    at: state.second,
    facts: { amount_refunded: state.ours + state.elsewhere },
    elsewhere: state.elsewhere
  })
  return {
    state,
    refundElsewhere: (amount: number) => {
      state.second++
      state.elsewhere += amount
      state.untold.push(sum())
    },
    /** Asks for a refund that is kept, which is made where so much is there; the answer may be lost. */
    make: Effect.fnUntraced(function* (name: string, amount: number, answered: boolean) {
      if (amount > price - state.ours - state.elsewhere) {
        return yield* refunds.refused(name, "More than is there.")
      }
      state.second++
      state.ours += amount
      state.untold.push(sum(), {
        type: "refund_updated",
        at: state.second,
        facts: { refund: { id: `re_${name}`, name, amount, status: "succeeded" } }
      })
      if (answered) yield* refunds.taken(name)
    }),
    tellOne: Effect.fnUntraced(function* (nth: number) {
      const [word] = state.untold.splice(nth, 1)
      if (word === undefined) return
      yield* tell(word)
      state.known = Math.max(state.known, word.elsewhere ?? 0)
    }),
    begin: (refundId: string, what: NewRefund["what"]) =>
      Effect.option(
        refunds.begin({ refundId, paymentId, what, reason: "x", origin: "organizer", askedBy: null })
      )
  }
})

layer(Layer.provideMerge(Layer.mergeAll(PaymentStore.layer, RefundStore.layer), TestDatabase.layer))(
  "what is left of a payment",
  (it) => {
    it.effect("is not refunded twice after a part went back elsewhere", () =>
      Effect.gen(function* () {
        const { begin, make, refundElsewhere, tellOne } = yield* paid("pay_elsewhere")
        refundElsewhere(60)
        yield* tellOne(0)
        assert.isTrue(Option.isSome(yield* begin("refund_a", { of: "amount", amount: 40 })))
        assert.isTrue(Option.isNone(yield* begin("refund_b", { of: "amount", amount: 40 })))
        yield* make("refund_a", 40, true)
        assert.isTrue(Option.isNone(yield* begin("refund_c", { of: "amount", amount: 1 })))
        // By name first, and then by the sum.
        yield* tellOne(1)
        assert.isTrue(Option.isNone(yield* begin("refund_d", { of: "amount", amount: 40 })))
        yield* tellOne(0)
        assert.isTrue(Option.isNone(yield* begin("refund_e", { of: "rest" })))
      }))

    it.effect("is clear where what went back elsewhere was told before anything was asked for", () =>
      Effect.gen(function* () {
        const { begin, refundElsewhere, tellOne } = yield* paid("pay_before")
        refundElsewhere(30)
        yield* tellOne(0)
        yield* begin("refund_b1", { of: "amount", amount: 10 })
        assert.strictEqual(Option.getOrThrow(yield* begin("refund_b2", { of: "rest" })).amount, 60)
      }))

    it.effect("is all given back, though a refund was on its way when the rest was asked for", () =>
      Effect.gen(function* () {
        const { begin, make, state, tellOne } = yield* paid("pay_rest")
        yield* begin("refund_r1", { of: "amount", amount: 30 })
        assert.strictEqual(
          Option.getOrThrow(yield* begin("refund_r2", { of: "amount", amount: 10 })).amount,
          10
        )
        yield* make("refund_r1", 30, true)
        yield* tellOne(0)
        // The sum may be of the one, or of somebody else's refund: an amount is bounded, the rest waits.
        assert.isTrue(Option.isNone(yield* begin("refund_r3", { of: "rest" })))
        assert.isTrue(Option.isNone(yield* begin("refund_r3", { of: "amount", amount: 31 })))
        yield* make("refund_r2", 10, true)
        while (state.untold.length > 0) yield* tellOne(0)
        assert.strictEqual(Option.getOrThrow(yield* begin("refund_r3", { of: "rest" })).amount, 60)
      }))

    it.effect(`is never exceeded, and exact in the end (BOUNDS_SEED=${seed})`, () =>
      Effect.gen(function* () {
        const refunds = yield* RefundStore
        for (let life = 0; life < seeds; life++) {
          const random = new Random(seed + life)
          const why = `BOUNDS_SEED=${seed + life}`
          const { begin, make, refundElsewhere, state, tellOne } = yield* paid(`pay_bounds_${life}`)
          const waiting: Array<readonly [string, number]> = []
          let held = 0
          const makeOne = Effect.fnUntraced(function* (answered: boolean) {
            const [name, amount] = waiting.splice(random.below(waiting.length), 1)[0]!
            yield* make(name, amount, answered)
            if (Option.getOrThrow(yield* refunds.get(name)).status === "refused") held -= amount
          })
          for (let nth = 0; nth < 24; nth++) {
            const chance = random.below(6)
            if (chance === 0) {
              const there = price - state.ours - state.elsewhere
              if (there > 0) refundElsewhere(1 + random.below(Math.min(there, 60)))
            } else if (chance <= 2) {
              const name = `refund_${life}_${nth}`
              const kept = yield* begin(
                name,
                random.chance(0.3) ? { of: "rest" } : { of: "amount", amount: 1 + random.below(60) }
              )
              if (Option.isNone(kept)) continue
              held += kept.value.amount
              waiting.push([name, kept.value.amount])
              assert.isAtMost(held + state.known, price, `${why}, step ${nth}`)
            } else if (chance === 3 && waiting.length > 0) yield* makeOne(random.chance(0.7))
            else if (state.untold.length > 0) yield* tellOne(random.below(state.untold.length))
          }
          while (waiting.length > 0) yield* makeOne(true)
          while (state.untold.length > 0) yield* tellOne(random.below(state.untold.length))
          const rest = price - state.ours - state.elsewhere
          const last = yield* begin(`refund_${life}_last`, { of: "rest" })
          assert.strictEqual(Option.isSome(last) ? last.value.amount : 0, rest, `${why}, in the end`)
        }
      }), 60_000)
  }
)
