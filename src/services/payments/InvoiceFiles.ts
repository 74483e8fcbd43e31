/** The PDF of an invoice, drawn from its archived document and stored under its number. */
import { Context, Effect, Layer } from "effect"
import { patience } from "../../Durable.ts"
import { FileStore, FileStoreError } from "../../files/FileStore.ts"
import { Fonts } from "../../pdf/Fonts.ts"
import type { PdfError } from "../../pdf/PdfWriter.ts"
import { type InvoiceRow, InvoiceStore } from "../../store/InvoiceStore.ts"
import { toPdfInput } from "./InvoiceDocument.ts"
import { InvoicePdf } from "./InvoicePdf.ts"

/** The key of an invoice's PDF. */
export const fileKeyOf = (number: string): string => `invoices/${number}.pdf`

export class InvoiceFiles extends Context.Service<InvoiceFiles, {
  /**
   * Draws and stores the PDF unless it is filed, and waits out a store that is unavailable; the file's key.
   */
  readonly file: (invoice: InvoiceRow) => Effect.Effect<string, PdfError>
}>()("guichet/services/payments/InvoiceFiles") {
  static readonly layer: Layer.Layer<InvoiceFiles, never, FileStore | Fonts | InvoiceStore> = Layer.effect(
    InvoiceFiles,
    Effect.gen(function* () {
      const files = yield* FileStore
      const fonts = yield* Fonts
      const invoices = yield* InvoiceStore

      const file = Effect.fn("InvoiceFiles.file")(function* (invoice: InvoiceRow) {
        if (invoice.file_key !== null) return invoice.file_key
        const key = fileKeyOf(invoice.number)
        const { bytes } = yield* InvoicePdf.render(fonts, toPdfInput(invoice.document))
        yield* files.put(key, bytes, "application/pdf").pipe(
          Effect.retry({
            schedule: patience,
            while: ({ reason }: FileStoreError) => reason === "unavailable"
          }),
          Effect.orDie
        )
        yield* invoices.filed(invoice.number, key)
        return key
      })

      return InvoiceFiles.of({ file })
    })
  )
}
