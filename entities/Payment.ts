/** One payment: applies what is heard of it, has it invoiced once it is settled, and tells whoever waits. */
import { Effect, Option } from "effect"
import { InvoiceBook, Payment, type PaymentWebhook } from "../rpc/Payment.ts"
import { patience, retryTransient } from "../src/durable/Retry.ts"
import { InvoiceFiles } from "../src/payments/invoices/InvoiceFiles.ts"
import { PaymentListener } from "../src/payments/PaymentListener.ts"
import { InvoiceStore } from "../src/payments/invoices/InvoiceStore.ts"
import type { PaymentRow } from "../src/store/payments/PaymentRow.ts"
import { PaymentStore } from "../src/store/payments/PaymentStore.ts"

export const PaymentLayer = Payment.toLayer(
  Effect.gen(function* () {
    const payments = yield* PaymentStore
    const invoices = yield* InvoiceStore
    const files = yield* InvoiceFiles
    const listener = yield* PaymentListener
    const bookOf = yield* InvoiceBook.client

    const askForInvoice = Effect.fn("Payment.askForInvoice")(function* (payment: PaymentRow) {
      const book = bookOf(yield* invoices.book)
      yield* book.IssueInvoice({ paymentId: payment.payment_id }).pipe(
        Effect.timeout("30 seconds"),
        Effect.retry({ schedule: patience, while: (error) => error._tag !== "PaymentNotFound" }),
        Effect.orDie
      )
    })

    const invoice = Effect.fn("Payment.invoice")(function* (payment: PaymentRow) {
      if (!payment.create_invoice || payment.settled_at === null || payment.amount === 0) return null
      if (Option.isNone(yield* invoices.forPayment(payment.payment_id))) yield* askForInvoice(payment)
      return yield* Effect.orDie(Effect.flatMap(invoices.forPayment(payment.payment_id), Effect.fromOption))
    })

    const apply = Effect.fn("Payment.apply")(function* (webhook: PaymentWebhook) {
      const { payment } = yield* payments.apply(webhook)
      const issued = yield* invoice(payment)
      if (payment.status !== "pending") yield* listener.decided(payment, payment.status)
      if (issued !== null) yield* files.attach(issued)
      return payment.status
    })

    return Payment.of({ ApplyEvent: ({ payload }) => retryTransient(apply(payload.webhook)) })
  }),
  { maxIdleTime: "2 minutes", disableFatalDefects: true }
)
