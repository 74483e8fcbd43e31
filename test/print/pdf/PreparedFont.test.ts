/**
 * Documents share a prepared font when it has all that they show, and nobody sees the difference. Guards whose removal
 * turns this file red: every text of a face decides, letters count by what they mean and not by their shape, letters
 * written in parts are composed first, a font belongs to the texts that it was chosen for, ranges end with a byte.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { inflateSync } from "node:zlib"
import { Canvas } from "../../../src/print/pdf/Canvas.ts"
import { EmbeddedFont } from "../../../src/print/pdf/EmbeddedFont.ts"
import { GlyphChoice } from "../../../src/print/pdf/FontProgram.ts"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { writePdf } from "../../../src/print/pdf/PdfWriter.ts"
import { preparedFont } from "../../../src/print/pdf/PreparedFont.ts"
import { checkStructure, has, pagesOf, textOf } from "../../support/PdfTools.ts"

const western = [
  ..."Élodie Müller-Núñez · Søren Kjær|Cañón d’Été – 1\u202f234,50\u00a0€ “Çà et là”…".split("|"),
  "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  "[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~ ¡£©«°·»¿—‘’•",
  "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿŒœŸ"
]

/** Lines in both faces; `aside` is a regular text that stands beside the page, where nobody sees it. */
const print = Effect.fnUntraced(function* (lines: ReadonlyArray<string>, aside?: string) {
  const fonts = yield* Fonts
  const canvas = new Canvas(fonts, 600, 40 + 40 * lines.length)
  const style = { size: 14, fill: "#000000" }
  lines.forEach((line, at) => {
    canvas.text(20, 30 + 40 * at, line, style)
    canvas.text(20, 50 + 40 * at, line, { ...style, bold: true })
  })
  if (aside !== undefined) {
    canvas.text(2_000, 2_000, aside, style)
    canvas.text(2_000, 2_000, aside, { ...style, bold: true })
  }
  const info = { title: "Fonts", language: "en", author: "Guichet", createdAt: new Date(0) }
  return (yield* writePdf(fonts, [canvas], info)).bytes
})

const fontsOf = (pdf: Uint8Array): ReadonlyArray<string> =>
  Array.from(Buffer.from(pdf).toString("latin1").matchAll(/\/FontName \/(\S+)/g), ([, name]) => name!)

const spaced = (text: string): string => text.normalize("NFC").replace(/\s+/g, " ")

