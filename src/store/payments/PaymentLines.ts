/** What the log says of a payment: that it was asked for, and how it was decided, once each. */
import { DateTime, Effect } from "effect"
import type { PaymentStatus } from "../../../rpc/Payment.ts"
import * as OrchestrationLog from "../../telemetry/OrchestrationLog.ts"
import { paymentIs } from "../../telemetry/metrics/WorkMetrics.ts"
import type { PaymentRow } from "./PaymentRow.ts"

/** The flow that a payment is of, or the payment itself. */
export const flowOf = (payment: Pick<PaymentRow, "flow_id" | "payment_id">): string =>
  payment.flow_id ?? payment.payment_id

export const began = (payment: PaymentRow): Effect.Effect<void> => {
  paymentIs("pending")
  return OrchestrationLog.start(flowOf(payment), "payment", { paymentId: payment.payment_id })
}

/** Nothing for a payment that was decided before. */
export const decided = Effect.fnUntraced(function* (previous: PaymentStatus, payment: PaymentRow) {
  if (previous !== payment.status) paymentIs(payment.status)
  if (previous !== "pending" || payment.status === "pending") return
  const took = DateTime.distance(payment.created_at, yield* DateTime.now)
  const isPaid = payment.settled_at !== null
  yield* OrchestrationLog.complete(flowOf(payment), isPaid, took, isPaid ? [] : payment.status, {
    flowType: "payment",
    paymentId: payment.payment_id
  })
})
