/** A settled payment is for the live tickets of its flow, or it is given back. */
import { Effect, Option } from "effect"
import { GiveBack } from "../../rpc/Payment.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"

/**
 * Looks when a flow is over and whenever its payment settles after that, so that one of the two looks sees both; the
 * refund is one however often they do. Answers whether it is given back.
 */
export const giveBack = Effect.fn("GiveBack.look")(function* (flowId: string) {
  const paymentId = yield* (yield* PaymentStore).unearned(flowId)
  if (Option.isNone(paymentId)) return false
  yield* GiveBack.execute({ paymentId: paymentId.value }, { discard: true, detached: true })
  return true
})
