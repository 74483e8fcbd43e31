/** A book of invoices: one owner an issuer and year; the numbers themselves are kept gapless by the store. */
import { Effect } from "effect"
import { InvoiceBook } from "../rpc/Payment.ts"
import { retryTransient } from "../src/durable/Retry.ts"
import { InvoiceStore } from "../src/payments/invoices/InvoiceStore.ts"

export const InvoiceBookLayer = InvoiceBook.toLayer(
  Effect.gen(function* () {
    const invoices = yield* InvoiceStore

    return InvoiceBook.of({
      IssueInvoice: ({ payload }) =>
        retryTransient(Effect.map(invoices.issue(payload.paymentId), ({ number }) => ({ number })))
    })
  }),
  { maxIdleTime: "10 minutes", disableFatalDefects: true }
)
