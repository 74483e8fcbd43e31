/**
 * Names and titles of every script on every paper: whatever is written comes out, nobody goes without a ticket.
 *
 * Guards whose removal turns this file red: the fonts beside ours, HarfBuzz's clusters as ActualText, the share of each
 * right-to-left character, the order of UAX #9, the box and its report, our own font for all that it has, the
 * structure tree with the text of each block, whole dots on rolls.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as fc from "fast-check"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { type TicketInput, TicketPdf } from "../../../src/print/tickets/TicketPdf.ts"
import { TicketDesign, TicketFormat } from "../../../src/print/tickets/TicketTemplates.ts"
import { runsOf } from "../../../src/print/text/TextRuns.ts"
import { SigningKeys } from "../../../src/trust/SigningKeys.ts"
import {
  checkStructure,
  codesIn,
  greyPageOf,
  has,
  infoOf,
  structureOf,
  textOf
} from "../../support/PdfTools.ts"
import { sampleCode, sampleTicket } from "../../support/SampleTicket.ts"

const Env = Layer.mergeAll(Layer.provide(Fonts.layer, NodeFileSystem.layer), SigningKeys.layerMemory)

/** Names as people of each script write them; a name is made of one or two of a row. */
const names = {
  arabic: ["محمد", "عمر", "فاطمة", "الخيّام", "علاء", "نور", "مُحَمَّد", "لؤي"],
  hebrew: ["שרה", "לוי", "דוד", "כהן", "שָׁלוֹם", "אברהם"],
  devanagari: ["नेहा", "क्षत्रिय", "पाण्डेय", "श्रीकृष्ण", "किशोर", "ज्योत्स्ना"],
  tamil: ["ஜெயா", "கௌதம்", "ஸ்ரீதேவி", "முருகன்"],
  thai: ["สมชาย", "ใจดี", "น้ำฝน", "ปู่เปี๊ยก"],
  georgian: ["გიორგი", "ბერიძე", "ნინო"],
  armenian: ["Սարգիս", "Պետրոսյան", "Անի"],
  chinese: ["张伟", "王小明", "陳國龍", "欧阳修"],
  japanese: ["たなか", "さくら", "サトウ", "佐々木", "がぎぐげご"],
  korean: ["김민준", "이서연", "박지후"],
  emoji: ["🎉", "👨‍👩‍👧", "🇫🇷", "👍🏽", "1️⃣", "❤️", "⭐"],
  symbols: ["✓", "→", "♫", "☎", "★"],
  latin: ["Zoë", "Žofie", "Ngọc", "Ελένη", "Дмитрий", "Adébọ̀wálé"]
} as const

type Script = keyof typeof names
const scripts = Object.keys(names) as ReadonlyArray<Script>
const designs = TicketDesign.literals
const formats = TicketFormat.literals
const variants = designs.flatMap((design) => formats.map((format) => ({ design, format })))

const seed = 15
const sample = <A>(arbitrary: fc.Arbitrary<A>, numRuns: number) => fc.sample(arbitrary, { numRuns, seed })

/** Without the marks of direction that `pdftotext` adds, in one spelling. */
const read = (bytes: Uint8Array): string =>
  textOf(bytes).replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "").normalize("NFC").replace(/\s+/g, " ")

/** How a structure element says what it stands for; `pdfinfo` shows its glyphs instead. */
const actualText = (text: string): string =>
  `/ActualText <FEFF${Buffer.from(text, "utf16le").swap16().toString("hex").toUpperCase()}>`

const render = Effect.fnUntraced(function* (change: Partial<TicketInput>) {
  return yield* TicketPdf.render(yield* Fonts, yield* sampleTicket({ terms: undefined, ...change }))
})

