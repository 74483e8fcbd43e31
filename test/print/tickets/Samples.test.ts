/**
 * Every sample of a ticket before other people's tools: design × paper × language, with names of three scripts.
 *
 * Guards whose removal turns this file red: the quiet zone of `QrMatrix`, the room that a design gives its QR (modules
 * under 0.5 mm), black ink for modules in `PageContent`, the ToUnicode table of `FontProgram`, and what `Face`
 * says of letters that the font has not.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { type QrMatrix, qrMatrix } from "../../../src/print/qr/QrMatrix.ts"
import { TicketPdf } from "../../../src/print/tickets/TicketPdf.ts"
import { TicketDesign, TicketFormat } from "../../../src/print/tickets/TicketTemplates.ts"
import { SigningKeys } from "../../../src/trust/SigningKeys.ts"
import { checkStructure, codesIn, greyPageOf, has, textOf } from "../../support/PdfTools.ts"
import { photograph } from "../../support/Photo.ts"
import { findQr, type Grey, readPgm } from "../../support/QrOnPaper.ts"
import { codesReadBy } from "../../support/QrReader.ts"
import { sampleCode, sampleTicket } from "../../support/SampleTicket.ts"

const Env = Layer.mergeAll(Layer.provide(Fonts.layer, NodeFileSystem.layer), SigningKeys.layerMemory)

/** Dots an inch of a fine print, to measure modules by, and of a coarse one, to read them. */
const fine = 300
const coarse = 150

/** A telephone is held over the whole page, nearer to the roll than to A4, and more out of focus there. */
const papers = {
  a4: { millimetres: 210, blur: 0.5 },
  letter: { millimetres: 215.9, blur: 0.5 },
  roll80: { millimetres: 80, blur: 2 },
  roll58: { millimetres: 58, blur: 2 }
} as const
const photo = { pixels: 600, turn: 4, lean: 0.03, noise: 5, shade: 0.6, quality: 40 }

const names = ["Đặng Thị Łucja Şahin", "Ελένη Παπαδοπούλου", "Дмитрий Щёкин"] as const
const designs = TicketDesign.literals
const formats = TicketFormat.literals
const locales = ["fr", "en"] as const

/** Every design, every paper and every language meets every script. */
const samples = designs.flatMap((design, one) =>
  formats.flatMap((format, two) =>
    locales.map((locale, three) => ({
      design,
      format,
      locale,
      guestName: names[(one + two + three) % names.length]!
    }))
  )
)

/** Fails unless each module is black or white and 0.5 mm wide at least, with four white ones around them all. */
const checkModules = (image: Grey, { modules, size }: QrMatrix): void => {
  const { edge, x, y } = findQr(image)
  const unit = edge / size
  assert.isAtLeast(unit / fine * 25.4, 0.5, "module in mm")
  for (let row = -4; row < size + 4; row++) {
    for (let column = -4; column < size + 4; column++) {
      const inside = Math.min(row, column) >= 0 && Math.max(row, column) < size
      const isDark = inside && modules[row * size + column] === 1
      const at = Math.floor(y + (row + 0.5) * unit) * image.width + Math.floor(x + (column + 0.5) * unit)
      const level = image.pixels[at] ?? 0
      if (isDark ? level > 50 : level < 250) assert.fail(`module ${column},${row} has the level ${level}`)
    }
  }
}

const installed = has("qpdf", "pdftoppm", "pdftotext", "zbarimg")

layer(Env)("A sample", (it) => {
  for (const sample of samples) {
    const { design, format, guestName, locale } = sample
    it.effect.skipIf(!installed)(
      `${design} ${format} ${locale} reads on paper, on a photo and as text: ${guestName}`,
      () =>
        Effect.gen(function* () {
          const ticket = yield* sampleTicket(sample)
          const { bytes, missingGlyphs } = yield* TicketPdf.render(yield* Fonts, ticket)
          assert.deepStrictEqual(missingGlyphs, [])
          checkStructure(bytes)

          const text = textOf(bytes).normalize("NFC").replaceAll(/\s+/g, " ")
          for (const part of [sampleCode, guestName, "Association Şirin"]) assert.include(text, part)
          assert.notMatch(text, /[?\uFFFD]/)

          checkModules(readPgm(greyPageOf(bytes, fine)), qrMatrix(ticket.qrData))
          const paper = greyPageOf(bytes, coarse)
          assert.deepStrictEqual(codesIn(paper), [ticket.qrData], "zbarimg, on paper")
          assert.deepStrictEqual(
            yield* Effect.promise(() => codesReadBy(paper)),
            [ticket.qrData],
            "ZXing, on paper"
          )

          const { blur, millimetres } = papers[format]
          const small = readPgm(greyPageOf(bytes, photo.pixels / millimetres * 25.4))
          assert.approximately(small.width, photo.pixels, 1)
          const jpeg = photograph(small, { ...photo, blur, seed: samples.indexOf(sample) })
          assert.deepStrictEqual(codesIn(jpeg), [ticket.qrData], "zbarimg, on a photo")
          assert.deepStrictEqual(
            yield* Effect.promise(() => codesReadBy(jpeg)),
            [ticket.qrData],
            "ZXing, on a photo"
          )
        }),
      30_000
    )
  }

  it.effect.skipIf(!has("pdftotext"))(
    "is right in any other script, or says what is missing",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const others = ["محمد العلي", "王小明", "たなか さくら", "김민준", "नमस्ते", "Ana 🎟 Ruiz"]
        for (const [at, guestName] of others.entries()) {
          const ticket = yield* sampleTicket({ ...samples[at]!, guestName })
          const { bytes, missingGlyphs } = yield* TicketPdf.render(fonts, ticket)
          const known = new Set([...names, ..."Ana Ruiz"].join(""))
          const strange = new Set([...guestName].filter((letter) => !known.has(letter)))
          const text = textOf(bytes).normalize("NFKC")
          const unsaid = [...strange].filter((letter) =>
            !missingGlyphs.includes(letter) && !text.includes(letter)
          )
          assert.deepStrictEqual(unsaid, [], guestName)
          assert.deepStrictEqual(missingGlyphs.filter((letter) => !strange.has(letter)), [], guestName)
        }
      })
  )
})
