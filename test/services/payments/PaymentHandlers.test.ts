/**
 * A payment whose first answer was lost on the way is refunded or canceled under the gateway's name of it.
 * Guards whose removal turns this file red: the question behind `named`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { GatewayError, PaymentGateway } from "../../../src/services/payments/contract/PaymentGateway.ts"
import { PaymentClient } from "../../../src/payments/PaymentClient.ts"
import { spent } from "../../support/PassingTime.ts"
import { asking, memory, over } from "./PaymentWorld.ts"

/** A gateway that makes the payment and loses so many of its answers. */
const forgetful = (lost: number) => {
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
    known: () => Effect.succeed([]),
    method: () => Effect.succeed({ type: "card" })
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
