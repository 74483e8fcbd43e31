/** Drawn pages become a PDF; its objects and their syntax are pdf-lib's. */
import { PDFContext, PDFHexString, type PDFRef, PDFString, PDFWriter } from "@cantoo/pdf-lib"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Canvas } from "./Canvas.ts"
import { compress } from "./Deflate.ts"
import type { Cluster, FallbackFont } from "../text/Typeface.ts"
import { EmbeddedFallback, EmbeddedFont } from "./EmbeddedFont.ts"
import type { Fonts } from "./Fonts.ts"
import { type DecodedLogo, embedLogo } from "./Logo.ts"
import { pageContent } from "./PageContent.ts"
import { addStructure, type TaggedPage } from "./StructureTree.ts"

/**
 * A finished document. `missingGlyphs` lists the characters that no font could write: a box stands for each.
 */
export interface RenderedPdf {
  readonly bytes: Uint8Array
  readonly pages: number
  readonly missingGlyphs: ReadonlyArray<string>
}

/** Input that cannot be drawn; final: the same input fails again. */
export class PdfError extends Schema.TaggedError<PdfError>()("PdfError", {
  reason: Schema.Literals(["date", "qr", "empty"]),
  message: Schema.String
}) {}

/** What viewers and screen readers find about a document; `language` is a BCP 47 tag, the date the only one in it. */
export interface PdfInfo {
  readonly title: string
  readonly language: string
  readonly author: string
  readonly createdAt: Date
}

/** Objects that are written before others have their turn; a ticket has about twenty. */
const objectsPerTick = 500

/** Letters of our own font that are not shown as their text: boxes, and brackets that face the other way. */
const noteOwn = (texts: Array<string>, missing: Set<string>, { marks }: Cluster): void => {
  for (const { codePoint, missing: absent } of marks) {
    const character = String.fromCodePoint(codePoint)
    if (absent) missing.add(character)
    texts.push(absent ? "" : character)
  }
}

/** Writes pages in order, each font once for all of them; equal input gives equal bytes. */
export const writePdf = Effect.fn("PdfWriter.writePdf")(function* (
  fonts: Fonts["Service"],
  pages: ReadonlyArray<Canvas>,
  info: PdfInfo
) {
  const document = PDFContext.create()
  const tree = document.nextRef()
  const resources = document.nextRef()
  const texts = { regular: new Array<string>(), bold: new Array<string>() }
  const others = new Map<string, EmbeddedFallback>()
  const missing = new Set<string>()
  const logos = new Map<DecodedLogo, { name: string; width: number; height: number; ref: PDFRef }>()
  for (const { shapes } of pages) {
    for (const shape of shapes) {
      if (shape.kind === "text") {
        if (shape.face.hasAll(shape.text)) texts[shape.face.name].push(shape.text)
        else {for (const { clusters, font, text } of shape.face.runs(shape.text, shape.direction)) {
            if (font !== shape.face) {
              if (!others.has(font.key)) others.set(font.key, new EmbeddedFallback(font as FallbackFont))
            } else if (text !== undefined) texts[shape.face.name].push(text)
            else for (const cluster of clusters) noteOwn(texts[shape.face.name], missing, cluster)
          }}
      }
      if (shape.kind !== "logo" || logos.has(shape.logo)) continue
      const { height, width } = shape.logo
      logos.set(shape.logo, {
        name: `logo${logos.size}`,
        width,
        height,
        ref: embedLogo(document, shape.logo)
      })
    }
  }
  const embedded = {
    regular: new EmbeddedFont(fonts.regular, texts.regular),
    bold: new EmbeddedFont(fonts.bold, texts.bold)
  }

  const kids: Array<PDFRef> = []
  const tagged: Array<TaggedPage> = []
  for (const canvas of pages) {
    if (pages.length > 1) yield* Effect.yieldNow
    const { content, marked } = pageContent(canvas, { fonts: embedded, others, logos })
    const ref = document.register(document.obj({
      Type: "Page",
      StructParents: kids.length,
      Tabs: "S",
      Parent: tree,
      Resources: resources,
      MediaBox: [0, 0, canvas.width, canvas.height],
      Contents: document.register(document.stream(compress(content), { Filter: "FlateDecode" }))
    }))
    tagged.push({ ref, blocks: canvas.blocks, marked })
    kids.push(ref)
  }
  document.assign(tree, document.obj({ Type: "Pages", Kids: kids, Count: kids.length }))
  document.assign(
    resources,
    document.obj({
      Font: {
        regular: texts.regular.length > 0 ? embedded.regular.add(document) : undefined,
        bold: texts.bold.length > 0 ? embedded.bold.add(document) : undefined,
        ...Object.fromEntries([...others].map(([key, font]) => [key, font.add(document)]))
      },
      XObject: Object.fromEntries([...logos.values()].map(({ name, ref }) => [name, ref]))
    })
  )
  document.trailerInfo.Root = document.register(document.obj({
    Type: "Catalog",
    Pages: tree,
    MarkInfo: { Marked: true },
    StructTreeRoot: addStructure(document, tagged),
    ViewerPreferences: { DisplayDocTitle: true },
    Lang: PDFString.of(info.language)
  }))
  const created = PDFString.fromDate(info.createdAt)
  document.trailerInfo.Info = document.register(document.obj({
    Title: PDFHexString.fromText(info.title),
    Author: PDFHexString.fromText(info.author),
    Creator: PDFString.of("Guichet"),
    Producer: PDFString.of("Guichet"),
    CreationDate: created,
    ModDate: created
  }))
  const rendered: RenderedPdf = {
    bytes: yield* Effect.promise(() => PDFWriter.forContext(document, objectsPerTick).serializeToBuffer()),
    pages: pages.length,
    missingGlyphs: [...missing]
  }
  return rendered
})
