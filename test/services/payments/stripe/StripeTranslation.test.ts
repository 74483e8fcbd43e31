/** Every payment event has a Stripe event that the sandbox can play and the translation can read. */
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
import { isOurs, toBody } from "../../../../src/services/payments/stripe/StripeTranslation.ts"
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
