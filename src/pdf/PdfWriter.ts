/**
 * Drawn pages become a PDF. Objects and images are `@cantoo/pdf-lib`'s: the fork of pdf-lib that is still
 * released.
 */
import { PDFDocument, PDFName, type PDFRef } from "@cantoo/pdf-lib"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Canvas } from "./Canvas.ts"
import { compress } from "./Deflate.ts"
import { EmbeddedFont } from "./EmbeddedFont.ts"
import type { Fonts } from "./Fonts.ts"
import { embedLogo } from "./Logo.ts"
import { pageContent } from "./PageContent.ts"

/**
 * A finished document. `missingGlyphs` lists the characters that the fonts could not write (Arabic, CJK,
 * emoji …).
 */
export interface RenderedPdf {
  readonly bytes: Uint8Array
  readonly pages: number
  readonly missingGlyphs: ReadonlyArray<string>
}

/** Input that cannot be drawn; final: the same input fails again. */
export class PdfError extends Schema.TaggedError<PdfError>()("PdfError", {
  reason: Schema.Literals(["logo", "date", "qr", "empty"]),
  message: Schema.String
}) {}

/** What viewers and screen readers are told about a document; the date is the only one in it. */
export interface PdfInfo {
  readonly title: string
  readonly language: string
  readonly author: string
  readonly createdAt: Date
}

const unusable = new PdfError({
  reason: "logo",
  message: "The logo must be a whole PNG or JPEG file of at most 256 KiB and 2 megapixels."
})

/** Writes pages in order, each font subset once for all of them; equal input gives equal bytes. */
export const writePdf = Effect.fn("PdfWriter.writePdf")(function* (
  fonts: Fonts["Service"],
  pages: ReadonlyArray<Canvas>,
  info: PdfInfo
) {
  const document = yield* Effect.promise(() => PDFDocument.create({ updateMetadata: false }))
  const { context } = document
  document.setTitle(info.title, { showInWindowTitleBar: true })
  document.setLanguage(info.language)
  document.setAuthor(info.author)
  document.setCreator("Guichet")
  document.setProducer("Guichet")
  document.setCreationDate(info.createdAt)
  document.setModificationDate(info.createdAt)

  const logos = new Map<Uint8Array, { name: string; width: number; height: number; ref: PDFRef }>()
  for (const shape of pages.flatMap((page) => page.shapes)) {
    if (shape.kind !== "logo" || logos.has(shape.logo)) continue
    const logo = yield* embedLogo(context, shape.logo)
    if (Option.isNone(logo)) return yield* unusable
    logos.set(shape.logo, { name: `logo${logos.size}`, ...logo.value })
  }
  const embedded = { regular: new EmbeddedFont(fonts.regular), bold: new EmbeddedFont(fonts.bold) }
  const refs = { regular: context.nextRef(), bold: context.nextRef() }
  const resources = context.register(context.obj({
    Font: refs,
    XObject: Object.fromEntries([...logos.values()].map(({ name, ref }) => [name, ref]))
  }))

  for (const canvas of pages) {
    if (pages.length > 1) yield* Effect.yieldNow
    const page = document.addPage([canvas.width, canvas.height])
    const content = compress(pageContent(canvas, { fonts: embedded, logos }))
    page.node.set(PDFName.of("Resources"), resources)
    page.node.set(
      PDFName.of("Contents"),
      context.register(context.stream(content, { Filter: "FlateDecode" }))
    )
  }
  embedded.regular.write(context, refs.regular)
  embedded.bold.write(context, refs.bold)
  const bytes = yield* Effect.promise(() =>
    document.save({
      useObjectStreams: false,
      addDefaultPage: false,
      updateFieldAppearances: false,
      objectsPerTick: 200
    })
  )
  const rendered: RenderedPdf = {
    bytes,
    pages: pages.length,
    missingGlyphs: [...new Set([...embedded.regular.missing, ...embedded.bold.missing])]
  }
  return rendered
})
