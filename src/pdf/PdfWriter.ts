/**
 * Drawn pages become a PDF. Objects and images are `@cantoo/pdf-lib`'s: the fork of pdf-lib that is still
 * released.
 */
import { PDFDocument, type PDFImage, PDFName } from "@cantoo/pdf-lib"
import { deflateSync } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Canvas } from "./Canvas.ts"
import { EmbeddedFont } from "./EmbeddedFont.ts"
import type { Fonts } from "./Fonts.ts"
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

const largestLogo = { bytes: 1024 * 1024, pixels: 4_000_000 }
const pngSignature = "89504e470d0a1a0a"

const embedLogo = (document: PDFDocument, logo: Uint8Array): Effect.Effect<PDFImage, PdfError> =>
  Effect.tryPromise({
    try: async () => {
      if (logo.length > largestLogo.bytes) throw new RangeError("a logo holds at most 1 MiB")
      const view = new DataView(logo.buffer, logo.byteOffset, logo.byteLength)
      if (Buffer.from(logo.subarray(0, 8)).toString("hex") !== pngSignature) {
        return await document.embedJpg(logo)
      }
      if (view.getUint32(16) * view.getUint32(20) > largestLogo.pixels) {
        throw new RangeError("too many pixels")
      }
      return await document.embedPng(logo)
    },
    catch: () =>
      new PdfError({
        reason: "logo",
        message: "The logo must be a PNG or JPEG file of at most 1 MiB and 4 megapixels."
      })
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

  const logos = new Map<Uint8Array, { name: string; width: number; height: number; image: PDFImage }>()
  for (const shape of pages.flatMap((page) => page.shapes)) {
    if (shape.kind !== "logo" || logos.has(shape.logo)) continue
    const image = yield* embedLogo(document, shape.logo)
    logos.set(shape.logo, { name: `logo${logos.size}`, width: image.width, height: image.height, image })
  }
  const embedded = { regular: new EmbeddedFont(fonts.regular), bold: new EmbeddedFont(fonts.bold) }
  const refs = { regular: context.nextRef(), bold: context.nextRef() }
  const resources = context.register(context.obj({
    Font: refs,
    XObject: Object.fromEntries([...logos.values()].map(({ name, image }) => [name, image.ref]))
  }))

  for (const canvas of pages) {
    const page = document.addPage([canvas.width, canvas.height])
    const content = Buffer.from(pageContent(canvas, { fonts: embedded, logos }), "latin1")
    page.node.set(PDFName.of("Resources"), resources)
    page.node.set(
      PDFName.of("Contents"),
      context.register(context.stream(deflateSync(content), { Filter: "FlateDecode" }))
    )
  }
  embedded.regular.write(context, refs.regular)
  embedded.bold.write(context, refs.bold)
  const bytes = yield* Effect.promise(() =>
    document.save({
      useObjectStreams: false,
      addDefaultPage: false,
      updateFieldAppearances: false,
      objectsPerTick: 1e9
    })
  )
  const rendered: RenderedPdf = {
    bytes,
    pages: pages.length,
    missingGlyphs: [...new Set([...embedded.regular.missing, ...embedded.bold.missing])]
  }
  return rendered
})
