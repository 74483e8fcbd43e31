/** Notifies a payer when no step of a flow does: that the payment has settled, or that it was refunded. */
import { Effect, Option, type Schema } from "effect"
import type { NoticeStatus } from "../../rpc/Delivery.ts"
import type { Template } from "../../rpc/NotificationSequence.ts"
import { lateReceipt } from "./MessagesStep.ts"
import { carrying, type Message, messageIdOf } from "../notifications/Message.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { EventStore } from "../store/EventStore.ts"
import { InvoiceFiles } from "../payments/invoices/InvoiceFiles.ts"
import type { InvoiceRow } from "../payments/invoices/InvoiceStore.ts"
import type { PaymentRow } from "../store/payments/PaymentRow.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { invoiceFiles, paymentData } from "../payments/PaymentData.ts"

const notices = {
  settled: "payment_confirmation",
  refunded: "refund_confirmation"
} as const satisfies Record<NoticeStatus, Template>

/** What a message about a refund of a part is called beside those of other parts. */
const payerOf = (refunded: number | undefined): string =>
  refunded === undefined ? "payer" : `payer-${refunded}`

/**
 * The confirmation of a payment that no flow speaks for, or of a refund; its id names payment and state, so it is sent
 * once. A refund is told with the amount of its credit note, or else with what refunds come to.
 */
const notice = (
  payment: PaymentRow,
  status: NoticeStatus,
  refunded: number | undefined,
  invoice: Option.Option<InvoiceRow>,
  eventName: string
): Message => ({
  messageId: messageIdOf(payment.payment_id, notices[status], payerOf(refunded), "email"),
  type: notices[status],
  template: notices[status],
  channel: "email",
  priority: "high",
  recipient: payment.customer?.email ?? null,
  eventId: payment.event_id,
  guestId: null,
  payerId: payment.user_id,
  subject: null,
  variables: {
    first_name: (payment.customer?.name ?? "").split(/\s+/, 1)[0] ?? "",
    event_name: eventName,
    ...(payment.user_id === null ? {} : { user_id: payment.user_id }),
    ...paymentData(
      {
        amount: status === "settled"
          ? payment.amount
          : Option.getOrUndefined(invoice)?.credited ?? refunded ?? payment.amount,
        currency: payment.currency
      },
      invoice
    ),
    ...carrying(invoiceFiles(invoice))
  } satisfies Record<string, Schema.Json>
})

/** Sends it, made anew; answers how many messages still wait. */
export const notifyPayer = (paymentId: string, status: NoticeStatus, refunded: number | undefined) =>
  Effect.gen(function* () {
    const payment = yield* Effect.orDie(
      Effect.flatMap((yield* PaymentStore).get(paymentId), Effect.fromOption)
    )
    if (status === "settled" && payment.flow_id !== null) return yield* lateReceipt(payment.flow_id)
    const files = yield* InvoiceFiles
    const invoice = yield* status === "settled"
      ? files.forPayment(paymentId)
      : files.forRefund(paymentId, refunded ?? payment.amount)
    const event = payment.event_id === null ? Option.none() : yield* (yield* EventStore).get(payment.event_id)
    const name = Option.match(event, { onNone: () => "", onSome: ({ title }) => title })
    const { retryable } = yield* (yield* Notifier).deliver(
      { flowId: payment.flow_id, sequenceId: null },
      [notice(payment, status, refunded, invoice, name)]
    )
    return retryable
  })
