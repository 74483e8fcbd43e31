/**
 * A payment that settled for nothing is refunded whatever is away, and once.
 * Guards whose removal turns this file red: the patience of a round, the rounds after it, the end of what is final, the
 * key of the workflow.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import { WorkflowEngine } from "effect/workflow"
import { RefundPaymentLayer } from "../../entities/RefundPayment.ts"
import { RefundPayment } from "../../rpc/Payment.ts"
import { PaymentCallError, PaymentClient } from "../../src/payments/PaymentClient.ts"
import { spent } from "../support/PassingTime.ts"

const refusal = (reason: "unavailable" | "invalid") =>
  new PaymentCallError({ reason, message: "No.", retryable: reason === "unavailable" })

/** Gives back over a service that refuses so many times first; answers what it was asked and how long it took. */
const givingBack = (refusals: number, reason: "unavailable" | "invalid" = "unavailable", times = 1) =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const client = Layer.mock(PaymentClient, {
      refund: (paymentId) =>
        Effect.suspend(() => asked.push(paymentId) > refusals ? Effect.void : Effect.fail(refusal(reason)))
    })
    const layer = RefundPaymentLayer.pipe(
      Layer.provide(client),
      Layer.provideMerge(WorkflowEngine.layerMemory)
    )
    yield* Effect.repeat(RefundPayment.execute({ paymentId: "pay_1" }), { times: times - 1 }).pipe(
      Effect.provide(layer),
      spent("1 minute")
    )
    return { asked, hours: (yield* Clock.currentTimeMillis) / 3_600_000 }
  })

describe("a payment that settled for nothing", () => {
  it.effect("is refunded once, however often that is asked for", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* givingBack(0, "unavailable", 3)).asked, ["pay_1"])
    }))

  it.effect("is refunded when the payment service is there again, hours later", () =>
    Effect.gen(function* () {
      const { asked, hours } = yield* givingBack(1_000)
      assert.strictEqual(asked.length, 1_001)
      assert.isAbove(hours, 3)
    }))

  it.effect("is tried for a day and no longer", () =>
    Effect.gen(function* () {
      const { hours } = yield* givingBack(Infinity)
      assert.isAbove(hours, 24)
      assert.isBelow(hours, 48)
    }))

  it.effect("is not tried again when it was refused for good", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* givingBack(Infinity, "invalid")).asked, ["pay_1"])
    }))
})
