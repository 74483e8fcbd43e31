/**
 * One payment: applies what is reported of it, has it invoiced once it is settled and credited as far as it goes back, and
 * announces what was decided.
 */
import { Effect, Option } from "effect"
import { Payment } from "../rpc/Payment.ts"
import type { PaymentWebhook } from "../rpc/payments/PaymentWebhook.ts"
import { retryTransient } from "../src/durable/Retry.ts"
import { PaymentAnnouncer } from "../src/flows/PaymentAnnouncer.ts"
import { InvoiceFiles } from "../src/payments/invoices/InvoiceFiles.ts"
import { InvoiceStore } from "../src/payments/invoices/InvoiceStore.ts"
import type { PayersNotice } from "../src/store/payments/PaymentDecisions.ts"
import type { PaymentRow } from "../src/store/payments/PaymentRow.ts"
import * as OrchestrationLog from "../src/telemetry/OrchestrationLog.ts"
import { flowOf } from "../src/store/payments/PaymentLines.ts"
import { PaymentStore } from "../src/store/payments/PaymentStore.ts"
import { measured } from "../src/telemetry/metrics/WorkMetrics.ts"

export const PaymentLayer = Payment.toLayer(
  Effect.gen(function* () {
    const payments = yield* PaymentStore
    const invoices = yield* InvoiceStore
    const files = yield* InvoiceFiles
    const announcer = yield* PaymentAnnouncer

    const invoice = Effect.fn("Payment.invoice")(function* (payment: PaymentRow) {
      if (!payment.create_invoice || payment.settled_at === null || payment.amount === 0) return Option.none()
      return Option.some(yield* Effect.orDie(invoices.issue(payment.payment_id)))
    })

    /** One message a credit note, none a corrective invoice: a sum that is heard of when a larger one has its note was told with that. */
    const coveredBy = Effect.fnUntraced(function* (
      paymentId: string,
      notices: ReadonlyArray<PayersNotice>
    ) {
      const through = new Set(yield* invoices.creditedThrough(paymentId))
      return notices.filter(({ refunded, status }) => status !== "refunded" || through.has(refunded))
    })

    const apply = Effect.fn("Payment.apply")(function* (webhook: PaymentWebhook) {
      const { noticed, payment, standing } = yield* payments.apply(webhook)
      if (noticed.length > 0) {
        yield* Effect.logWarning("A payment has to be looked at", {
          paymentId: payment.payment_id,
          attention: noticed
        })
      }
      const issued = yield* invoice(payment)
      const isCorrected = Option.isSome(issued) && standing.correctable
      const corrected = isCorrected ? yield* Effect.orDie(invoices.credit(payment.payment_id)) : Option.none()
      const notices = isCorrected ? yield* coveredBy(payment.payment_id, standing.notices) : standing.notices
      yield* OrchestrationLog.within(flowOf(payment))(announcer.announce(payment, { ...standing, notices }))
      for (const document of [issued, corrected]) {
        if (Option.isSome(document)) yield* files.attach(document.value)
      }
      return payment.status
    })

    return measured(
      "Payment",
      Payment.of({ ApplyEvent: ({ payload }) => retryTransient(apply(payload.webhook)) })
    )
  }),
  { maxIdleTime: "2 minutes", disableFatalDefects: true }
)
