/** What a message about a payment says: the amount for people, and the invoice as an attachment. */
import { Option, type Schema } from "effect"
import { toMajor } from "../../rpc/values/Money.ts"
import type { MessageFile } from "../notifications/Message.ts"

interface Paid {
  readonly amount: number
  readonly currency: string
}

interface Invoiced {
  readonly number: string
  readonly file_key: string | null
}

export const paymentData = (
  payment: Paid,
  invoice: Option.Option<Invoiced>
): Record<string, Schema.Json> => ({
  amount: toMajor(payment.amount, payment.currency),
  currency: payment.currency,
  ...(Option.isSome(invoice) ? { invoice_number: invoice.value.number } : {})
})

/** The invoice's PDF as a file of a message, when it is drawn. */
export const invoiceFiles = (invoice: Option.Option<Invoiced>): ReadonlyArray<MessageFile> =>
  Option.isNone(invoice) || invoice.value.file_key === null ? [] : [{
    filename: `${invoice.value.number}.pdf`,
    file_key: invoice.value.file_key,
    content_type: "application/pdf"
  }]
