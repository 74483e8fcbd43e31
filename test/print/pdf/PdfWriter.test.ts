/**
 * A PDF file as other people's tools read it. Guards whose removal turns this file red: texts in UTF-16, the title that
 * viewers show, the content of each page.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Canvas } from "../../../src/print/pdf/Canvas.ts"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { writePdf } from "../../../src/print/pdf/PdfWriter.ts"
import { checkStructure, has, infoOf, pagesOf } from "../../support/PdfTools.ts"

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

layer(Layer.provide(Fonts.layer, NodeFileSystem.layer))("a document", (it) => {
  it.effect.skipIf(!has("pdfinfo", "qpdf"))(
    "shows its title, author and dates, whatever is in them",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const info = { language: "fr", createdAt: new Date("2025-06-20T09:05:07Z") }
        for (
          const [title, author] of [["Billet · Łódź (1\\2)", "王 & Cie"], ["Plain (a) \\ b)", ""]] as const
        ) {
          const { bytes } = yield* writePdf(fonts, [new Canvas(fonts, 100, 200.5)], {
            ...info,
            title,
            author
          })
          checkStructure(bytes)
          const shown = infoOf(bytes)
          assert.include(shown, `Title:           ${title}\n`)
          if (author !== "") assert.include(shown, `Author:          ${author}\n`)
          assert.match(shown, /CreationDate:\s+Fri Jun 20 \d\d:05:07 2025/)
          assert.include(shown, "Page size:       100 x 200.5 pts")
          assert.include(decode(bytes), "/Lang (fr)")
          assert.include(decode(bytes), "/DisplayDocTitle true")
        }
      })
  )

  it.effect.skipIf(!has("pdftoppm", "qpdf"))(
    "shows nothing of one page on the next",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const info = { title: "Pages", language: "en", author: "Guichet", createdAt: new Date(0) }
        const page = (count: number) => {
          const canvas = new Canvas(fonts, 200, 100)
          canvas.cells(10, 10, 10, Array.from({ length: count }, (_, at) => [at, at, 2] as const))
          canvas.rect({ x: 150, y: 10 * count, width: 20, height: 10 }, "#3b2ad9", 3)
          return canvas
        }
        const both = yield* writePdf(fonts, [page(6), page(2)], info)
        const second = yield* writePdf(fonts, [page(2)], info)
        checkStructure(both.bytes)
        assert.strictEqual(both.pages, 2)
        assert.deepStrictEqual(pagesOf(both.bytes, 60)[1], pagesOf(second.bytes, 60)[0])
      })
  )
})
