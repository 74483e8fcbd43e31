/** What a message about a payment says: the amount for people, and the invoice as an attachment. */
import { Option, type Schema } from "effect"
import { toMajor } from "../../rpc/Money.ts"

interface Paid {
  readonly amount: number
  readonly currency: string
}

interface Invoiced {
  readonly number: string
  readonly file_key: string | null
}

export const paymentData = (payment: Paid, invoice: Option.Option<Invoiced>): Record<string, Schema.Json> => ({
  amount: toMajor(payment.amount, payment.currency),
  currency: payment.currency,
  ...Option.match(invoice, {
    onNone: () => ({}),
    onSome: ({ file_key, number }): Record<string, Schema.Json> => ({
      invoice_number: number,
      ...(file_key === null ? {} : {
        attachments: [{ filename: `${number}.pdf`, file_key, content_type: "application/pdf" }]
      })
    })
  })
})
