/** Announces a payment's state: to the flow that waits, to the payer's sequences, to a payer whom no flow notifies. */
import { Context, Effect, Layer } from "effect"
import { WorkflowEngine } from "effect/workflow"
import { PaymentNotice } from "../../rpc/Delivery.ts"
import type { PaymentStatus } from "../../rpc/Payment.ts"
import { Triggers } from "../notifications/Triggers.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { paymentStates } from "../store/payments/PaymentDecisions.ts"
import type { PaymentRow } from "../store/payments/PaymentRow.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { decide, refundUnearned, showSettled } from "./PaymentStep.ts"

/**
 * Called after every event that leaves a payment decided, with its state at that moment: the same state may
 * come again, after a crash or by a late event, so whatever follows is keyed by payment and state. Its invoice has a
 * number by now, and its PDF may not be drawn yet.
 */
export class PaymentAnnouncer extends Context.Service<PaymentAnnouncer, {
  readonly announce: (payment: PaymentRow, status: Exclude<PaymentStatus, "pending">) => Effect.Effect<void>
}>()("guichet/flows/PaymentAnnouncer") {
  static readonly layer = Layer.effect(
    PaymentAnnouncer,
    Effect.gen(function* () {
      const flows = yield* FlowStore
      const triggers = yield* Triggers
      const services = yield* Effect.context<WorkflowEngine.WorkflowEngine | FlowStore | PaymentStore>()

      /** A customer whose card is declined may pay with another: only a charge of ours is over when it fails. */
      const isOver = (flowId: string) =>
        Effect.map(flows.load(flowId), ({ request }) => request.payment_config.auto_confirm)

      const endWait = Effect.fnUntraced(
        function* (flowId: string, payment: PaymentRow, status: PaymentStatus) {
          const ended = payment.settled_at === null ? paymentStates[status].flow : "settled"
          if (ended === null || (ended === "failed" && !(yield* isOver(flowId)))) return
          yield* decide(flowId, ended)
        }
      )

      const announce: PaymentAnnouncer["Service"]["announce"] = Effect.fn("PaymentAnnouncer.announce")(
        function* (payment, status) {
          const { event_id: eventId, flow_id: flowId, user_id: userId } = payment
          const { notice, trigger } = paymentStates[status]
          if (flowId !== null) yield* endWait(flowId, payment, status)
          if (flowId !== null && status === "settled") {
            if (yield* refundUnearned(flowId)) return
            yield* showSettled(flowId)
          }
          if (trigger !== null && eventId !== null && userId !== null) {
            yield* triggers.fire(eventId, [userId], trigger)
          }
          if (notice !== null) {
            yield* PaymentNotice.execute({ paymentId: payment.payment_id, status: notice }, { discard: true })
          }
        },
        Effect.provideContext(services)
      )

      return PaymentAnnouncer.of({ announce })
    })
  )
}
