/** Tells a payment's decision: to the flow that waits, to the payer's sequences, to a payer whom no flow tells. */
import { Effect, Layer } from "effect"
import { WorkflowEngine } from "effect/workflow"
import { PaymentNotice } from "../../rpc/Delivery.ts"
import { decide } from "./FlowKeeper.ts"
import { Triggers } from "../notifications/Triggers.ts"
import { PaymentListener } from "../payments/PaymentListener.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { giveBack } from "../payments/RefundUnearned.ts"

export const PaymentAnnouncerLayer = Layer.effect(
  PaymentListener,
  Effect.gen(function* () {
    const engine = yield* WorkflowEngine.WorkflowEngine
    const flows = yield* FlowStore
    const triggers = yield* Triggers
    const payments = yield* PaymentStore

    const wake = (flowId: string, status: "settled" | "failed" | "canceled") =>
      decide(flowId, status).pipe(
        Effect.provideService(FlowStore, flows),
        Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
      )

    /** A customer whose card is declined may pay with another: only a charge of ours is over when it fails. */
    const isOver = (flowId: string) =>
      Effect.map(flows.load(flowId), ({ request }) => request.payment_config.auto_confirm)

    const look = (flowId: string) =>
      giveBack(flowId).pipe(
        Effect.provideService(PaymentStore, payments),
        Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
      )

    const tell = (paymentId: string, status: "settled" | "refunded") =>
      PaymentNotice.execute({ paymentId, status }, { discard: true }).pipe(
        Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
      )

    return PaymentListener.of({
      decided: Effect.fn("PaymentAnnouncer.decided")(function* (payment, status) {
        const { event_id: eventId, flow_id: flowId, user_id: userId } = payment
        const paid = payment.settled_at !== null
        if (
          flowId !== null &&
          (paid || status === "canceled" || (status === "failed" && (yield* isOver(flowId))))
        ) {
          yield* wake(flowId, paid ? "settled" : status === "failed" ? "failed" : "canceled")
        }
        const back = flowId !== null && status === "settled" && (yield* look(flowId))
        if (status === "settled" && !back && eventId !== null && userId !== null) {
          yield* triggers.fire(eventId, [userId], "payment_success")
        }
        if (status === "refunded" || (status === "settled" && !back)) {
          yield* tell(payment.payment_id, status)
        }
      })
    })
  })
)
