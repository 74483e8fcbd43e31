/** Tells a payment's decision: to the flow that waits, to the payer's sequences, to a payer without a flow. */
import { Effect, Layer, Option, type Schema } from "effect"
import { WorkflowEngine } from "effect/workflow"
import { patience } from "../Durable.ts"
import { decide } from "../flows/FlowKeeper.ts"
import { refundReason } from "../flows/Plan.ts"
import { carrying, type Message, messageIdOf } from "../notifications/Message.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { Triggers } from "../notifications/Triggers.ts"
import { PaymentClient } from "../services/payments/PaymentClient.ts"
import { PaymentListener } from "../services/payments/PaymentListener.ts"
import { EventStore } from "../store/EventStore.ts"
import { FlowStore } from "../store/FlowStore.ts"
import type { InvoiceRow } from "../store/InvoiceStore.ts"
import type { PaymentRow } from "../store/PaymentRow.ts"
import { invoiceFiles, paymentData } from "./PaymentData.ts"

const notices = { settled: "payment_confirmation", refunded: "refund_confirmation" } as const

/** The confirmation of a payment that no flow speaks for; its id names payment and state, so it is sent once. */
const notice = (
  payment: PaymentRow,
  status: keyof typeof notices,
  invoice: Option.Option<InvoiceRow>,
  eventName: string
): Message => ({
  messageId: messageIdOf(payment.payment_id, notices[status], "payer", "email"),
  type: notices[status],
  template: notices[status],
  channel: "email",
  priority: "high",
  recipient: payment.customer?.email ?? null,
  eventId: payment.event_id,
  guestId: null,
  subject: null,
  variables: {
    first_name: (payment.customer?.name ?? "").split(/\s+/, 1)[0] ?? "",
    event_name: eventName,
    ...(payment.user_id === null ? {} : { user_id: payment.user_id }),
    ...paymentData(payment, invoice),
    ...carrying(invoiceFiles(invoice))
  } satisfies Record<string, Schema.Json>
})

export const PaymentAnnouncerLayer = Layer.effect(
  PaymentListener,
  Effect.gen(function* () {
    const engine = yield* WorkflowEngine.WorkflowEngine
    const flows = yield* FlowStore
    const events = yield* EventStore
    const triggers = yield* Triggers
    const notifier = yield* Notifier
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

    const tell = Effect.fnUntraced(function* (
      payment: PaymentRow,
      status: keyof typeof notices,
      invoice: InvoiceRow | null
    ) {
      const event = payment.event_id === null ? Option.none() : yield* events.get(payment.event_id)
      const name = Option.match(event, { onNone: () => "", onSome: ({ title }) => title })
      const message = notice(payment, status, Option.fromNullishOr(invoice), name)
      yield* notifier.deliver({ flowId: payment.flow_id, sequenceId: null }, [message])
    })

    return PaymentListener.of({
      decided: Effect.fn("PaymentAnnouncer.decided")(function* (payment, status, invoice) {
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
          yield* tell(payment, status, invoice)
        }
      })
    })
  })
)
