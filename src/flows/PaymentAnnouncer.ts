/**
 * Announces what the events of a payment come to: to the flow that waits, to the payer's sequences, to the payer. What is
 * not what was asked for goes back.
 */
import { Context, Effect, Layer } from "effect"
import { WorkflowEngine } from "effect/workflow"
import { PaymentNotice } from "../../rpc/Delivery.ts"
import { type PaymentStatus, RefundPayment } from "../../rpc/Payment.ts"
import { Triggers } from "../notifications/Triggers.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { type PayersNotice, paymentStates, type Standing } from "../store/payments/PaymentDecisions.ts"
import type { PaymentRow } from "../store/payments/PaymentRow.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { afterSettling, decide } from "./PaymentStep.ts"

/**
 * Called after every event of a payment, with what all of them come to by then: the same may come again, after a crash or
 * by a late event, so whatever follows is keyed by payment and fact. Its invoice and credit notes have numbers by now, and
 * their PDFs may not be drawn yet.
 */
export class PaymentAnnouncer extends Context.Service<PaymentAnnouncer, {
  readonly announce: (payment: PaymentRow, standing: Standing) => Effect.Effect<void>
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

      /**
       * A receipt goes to whom no flow speaks for however late its event comes; a flow's payer hears of the payment while it
       * stands. Refunds are told, whatever else became of the payment.
       */
      const isTold = (payment: PaymentRow, status: PaymentStatus) => (notice: PayersNotice) =>
        notice.status === "refunded" || status === "settled" || payment.flow_id === null

      /** A receipt that the flow's own step will send, with the payment as it stands then, needs no workflow to find that out. */
      const isNews = (speaks: boolean) => ({ status }: PayersNotice) => !speaks || status !== "settled"

      const tell = ({ amount, payment_id: paymentId }: PaymentRow) => ({ refunded, status }: PayersNotice) =>
        PaymentNotice.execute({
          paymentId,
          status,
          ...(status === "settled" || refunded === amount ? {} : { refunded })
        }, { discard: true })

      const announce: PaymentAnnouncer["Service"]["announce"] = Effect.fn("PaymentAnnouncer.announce")(
        function* (payment, { misreceived, notices, status }) {
          const { event_id: eventId, flow_id: flowId, payment_id: paymentId, user_id: userId } = payment
          const { trigger } = paymentStates[status]
          if (misreceived) yield* RefundPayment.execute({ paymentId }, { discard: true, detached: true })
          if (flowId === null && payment.owner === null) return
          if (flowId !== null && status !== "pending") yield* endWait(flowId, payment, status)
          const { isRefunded, speaks } = flowId !== null && status === "settled"
            ? yield* afterSettling(flowId, paymentId)
            : { isRefunded: false, speaks: false }
          if (isRefunded) return
          if (trigger !== null && eventId !== null && userId !== null) {
            yield* triggers.fire(eventId, [userId], trigger)
          }
          const told = notices.filter(isTold(payment, status)).filter(isNews(speaks))
          yield* Effect.forEach(told, tell(payment), { discard: true })
        },
        Effect.provideContext(services)
      )

      return PaymentAnnouncer.of({ announce })
    })
  )
}