layer(Env)("a name in any script", (it) => {
  for (const script of scripts) {
    it.effect.skipIf(!has("pdftotext", "qpdf", "pdftoppm", "zbarimg"))(
      `is printed and read back in its order on every design and paper: ${script}`,
      () =>
        Effect.gen(function* () {
          const name = fc.array(fc.constantFrom(...names[script]), { minLength: 1, maxLength: 2 })
            .map((words) => words.join(" "))
          const cases = sample(
            fc.record({ guestName: name, locale: fc.constantFrom("fr", "en") }),
            variants.length
          )
          for (const [at, variant] of variants.entries()) {
            const { guestName, locale } = cases[at]!
            const { event, qrData } = yield* sampleTicket()
            const title = `${guestName} 2025`
            const { bytes, missingGlyphs } = yield* render({
              ...variant,
              guestName,
              locale,
              event: { ...event, title }
            })
            const what = `${variant.design} ${variant.format} ${guestName}`
            assert.deepStrictEqual(missingGlyphs, [], what)
            checkStructure(bytes)
            const text = read(bytes)
            const written = guestName.normalize("NFC")
            if (variant.format === "a4" || variant.format === "letter") assert.include(text, written, what)
            for (const word of written.split(" ")) assert.include(text, word, what)
            assert.notInclude(text, "\ufffd", what)
            assert.deepStrictEqual(codesIn(greyPageOf(bytes, 203)), [qrData], what)
          }
        }),
      240_000
    )
  }

  it.effect.skipIf(!has("pdftotext", "qpdf"))(
    "that mixes scripts, emoji and what nobody can write never costs a ticket",
    () =>
      Effect.gen(function* () {
        const odd = fc.constantFrom(
          "\ue000",
          "\u0378",
          "\u{10fffd}",
          "\ud83c",
          "\u0301",
          "\u064b",
          "\u{e0067}",
          "\u200d",
          "\ufe0f"
        )
        const any = fc.array(
          fc.oneof(
            fc.constantFrom(...Object.values(names).flat()),
            fc.string({ unit: "binary", minLength: 1, maxLength: 4 }),
            fc.string({ unit: "grapheme-composite", minLength: 1, maxLength: 4 }),
            odd
          ),
          { minLength: 1, maxLength: 6 }
        ).map((parts) => parts.join(" "))
        for (const [at, guestName] of sample(any, 250).entries()) {
          const { event } = yield* sampleTicket()
          const { bytes, missingGlyphs } = yield* render({
            ...variants[at % variants.length]!,
            guestName,
            event: { ...event, title: guestName, location: guestName }
          })
          if (at % 25 === 0) checkStructure(bytes)
          for (const glyph of missingGlyphs) assert.include(guestName.normalize("NFC") + guestName, glyph)
          assert.deepStrictEqual(
            (yield* render({ ...variants[at % variants.length]!, guestName })).missingGlyphs.every((glyph) =>
              missingGlyphs.includes(glyph)
            ),
            true
          )
        }
      }),
    240_000
  )

  it.effect.skipIf(!has("pdfinfo"))(
    "is said by the document's structure, below its heading and beside its figure",
    () =>
      Effect.gen(function* () {
        const { event } = yield* sampleTicket()
        for (const variant of variants) {
          const title = "Soirée – 张伟"
          const { bytes } = yield* render({ ...variant, guestName: "عمر الخيّام", event: { ...event, title } })
          assert.match(infoOf(bytes), /Tagged:\s+yes/)
          const structure = structureOf(bytes)
          assert.match(structure, /^Document\n/)
          assert.strictEqual(structure.split("H1 (block)").length, 2)
          assert.match(structure, /H1 \(block\)\s+"Soirée – 张伟"/)
          const file = Buffer.from(bytes).toString("latin1")
          for (const said of ["عمر الخيّام", sampleCode]) assert.include(file, actualText(said), said)
          assert.include(structure, "Figure")
        }
      })
  )

  it.effect("names what has no glyph, and nothing else", () =>
    Effect.gen(function* () {
      for (const glyph of ["\ue000", "\u0378", "\u{10fffd}", "\u{1fbff}"]) {
        const { missingGlyphs } = yield* render({ guestName: `Ana ${glyph} 张伟 عمر` })
        assert.deepStrictEqual(missingGlyphs, [glyph], JSON.stringify(glyph))
      }
    }))

  it.effect("of Latin, Greek or Cyrillic letters is our own font's, whichever way it is set", () =>
    Effect.gen(function* () {
      const { regular } = yield* Fonts
      const letters = fc.stringMatching(/^[A-Za-z\u00c0-\u024f\u0391-\u03ce\u0410-\u045f .,'’–-]{1,30}$/u)
      const never = () => assert.fail("another font is asked for")
      let checked = 0
      for (const text of sample(letters, 10_000)) {
        const clean = text.normalize("NFC")
        if (regular.missing(clean).length > 0) continue
        checked++
        const [run, ...others] = runsOf(clean, regular, never)
        assert.deepStrictEqual(others, [], text)
        assert.strictEqual(run?.text, clean)
        assert.deepStrictEqual(run?.clusters, regular.shape(clean))
        assert.isTrue(regular.hasAll(clean))
      }
      assert.isAbove(checked, 5_000)
    }))
})
