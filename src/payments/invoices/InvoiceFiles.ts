/** The PDF of an invoice, drawn from its archived document and stored under its number. */
import { Context, Effect, Layer, Option } from "effect"
import { patience, retryTransient } from "../../durable/Retry.ts"
import { logFault } from "../../telemetry/Faults.ts"
import { FileStore, type FileStoreError } from "../../files/FileStore.ts"
import { Fonts } from "../../print/pdf/Fonts.ts"
import type { PdfError } from "../../print/pdf/PdfWriter.ts"
import { type InvoiceRow, InvoiceStore } from "./InvoiceStore.ts"
import type { PaymentRow } from "../../store/payments/PaymentRow.ts"
import { toPdfInput } from "./InvoiceDocument.ts"
import { InvoicePdf } from "../../print/invoices/InvoicePdf.ts"

/** The key of an invoice's PDF. */
export const fileKeyOf = (number: string): string => `invoices/${number}.pdf`

const isAway = (error: PdfError | FileStoreError): boolean => error.reason === "unavailable"

export class InvoiceFiles extends Context.Service<InvoiceFiles, {
  /** Draws and stores the PDF unless it is filed; the file's key. */
  readonly file: (invoice: InvoiceRow) => Effect.Effect<string, PdfError | FileStoreError>
  /** The same within ten seconds; an invoice whose PDF is not to be had stays without, and is drawn when asked for. */
  readonly attach: (invoice: InvoiceRow) => Effect.Effect<InvoiceRow>
  /** The payment's invoice, attached, once it is issued. */
  readonly forPayment: (paymentId: string) => Effect.Effect<Option.Option<InvoiceRow>>
  /** A payment and, where its receipt is asked for, the invoice, attached, once it is issued. */
  readonly withPayment: (paymentId: string) => Effect.Effect<
    Option.Option<{ readonly payment: PaymentRow; readonly invoice: Option.Option<InvoiceRow> }>
  >
  /** The credit note of what refunds of the payment came to, attached, once it is issued. */
  readonly forRefund: (paymentId: string, refunded: number) => Effect.Effect<Option.Option<InvoiceRow>>
}>()("guichet/payments/invoices/InvoiceFiles") {
  static readonly layer: Layer.Layer<InvoiceFiles, never, FileStore | Fonts | InvoiceStore> = Layer.effect(
    InvoiceFiles,
    Effect.gen(function* () {
      const files = yield* FileStore
      const fonts = yield* Fonts
      const invoices = yield* InvoiceStore

      const file = Effect.fn("InvoiceFiles.file")(function* (invoice: InvoiceRow) {
        if (invoice.file_key !== null) return invoice.file_key
        const key = fileKeyOf(invoice.number)
        const { bytes, missingGlyphs } = yield* InvoicePdf.render(fonts, toPdfInput(invoice.document))
        if (missingGlyphs.length > 0) {
          const characters = missingGlyphs.length
          yield* Effect.logWarning("An invoice lacks characters that its font cannot write", {
            number: invoice.number,
            characters
          })
        }
        yield* files.put(key, bytes, "application/pdf")
        yield* invoices.filed(invoice.number, key)
        return key
      })

      const attach = (invoice: InvoiceRow) =>
        retryTransient(Effect.retry(file(invoice), { schedule: patience, while: isAway })).pipe(
          Effect.timeout("10 seconds"),
          Effect.map((file_key) => ({ ...invoice, file_key })),
          Effect.catchCause((cause) =>
            Effect.as(logFault("An invoice cannot be drawn for now", cause), invoice)
          )
        )

      const attached = Effect.flatMap(
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (invoice: InvoiceRow) => Effect.asSome(attach(invoice))
        })
      )

      return InvoiceFiles.of({
        file,
        attach,
        forPayment: (paymentId) => attached(invoices.forPayment(paymentId)),
        withPayment: (paymentId) =>
          Effect.flatMap(
            invoices.withPayment(paymentId),
            Option.match({
              onNone: () => Effect.succeedNone,
              onSome: ({ invoice, payment }) =>
                Effect.map(
                  payment.send_receipt ? attached(Effect.succeed(invoice)) : Effect.succeedNone,
                  (invoice) => Option.some({ payment, invoice })
                )
            })
          ),
        forRefund: (paymentId, refunded) => attached(invoices.creditNote(paymentId, refunded))
      })
    })
  )
}
