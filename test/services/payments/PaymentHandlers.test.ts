/**
 * A payment whose first answer was lost on the way is refunded or canceled under the gateway's name of it, and what the
 * gateway knows of one is reported to the core.
 * Guards whose removal turns this file red: the question behind `named` and behind `check`, that nothing is made by a
 * check, that an undecided payment reports nothing, the one id of equal facts, the core that does not take a report.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Queue, Ref } from "effect"
import {
  GatewayError,
  type KnownFact,
  PaymentGateway
} from "../../../src/services/payments/contract/PaymentGateway.ts"
import { PaymentClient } from "../../../src/payments/PaymentClient.ts"
import { spent } from "../../support/PassingTime.ts"
import { asking, Core, memory, nextHeard, over } from "./PaymentWorld.ts"

/** A gateway that makes the payment and loses so many of its answers; `known` is what it knows of it. */
const forgetful = (lost: number, known: Array<KnownFact> = []) => {
  const asked: Array<string> = []
  const note = (what: string) => Effect.sync(() => void asked.push(what))
  const gateway = PaymentGateway.of({
    name: "stripe",
    open: (_request, ref) =>
      Effect.andThen(
        note(`open ${ref}`),
        Effect.suspend(() =>
          asked.length <= lost
            ? Effect.fail(new GatewayError({ reason: "unavailable", detail: "The answer was lost." }))
            : Effect.succeed({ status: "requires_action", gateway_ref: "pi_1" } as const)
        )
      ),
    charge: (_request, opened) => Effect.as(note("charge"), opened),
    refund: (ref, paymentId) => note(`refund ${ref} ${paymentId}`),
    cancel: (ref, paymentId) => note(`cancel ${ref} ${paymentId}`),
    known: (ref) => Effect.as(note(`known ${ref}`), [...known]),
    method: () => Effect.succeed({ type: "card", brand: "visa", last4: "4242" })
  })
  return { asked, world: Layer.provideMerge(over(Layer.succeed(PaymentGateway, gateway)), memory) }
}

describe("a payment whose answer was lost", () => {
  for (const action of ["cancel", "refund"] as const) {
    it.effect(`reaches the gateway when it is to ${action}`, () => {
      const { asked, world } = forgetful(3)
      return Effect.gen(function* () {
        const client = yield* PaymentClient
        const lost = yield* spent("1 second")(Effect.flip(client.create(asking())))
        assert.deepStrictEqual([lost.reason, lost.retryable], ["unavailable", true])
        yield* action === "cancel"
          ? client.cancel("pay_1234567890")
          : client.refund("pay_1234567890", { reason: "the flow was stopped" })
        assert.deepStrictEqual(asked, [...Array(4).fill("open null"), `${action} pi_1 pay_1234567890`])
        yield* client.cancel("pay_1234567890")
        assert.deepStrictEqual(asked.slice(5), ["cancel pi_1 pay_1234567890"])
      }).pipe(Effect.provide(world))
    })
  }

  it.live("is unknown, and makes nothing, when it was never asked for", () => {
    const { asked, world } = forgetful(0)
    return Effect.gen(function* () {
      const unknown = yield* Effect.flip((yield* PaymentClient).cancel("pay_never"))
      assert.strictEqual(unknown.reason, "unknown_payment")
      assert.deepStrictEqual(asked, [])
    }).pipe(Effect.provide(world))
  })
})

const price = { amount: 9999, currency: "EUR" }
const completed: KnownFact = { event: "payment.completed", at: 1_749_997_800, ...price }
const refundOf = (amount_refunded: number): KnownFact => ({
  event: "payment.partially_refunded",
  at: 1_749_997_900,
  ...price,
  facts: { amount_refunded }
})

describe("a payment that is looked after", () => {
  it.live("is unknown, and makes nothing, when it was never asked for", () => {
    const { asked, world } = forgetful(0)
    return Effect.gen(function* () {
      const unknown = yield* Effect.flip((yield* PaymentClient).check("pay_never"))
      assert.strictEqual(unknown.reason, "unknown_payment")
      assert.deepStrictEqual(asked, [])
    }).pipe(Effect.provide(world))
  })

  it.live("is not decided, and nothing is reported, while nothing is known of it", () => {
    const { world } = forgetful(0)
    return Effect.gen(function* () {
      const client = yield* PaymentClient
      yield* client.create(asking())
      assert.isFalse(yield* client.check("pay_1234567890"))
      assert.strictEqual(yield* Queue.size((yield* Core).heard), 0)
    }).pipe(Effect.provide(world))
  })

  it.live("is reported in the documented body, each fact under an id of its own, which stays", () => {
    const known = [completed, refundOf(4000)]
    const { world } = forgetful(0, known)
    return Effect.gen(function* () {
      const client = yield* PaymentClient
      yield* client.create(asking())
      const look = Effect.gen(function* () {
        assert.isTrue(yield* client.check("pay_1234567890"))
        return yield* Effect.all([nextHeard, nextHeard])
      })
      const [first, second] = yield* look
      const { webhook_id, ...body } = first.body
      assert.deepStrictEqual(body, {
        event_type: "payment.completed",
        payment_id: "pay_1234567890",
        ...price,
        status: "succeeded",
        timestamp: "2025-06-15T14:30:00.000Z",
        metadata: asking().metadata,
        customer: asking().customer,
        payment_method: { type: "card", brand: "visa", last4: "4242" },
        created: 1_749_997_800
      })
      assert.deepInclude(second.body, {
        event_type: "payment.partially_refunded",
        status: "partially_refunded",
        facts: { amount_refunded: 4000 }
      })
      const [again] = yield* look
      assert.strictEqual(again.body["webhook_id"], webhook_id)
      // The sum of refunds is told with the second in which it was asked for: that is no other fact.
      known[1] = { ...refundOf(4000), at: 1_749_999_999 }
      const [, later] = yield* look
      assert.strictEqual(later.body["webhook_id"], second.body["webhook_id"])
      known[1] = refundOf(5000)
      const [, more] = yield* look
      assert.notStrictEqual(more.body["webhook_id"], second.body["webhook_id"])
      known[1] = { ...completed, event: "payment.refunded" }
      const [, whole] = yield* look
      assert.notStrictEqual(whole.body["webhook_id"], webhook_id)
    }).pipe(Effect.provide(world))
  })

  it.effect("is asked for again where its answer was lost", () => {
    const { asked, world } = forgetful(3, [completed])
    return Effect.gen(function* () {
      const client = yield* PaymentClient
      yield* spent("1 second")(Effect.flip(client.create(asking())))
      assert.isTrue(yield* client.check("pay_1234567890"))
      assert.deepStrictEqual(asked.slice(3), ["open null", "known pi_1"])
      assert.isTrue(yield* client.check("pay_1234567890"))
      assert.deepStrictEqual(asked.slice(5), ["known pi_1"])
    }).pipe(Effect.provide(world))
  })

  it.effect("is looked after again when the core did not take what was known", () => {
    const { world } = forgetful(0, [completed])
    return Effect.gen(function* () {
      const client = yield* PaymentClient
      yield* client.create(asking())
      const { heard, refusals } = yield* Core
      yield* Ref.set(refusals, 1_000)
      const error = yield* spent("1 second")(Effect.flip(client.check("pay_1234567890")))
      assert.deepStrictEqual([error.reason, error.retryable], ["unavailable", true])
      assert.strictEqual(yield* Queue.size(heard), 0)
    }).pipe(Effect.provide(world))
  })
})
