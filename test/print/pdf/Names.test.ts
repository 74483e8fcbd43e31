/**
 * A text is printed right, or each character that cannot be is reported: never "?", an empty box, letters in the wrong
 * order, or an accent beside its letter. Guards whose removal turns this file red: the scripts, the stand-ins, the
 * anchors of accents, the removal of what prints nothing, the clusters.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as fc from "fast-check"
import { Canvas } from "../../../src/print/pdf/Canvas.ts"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { writePdf } from "../../../src/print/pdf/PdfWriter.ts"
import { checkStructure, has, textOf } from "../../support/PdfTools.ts"

const Env = Layer.provide(Fonts.layer, NodeFileSystem.layer)

const print = Effect.fnUntraced(function* (lines: ReadonlyArray<string>) {
  const fonts = yield* Fonts
  const canvas = new Canvas(fonts, 500, 40 + 20 * lines.length)
  lines.forEach((line, at) =>
    canvas.text(20, 30 + 20 * at, line, { size: 12, fill: "#000000", bold: at % 2 === 1 })
  )
  const info = { title: "Names", language: "en", author: "Guichet", createdAt: new Date(0) }
  return yield* writePdf(fonts, [canvas], info)
})

/** Right as they are: composed letters, letters that only combine, spaces of every width. */
const right = [
  "Łukasz Żółć",
  "Ngọc Nguyễn",
  "Ελένη Παπαδοπούλου",
  "Ἀριστοτέλης",
  "Дмитрий Щёкин",
  "Їжак Ґанок",
  "Adébọ̀wálé Ọ̀ṣun",
  "Gintarė̃ Šą́žlė",
  "m̂q̈g̃",
  "O’Brien – “Zoë” Æsir ẞ",
  "1 234,50 €"
]

/** What must be reported, and no more than that. */
const wrong: ReadonlyArray<readonly [text: string, missing: ReadonlyArray<string>]> = [
  ["محمد", [..."محد"]],
  ["שלום", [..."שלום"]],
  ["王小明", [..."王小明"]],
  ["नमस्ते", [..."नमस्ते"]],
  ["สมชาย", [..."สมชาย"]],
  ["Ana 🎟️", ["🎟"]],
  ["👨‍👩‍👧", ["👨", "👩", "👧"]],
  ["1️⃣", ["\u20e3"]],
  ["\ud83c", ["\ud83c"]],
  ["\udf9f Ana", ["\udf9f"]],
  ["caf\ufffd", ["\ufffd"]],
  ["\ufffc", ["\ufffc"]],
  ["\u0301Ana", ["\u0301"]],
  ["…\u0301", ["\u0301"]],
  ["\ue000", ["\ue000"]],
  ["\u0378", ["\u0378"]],
  ["Jean-محمد", [..."محد"]]
]

/** What prints nothing is left out: it never becomes a box. */
const silent = [
  "A\u200dn\u200ca",
  "A\u00adna",
  "\u202eAna\u202c",
  "\u2067Ana\u2069",
  "\ufeffAna",
  "A\ufe0fna",
  "A\u034fna"
]

layer(Env)("a text on paper", (it) => {
  it.effect.skipIf(!has("pdftotext", "qpdf"))(
    "is what was written, accent for accent",
    () =>
      Effect.gen(function* () {
        const pdf = yield* print(right)
        assert.deepStrictEqual(pdf.missingGlyphs, [])
        checkStructure(pdf.bytes)
        const text = textOf(pdf.bytes).normalize("NFC").replace(/[\u00a0\u202f]/g, " ")
        for (const name of right) {
          assert.include(text, name.normalize("NFC").replace(/[\u00a0\u202f]/g, " "))
        }
      })
  )

  it.effect("is refused by the characters that the fonts cannot write", () =>
    Effect.gen(function* () {
      const fonts = yield* Fonts
      for (const [text, missing] of wrong) {
        const escaped = JSON.stringify(text)
        assert.deepStrictEqual([...fonts.regular.missing(text)].sort(), [...new Set(missing)].sort(), escaped)
        const pdf = yield* print([text, text])
        assert.deepStrictEqual([...pdf.missingGlyphs].sort(), [...new Set(missing)].sort(), escaped)
      }
    }))

  it.effect.skipIf(!has("pdftotext"))("leaves out what prints nothing", () =>
    Effect.gen(function* () {
      const pdf = yield* print(silent)
      assert.deepStrictEqual(pdf.missingGlyphs, [])
      assert.deepStrictEqual(textOf(pdf.bytes).match(/\S+/g), silent.map(() => "Ana"))
    }))

  it.effect("holds accents over and under their letter, where the font anchors them", () =>
    Effect.gen(function* () {
      const { regular } = yield* Fonts
      const [cluster] = regular.shape("Ọ\u0300")
      assert.strictEqual(regular.shape("Ọ\u0300").length, 1)
      assert.isTrue(cluster!.marks.slice(1).every(({ dx, dy }) => dx !== 0 || dy !== 0))
      assert.strictEqual(regular.width("Ọ\u0300", 10), regular.width("Ọ", 10))
    }))

  it.effect.skipIf(!has("pdftotext"))(
    "whatever it is, comes out of the paper again unless a character was reported",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const texts = fc.sample(fc.string({ unit: "binary", minLength: 1, maxLength: 6 }), {
          numRuns: 1_000,
          seed: 7
        })
        const kept = texts.filter((text) => fonts.regular.missing(text).length === 0).slice(0, 60)
        const letters = fc.sample(
          fc.stringMatching(/^[\u0041-\u005a\u00c0-\u024f\u0300-\u0304\u0391-\u03ff\u0410-\u045f]{3,9}$/u),
          {
            numRuns: 60,
            seed: 7
          }
        ).filter((text) => fonts.regular.missing(text).length === 0)
        const printed = [...kept, ...letters]
        assert.isAbove(letters.length, 10)
        const pdf = yield* print(printed)
        assert.deepStrictEqual(pdf.missingGlyphs, [])
        const text = textOf(pdf.bytes).normalize("NFKD")
        for (const letter of letters) assert.include(text, letter.normalize("NFC").normalize("NFKD"))
      })
  )
})
