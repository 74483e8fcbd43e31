/**
 * Asks the payment provider for the refunds that are kept, each under its own name: however often it is asked for, and
 * whatever dies between asking and answer, it is one. Whoever keeps one has it asked for at once; the keeper, and the calling
 * off of an event, ask for what is left.
 */
import { Effect } from "effect"
import type { EventId } from "../../rpc/values/Ids.ts"
import { type Due, RefundStore } from "../store/payments/RefundStore.ts"
import { PaymentClient } from "./PaymentClient.ts"

/** Questions at the same time: a gateway counts them. */
const atOnce = 4

const ask = Effect.fn("Refunds.ask")(function* (due: Due) {
  const refunds = yield* RefundStore
  const { amount, attempts, payment_id: paymentId, reason, refund_id: refundId } = due
  yield* (yield* PaymentClient).refund(paymentId, {
    refund_id: refundId,
    amount,
    reason,
    ...(attempts > 1 ? { again: true } : {})
  }).pipe(
    Effect.andThen(refunds.taken(refundId)),
    Effect.catch((error) => {
      const said = { refundId, paymentId, reason: error.reason }
      return error.retryable ? Effect.logWarning("A refund is asked for again later", said) : Effect.andThen(
        refunds.refused(refundId, error.message),
        Effect.logError("A refund is refused, and has to be looked at", said)
      )
    })
  )
})

const askAll = (due: ReadonlyArray<Due>) => Effect.forEach(due, ask, { concurrency: atOnce, discard: true })

/** Asks for one refund, unless somebody does. */
export const askFor = Effect.fnUntraced(function* (refundId: string) {
  yield* askAll(yield* (yield* RefundStore).due(1, refundId))
})

/** Asks for so many at most of those that are due, of one event or of all; how many it was. */
export const askDue = Effect.fnUntraced(function* (most: number, of?: { readonly eventId: EventId }) {
  const due = yield* (yield* RefundStore).due(most, of)
  yield* askAll(due)
  return due.length
})
