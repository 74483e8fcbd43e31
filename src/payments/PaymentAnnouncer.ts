/** Tells a payment's decision: to the flow that waits, to the payer's sequences, to a payer without a flow. */
import { Effect, Layer } from "effect"
import { WorkflowEngine } from "effect/workflow"
import { PaymentNotice } from "../../rpc/Delivery.ts"
import { patience } from "../Durable.ts"
import { decide } from "../flows/FlowKeeper.ts"
import { refundReason } from "../flows/Plan.ts"
import { Triggers } from "../notifications/Triggers.ts"
import { PaymentClient } from "../services/payments/PaymentClient.ts"
import { PaymentListener } from "../services/payments/PaymentListener.ts"
import { FlowStore } from "../store/FlowStore.ts"
import type { PaymentRow } from "../store/PaymentRow.ts"

export const PaymentAnnouncerLayer = Layer.effect(
  PaymentListener,
  Effect.gen(function* () {
    const engine = yield* WorkflowEngine.WorkflowEngine
    const flows = yield* FlowStore
    const triggers = yield* Triggers
    const client = yield* PaymentClient

    const wake = (flowId: string, status: "settled" | "failed" | "canceled") =>
      decide(flowId, status).pipe(
        Effect.provideService(FlowStore, flows),
        Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
      )

    /** A payment that settles after its flow was stopped and undone belongs to nobody: it is refunded. */
    const giveBack = Effect.fnUntraced(function* (flowId: string, payment: PaymentRow) {
      const flow = yield* flows.load(flowId)
      if (flow.status !== "failed" || flow.request.orchestration_options.error_handling !== "stop_on_error") {
        return
      }
      yield* client.refund(payment.payment_id, { reason: refundReason }).pipe(
        Effect.retry({ while: (error) => error.retryable, schedule: patience }),
        Effect.catch(({ reason }) =>
          Effect.logError("A payment of a stopped flow could not be refunded", {
            paymentId: payment.payment_id,
            reason
          })
        )
      )
    })

    const tell = (paymentId: string, status: "settled" | "refunded") =>
      PaymentNotice.execute({ paymentId, status }, { discard: true }).pipe(
        Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
      )

    return PaymentListener.of({
      decided: Effect.fn("PaymentAnnouncer.decided")(function* (payment, status) {
        const { event_id: eventId, flow_id: flowId, user_id: userId } = payment
        const paid = payment.settled_at !== null
        if (flowId !== null && (paid || status === "failed" || status === "canceled")) {
          yield* wake(flowId, paid ? "settled" : status === "failed" ? "failed" : "canceled")
        }
        if (flowId !== null && status === "settled") yield* giveBack(flowId, payment)
        if (status === "settled" && eventId !== null && userId !== null) {
          yield* triggers.fire(eventId, [userId], "payment_success")
        }
        if (status === "refunded" || (status === "settled" && flowId === null)) {
          yield* tell(payment.payment_id, status)
        }
      })
    })
  })
)