layer(Layer.provide(Fonts.layer, NodeFileSystem.layer))("a prepared font", (it) => {
  it.effect.skipIf(!has("pdftoppm", "pdftotext", "qpdf"))(
    "draws and says what a font of the document's own does",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const [shared, own] = [yield* print(western), yield* print(western, "Ł")]
        const names = [fonts.regular, fonts.bold].map((face) => preparedFont(face).program.name)
        assert.deepStrictEqual(fontsOf(shared), names)
        for (const name of fontsOf(own)) assert.notInclude(names, name)
        for (const pdf of [shared, own]) {
          checkStructure(pdf)
          for (const line of western) assert.include(spaced(textOf(pdf)), spaced(line))
        }
        assert.deepStrictEqual(pagesOf(shared, 60), pagesOf(own, 60))
        assert.deepStrictEqual(pagesOf(shared, 200), pagesOf(own, 200))
      })
  )

  it.effect("is chosen by the texts of a document, whatever was written before it", () =>
    Effect.gen(function* () {
      const documents = [["Zoë"], ["Zoë", "Łucja"], ["Ελένη"], ["Íñigo"]]
      const first = yield* Effect.forEach(documents, (lines) => print(lines))
      const again = yield* Effect.forEach(documents.toReversed(), (lines) => print(lines))
      assert.deepStrictEqual(again.toReversed(), first)
    }))

  it.effect.skipIf(!has("pdftotext", "qpdf"))(
    "is left for a single letter that it has not, in that face",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const canvas = new Canvas(fonts, 300, 100)
        const style = { size: 14, fill: "#000000" }
        for (const [at, name] of ["Zoë Müller", "Zoë Żak", "Jean"].entries()) {
          canvas.text(20, 20 + 20 * at, name, { ...style, bold: true })
        }
        canvas.text(20, 90, "Invitée", style)
        const info = { title: "Żak", language: "fr", author: "Guichet", createdAt: new Date(0) }
        const { bytes, missingGlyphs } = yield* writePdf(fonts, [canvas], info)
        assert.deepStrictEqual(missingGlyphs, [])
        checkStructure(bytes)
        assert.deepStrictEqual(textOf(bytes).normalize("NFC").match(/\S.*/g), [
          "Zoë Müller",
          "Zoë Żak",
          "Jean",
          "Invitée"
        ])
        const [regular, bold] = fontsOf(bytes)
        assert.strictEqual(regular, preparedFont(fonts.regular).program.name)
        assert.notStrictEqual(bold, preparedFont(fonts.bold).program.name)
      })
  )

  it.effect("has the letters that were written in parts, and nothing in place of what prints nothing", () =>
    Effect.gen(function* () {
      const { regular } = yield* Fonts
      const font = preparedFont(regular)
      assert.strictEqual(font.encode("Zoe\u0308 A\u00adna\t2"), font.encode("Zoë Ana 2"))
      assert.strictEqual(font.encode("")?.length, 0)
      for (const text of ["Ł", "m\u0302", "王", "\u0301", "\ud83c", "АВЕ"]) {
        assert.isUndefined(font.encode(text), JSON.stringify(text))
      }
    }))

  it.effect("shows no text that it was not chosen for", () =>
    Effect.gen(function* () {
      const { regular } = yield* Fonts
      assert.throws(() => new EmbeddedFont(regular, ["Ana"]).show("Łucja", 12), RangeError)
      assert.match(new EmbeddedFont(regular, ["Ana", "Łucja"]).show("Łucja", 12), /^<[0-9a-f]{20}> Tj$/)
    }))

  it.effect("is in a document only when something is shown in it, and is not heavy", () =>
    Effect.gen(function* () {
      const fonts = yield* Fonts
      const canvas = new Canvas(fonts, 100, 100)
      canvas.text(10, 50, "Ana", { size: 14, fill: "#000000" })
      const info = { title: "Ana", language: "en", author: "Guichet", createdAt: new Date(0) }
      const { bytes } = yield* writePdf(fonts, [canvas], info)
      assert.deepStrictEqual(fontsOf(bytes), [preparedFont(fonts.regular).program.name])
      for (const face of [fonts.regular, fonts.bold]) {
        const { file, unicode } = preparedFont(face).program
        assert.isAtMost(file.length + unicode.length, 9_500)
      }
    }))

  it.effect("lists its letters in ranges that end with the last byte of a code or of a code point", () =>
    Effect.gen(function* () {
      const { regular } = yield* Fonts
      const rangesOf = (text: string) => {
        const choice = new GlyphChoice(regular)
        for (const mark of regular.shape(text).flatMap(({ marks }) => marks)) choice.code(mark)
        const unicode = inflateSync(choice.program("quick").unicode).toString()
        return unicode.match(/^<\w+> <\w+> <\w+>$/gm)
      }
      assert.deepStrictEqual(rangesOf("abcýþÿĀāz"), [
        "<0001> <0003> <0061>",
        "<0004> <0006> <00fd>",
        "<0007> <0008> <0100>",
        "<0009> <0009> <007a>"
      ])
      const others = Array.from({ length: 231 }, (_, at) => String.fromCodePoint(0x100 + at)).join("")
      assert.deepStrictEqual(rangesOf(`${others}ABCDEFGHIJKLMNOPQRSTUVWXYZ`)?.slice(-2), [
        "<00e8> <00ff> <0041>",
        "<0100> <0101> <0059>"
      ])
    }))
})
