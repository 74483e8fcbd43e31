/** Deliveries as durable workflows of their own: they outlive the flow or the payment that asked for them. */
import { Effect } from "effect"
import { Activity } from "effect/workflow"
import { FlowMessages, PaymentNotice } from "../rpc/Delivery.ts"
import { outlive, retryTransient } from "../src/durable/Retry.ts"
import { giveUp, sendAgain } from "../src/flows/MessagesStep.ts"
import { untilDelivered } from "../src/notifications/UntilDelivered.ts"
import { notifyPayer } from "../src/flows/PaymentNotice.ts"

export const FlowMessagesLayer = FlowMessages.toLayer(
  Effect.fnUntraced(function* ({ flowId }) {
    yield* Effect.annotateLogsScoped({ flowId })
    const waiting = yield* untilDelivered(sendAgain(flowId))
    if (waiting > 0) yield* Activity.make({ name: "give-up", execute: retryTransient(giveUp(flowId)) })
  }, outlive)
)

export const PaymentNoticeLayer = PaymentNotice.toLayer(
  Effect.fnUntraced(function* ({ paymentId, refunded, status }) {
    yield* Effect.annotateLogsScoped({ flowId: paymentId })
    const waiting = yield* untilDelivered(notifyPayer(paymentId, status, refunded))
    if (waiting > 0) {
      yield* Activity.make({
        name: "give-up",
        execute: Effect.logError("A message to a payer is given up", { paymentId, status })
      })
    }
  }, outlive)
)
