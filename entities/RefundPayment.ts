/** The refund of a payment that settled for nothing: asked for until it is taken or refused for good. */
import { Effect } from "effect"
import { RefundPayment } from "../rpc/Payment.ts"
import { forADay, outlive, patience } from "../src/durable/Retry.ts"
import { refundReason, wholeRefund } from "../src/flows/Plan.ts"
import * as OrchestrationLog from "../src/telemetry/OrchestrationLog.ts"
import { PaymentClient } from "../src/payments/PaymentClient.ts"

const refund = (paymentId: string) =>
  Effect.flatMap(
    PaymentClient,
    (client) => client.refund(paymentId, { refund_id: wholeRefund, reason: refundReason })
  ).pipe(
    Effect.retry({ while: (error) => error.retryable, schedule: patience }),
    Effect.as({ done: true }),
    Effect.catch(({ reason, retryable }) =>
      Effect.as(
        Effect.logError("A payment that is for nothing is not refunded", { paymentId, reason, retryable }),
        { done: !retryable }
      )
    )
  )

export const RefundPaymentLayer = RefundPayment.toLayer(({ paymentId }) =>
  outlive(OrchestrationLog.within(paymentId)(forADay("refund", refund(paymentId))))
)
