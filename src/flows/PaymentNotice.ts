/** Notifies a payer when no step of a flow does: that the payment has settled, or that it was refunded. */
import { Effect, Option, type Schema } from "effect"
import type { NoticeStatus } from "../../rpc/Delivery.ts"
import type { Template } from "../../rpc/NotificationSequence.ts"
import { lateReceipt } from "./MessagesStep.ts"
import { carrying, type Message, messageIdOf } from "../notifications/Message.ts"
import { Notifier } from "../notifications/Notifier.ts"
import type { Locale } from "../../rpc/values/Values.ts"
import { AudienceStore } from "../store/notifications/AudienceStore.ts"
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
  about: { readonly title: string; readonly locale: Locale | undefined }
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
    event_name: about.title,
    ...(about.locale === undefined ? {} : { locale: about.locale }),
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

/** What was paid for, and the language that the payer, who is a guest of it, reads. */
const subjectOf = Effect.fnUntraced(function* ({ event_id: eventId, user_id: guestId }: PaymentRow) {
  if (eventId === null) return { title: "", locale: undefined }
  const event = yield* (yield* EventStore).get(eventId)
  const [payer] = guestId === null ? [] : yield* (yield* AudienceStore).guests(eventId, [guestId])
  return {
    title: Option.match(event, { onNone: () => "", onSome: ({ title }) => title }),
    locale: payer?.locale
  }
})

const noticeOf = Effect.fnUntraced(
  function* (payment: PaymentRow, status: NoticeStatus, refunded: number | undefined) {
    const files = yield* InvoiceFiles
    const invoice = yield* status === "settled"
      ? files.forPayment(payment.payment_id)
      : files.forRefund(payment.payment_id, refunded ?? payment.amount)
    return notice(payment, status, refunded, invoice, yield* subjectOf(payment))
  }
)

/** Sends it, made anew; answers how many messages still wait. */
export const notifyPayer = (paymentId: string, status: NoticeStatus, refunded: number | undefined) =>
  Effect.gen(function* () {
    const payment = yield* Effect.orDie(
      Effect.flatMap((yield* PaymentStore).get(paymentId), Effect.fromOption)
    )
    if (status === "settled" && payment.flow_id !== null) return yield* lateReceipt(payment.flow_id)
    const { retryable } = yield* (yield* Notifier).deliver(
      { flowId: payment.flow_id, sequenceId: null },
      [yield* noticeOf(payment, status, refunded)]
    )
    return retryable
  })

/** `pay_1.refund_confirmation.payer-500.email`; before a release of 2026 the amount came behind a slash. */
const named = /^(pay_[^.]+)\.(payment|refund)_confirmation\.payer(?:[-/](\d{1,15}))?\.email$/

/** The notice that a message's id names, made anew. */
export const noticeNamed = Effect.fnUntraced(function* (messageId: string) {
  const [, paymentId, kind, refunded] = named.exec(messageId) ?? []
  if (paymentId === undefined) return undefined
  const payment = yield* (yield* PaymentStore).get(paymentId)
  if (Option.isNone(payment)) return undefined
  const made = yield* noticeOf(
    payment.value,
    kind === "payment" ? "settled" : "refunded",
    refunded === undefined ? undefined : Number(refunded)
  )
  return { ...made, messageId }
})
