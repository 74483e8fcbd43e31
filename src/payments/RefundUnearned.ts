/** A settled payment is for the live tickets of its flow, or it is refunded. */
import { Effect, Option } from "effect"
import { RefundPayment } from "../../rpc/Payment.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"

/**
 * Looks when a flow is over and whenever its payment settles after that, so that one of the two looks sees both; the
 * refund is one however often they do. Answers whether it is refunded.
 */
export const refundUnearned = Effect.fn("RefundUnearned.look")(function* (flowId: string) {
  const paymentId = yield* (yield* PaymentStore).unearned(flowId)
  if (Option.isNone(paymentId)) return false
  yield* RefundPayment.execute({ paymentId: paymentId.value }, { discard: true, detached: true })
  return true
})
