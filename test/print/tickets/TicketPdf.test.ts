/**
 * A ticket on paper, judged by other people's tools. Guards whose removal turns this file red: the least module and its
 * quiet zone, the fit of terms above the foot of the page, the ink's contrast, the missing glyphs of each page.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { constants, inflateSync } from "node:zlib"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { decodeLogo } from "../../../src/print/pdf/Logo.ts"
import { QrImage } from "../../../src/print/qr/QrImage.ts"
import { qrMatrix } from "../../../src/print/qr/QrMatrix.ts"
import { type TicketInput, TicketPdf } from "../../../src/print/tickets/TicketPdf.ts"
import { QrData } from "../../../src/trust/QrData.ts"
import { paperOf, TicketDesign, TicketFormat } from "../../../src/print/tickets/TicketTemplates.ts"
import { SigningKeys } from "../../../src/trust/SigningKeys.ts"
import {
  checkStructure,
  codesIn,
  greyPageOf,
  has,
  infoOf,
  pagesOf,
  placedWordsOf,
  textOf
} from "../../support/PdfTools.ts"
import { dark, findQr, readPgm } from "../../support/QrOnPaper.ts"
import { sampleCode, sampleTicket } from "../../support/SampleTicket.ts"

const Env = Layer.mergeAll(Layer.provide(Fonts.layer, NodeFileSystem.layer), SigningKeys.layerMemory)

/** The page's operators, inflated. */
const contentOf = (pdf: Uint8Array): string => {
  const file = Buffer.from(pdf)
  const streams: Array<string> = []
  for (let at = file.indexOf("stream\n"); at >= 0; at = file.indexOf("stream\n", at + 7)) {
    if (file.toString("latin1", at - 3, at) === "end") continue
    const end = file.indexOf("endstream", at)
    const text = inflateSync(file.subarray(at + 7, end), { finishFlush: constants.Z_SYNC_FLUSH }).toString(
      "latin1"
    )
    if (text.includes(" Tf ")) streams.push(text)
  }
  return streams.join("\n")
}

const designs = TicketDesign.literals
const formats = TicketFormat.literals
const variants = designs.flatMap((design) => formats.map((format) => ({ design, format })))

layer(Env)("TicketPdf", (it) => {
  it.effect.skipIf(!has("pdftotext", "qpdf", "pdfinfo"))(
    "writes Latin, Greek and Cyrillic names in every design",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        for (const variant of variants) {
          for (
            const guestName of [
              "Łukasz Żółć",
              "Ελένη Παπαδοπούλου",
              "Дмитрий Щёкин",
              "Nguyễn Thị Ánh",
              "İpek Şahin"
            ]
          ) {
            const pdf = yield* TicketPdf.render(fonts, yield* sampleTicket({ ...variant, guestName }))
            const text = textOf(pdf.bytes).normalize("NFC")
            for (
              const part of [
                guestName,
                "Tech Conference 2025",
                "VIP",
                "A15",
                sampleCode,
                "Şirin"
              ]
            ) {
              assert.include(text, part, `${variant.design} ${variant.format}`)
            }
            assert.match(text, /1\s234,50\s€/)
            assert.deepStrictEqual(pdf.missingGlyphs, [])
          }
        }
      }),
    60_000
  )

  it.effect.skipIf(!has("pdftoppm", "zbarimg", "qpdf"))(
    "prints the very QR data that was signed",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const keys = yield* SigningKeys
        for (const variant of variants) {
          const ticket = yield* sampleTicket(variant)
          const { bytes } = yield* TicketPdf.render(fonts, ticket)
          checkStructure(bytes)
          const [page] = pagesOf(bytes, 150)
          assert.deepStrictEqual(codesIn(page!), [ticket.qrData])
          assert.strictEqual(QrData.verify(codesIn(page!)[0]!, keys.trusted)._tag, "Success")
        }
      }),
    60_000
  )

  it.effect.skipIf(!has("pdftoppm"))(
    "keeps modules of 0.5 mm and a quiet zone of 4, whatever the ids",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const dotsPerMm = 300 / 25.4
        const large = { id: Number.MAX_SAFE_INTEGER, eventId: Number.MAX_SAFE_INTEGER, timestamp: 9999999999 }
        const keys = yield* SigningKeys
        for (const variant of variants) {
          const qrData = QrData.sign(keys, { ...large, code: `TKT-${large.eventId}-${"Z".repeat(26)}` })
          const matrix = qrMatrix(qrData)
          const { bytes } = yield* TicketPdf.render(fonts, yield* sampleTicket({ ...variant, qrData }))
          const image = readPgm(greyPageOf(bytes, 300))
          const { x, y, edge } = findQr(image)
          const unit = edge / matrix.size
          assert.isAtLeast(unit / dotsPerMm, 0.5, "module in mm")
          for (let row = -4; row < matrix.size + 4; row++) {
            for (let column = -4; column < matrix.size + 4; column++) {
              const inside = Math.min(row, column) >= 0 && Math.max(row, column) < matrix.size
              const expected = inside && matrix.modules[row * matrix.size + column] === 1
              const seen = dark(image, x + (column + 0.5) * unit, y + (row + 0.5) * unit)
              assert.strictEqual(
                seen,
                expected,
                `${variant.design} ${variant.format} module ${column},${row}`
              )
            }
          }
        }
      }),
    60_000
  )

  it.effect.skipIf(!has("pdftotext"))(
    "prints the date in the event's zone and the guest's language",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const dateIn = Effect.fnUntraced(function* (locale: string, timezone: string) {
          const { event, ...ticket } = yield* sampleTicket({ locale })
          const startsAt = new Date("2025-06-20T22:30:00Z")
          const { bytes } = yield* TicketPdf.render(fonts, {
            ...ticket,
            event: { ...event, startsAt, timezone }
          })
          return textOf(bytes).replace(/[\u00a0\u202f]/g, " ")
        })
        assert.include(yield* dateIn("fr", "Europe/Paris"), "Samedi 21 juin 2025 · 0 h 30")
        assert.include(yield* dateIn("en-US", "America/New_York"), "Friday, June 20, 2025 · 6:30 PM EDT")
        assert.include(yield* dateIn("de", "Asia/Tokyo"), "Saturday, 21 June 2025 · 07:30, local time")
      })
  )

  it.effect.skipIf(!has("pdftotext", "qpdf"))(
    "prints 2,000 characters of terms to the last word, above the organiser's name",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const sentence = "Toute sortie est définitive, sauf indication contraire. "
        const terms = `${sentence.repeat(40).slice(0, 1_960)}\r\nLicence 2-1234567\nsiren finale`
        const title = "Festival international de musique contemporaine et d’arts numériques ".repeat(3).slice(
          0,
          200
        )
        for (const variant of variants) {
          const { event, ...ticket } = yield* sampleTicket({
            ...variant,
            terms,
            guestName: "Ana ".repeat(50)
          })
          const { bytes, missingGlyphs } = yield* TicketPdf.render(fonts, {
            ...ticket,
            event: { ...event, title }
          })
          checkStructure(bytes)
          const text = textOf(bytes)
          assert.include(text, "finale", variant.design)
          assert.isAbove(text.indexOf("Association"), text.indexOf("finale"), variant.design)
          assert.deepStrictEqual(missingGlyphs, [])
        }
      }),
    60_000
  )

  it.effect.skipIf(!has("pdftotext"))(
    "never breaks a word that a smaller size would keep whole",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const long = "Wolfeschlegelsteinhausenbergerdorff"
        for (const variant of variants) {
          const ticket = yield* sampleTicket({ ...variant, guestName: `${long} Li` })
          assert.include(textOf((yield* TicketPdf.render(fonts, ticket)).bytes), long, variant.design)
        }
      })
  )

  it.effect.skipIf(!has("pdftotext"))(
    "breaks what is wider than its line after a hyphen or a slash",
    () =>
      Effect.gen(function* () {
        const address = "https://www.example.org/conditions-generales-de-vente/et-d-utilisation-des-billets"
        const ticket = yield* sampleTicket({ format: "roll80", terms: address })
        const { bytes } = yield* TicketPdf.render(yield* Fonts, ticket)
        const words = placedWordsOf(bytes).map(({ text }) => text)
        const [first = "", second = ""] = words.slice(words.findIndex((word) => word.startsWith("https:")))
        assert.strictEqual(first + second, address)
        assert.match(first, /[-/]$/)
      })
  )

  it.effect.skipIf(!has("pdftotext"))(
    "keeps the code within its column, however long the number of its event",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const margins = { modern: 62, classic: 74, minimal: 52 } as const
        const columnOf = ({ design, format }: typeof variants[number]) => {
          const [width] = paperOf[format]
          const margin = format === "roll80" ? 14 : format === "roll58" ? 8.5 : margins[design]
          return [margin, width - margin + 0.05] as const
        }
        for (const eventId of ["001", "1234567890", String(Number.MAX_SAFE_INTEGER)]) {
          const code = `TKT-${eventId}-7TAJTBRJ49AY0X3B`
          for (const variant of variants) {
            const { bytes } = yield* TicketPdf.render(fonts, yield* sampleTicket({ ...variant, code }))
            const [left, right] = columnOf(variant)
            const codes = placedWordsOf(bytes).filter(({ text }) => text === code)
            assert.isNotEmpty(codes, `${variant.design} ${variant.format}`)
            for (const printed of codes) {
              assert.isAtLeast(printed.left, left, `${variant.design} ${variant.format} ${code}`)
              assert.isAtMost(printed.right, right, `${variant.design} ${variant.format} ${code}`)
            }
          }
        }
      })
  )

  it.effect.skipIf(!has("pdftotext"))(
    "cuts nothing that the entrance asks for, and keeps the stub on its card",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const { event } = yield* sampleTicket()
        const ending = (text: string, length: number, last: string) =>
          `${text.repeat(9).slice(0, length - last.length - 1).trim()} ${last}`
        const long = {
          event: {
            ...event,
            title: ending("Festival international de musique contemporaine ", 200, "Acte"),
            location: ending("Grande Halle de la Villette, avenue Jean-Jaurès ", 200, "Paris")
          },
          guestName: ending("Anne-Charlotte de La Rochefoucauld ", 100, "Durand"),
          ticketType: ending("Accès prioritaire aux trois jours ", 80, "Mezzanine"),
          seat: "Tribune-Nord-Ouest-rang-AA-côté-jardin-siège 127"
        }
        for (const variant of variants) {
          const { bytes } = yield* TicketPdf.render(fonts, yield* sampleTicket({ ...variant, ...long }))
          const words = placedWordsOf(bytes)
          for (const last of ["Acte", "Paris", "Durand", "Mezzanine", "127"]) {
            const found = words.some(({ text }) => text === last)
            assert.isTrue(found, `${last} on ${variant.design} ${variant.format}`)
          }
          if (variant.design !== "modern" || variant.format !== "a4") continue
          const edge = 516
          assert.deepStrictEqual(words.filter(({ bottom, top }) => top < edge && bottom > edge), [])
        }
      })
  )

  it.effect("writes a pale colour dark enough to be read, and keeps it where nothing is read", () =>
    Effect.gen(function* () {
      const fonts = yield* Fonts
      const inksOf = Effect.fnUntraced(function* (design: TicketInput["design"], accent: string) {
        const { bytes } = yield* TicketPdf.render(fonts, yield* sampleTicket({ design, accent }))
        return contentOf(bytes)
      })
      const yellow = "1 0.831 0 rg"
      assert.include(yield* inksOf("modern", "#ffd400"), yellow)
      assert.include(yield* inksOf("classic", "#FFD400"), "1 0.831 0 RG")
      for (const design of designs) {
        for (
          const [, red, green, blue] of (yield* inksOf(design, "#ffd400")).matchAll(
            /Tc (\S+) (\S+) (\S+) rg/g
          )
        ) {
          assert.isFalse(red === "1" && green === "0.831" && blue === "0", `${design} writes in yellow`)
        }
      }
    }))

  it.effect("names the ticket of a document that cannot be printed, and why", () =>
    Effect.gen(function* () {
      const fonts = yield* Fonts
      const good = yield* sampleTicket()
      const because = (change: Partial<TicketInput>) =>
        Effect.flip(TicketPdf.renderMany(fonts, [good, { ...good, code: "TKT-001-BAD", ...change }]))
      const cases = [
        [{ qrData: "" }, "qr: The QR data is empty or too long to be printed legibly."],
        [{ event: { ...good.event, timezone: "Mars/Olympus" } }, "date: "]
      ] as const
      for (const [change, reason] of cases) {
        const error = yield* because(change)
        if (error._tag !== "TicketUnprintable") return assert.fail(error._tag)
        assert.strictEqual(error.code, "TKT-001-BAD")
        assert.isTrue(error.reason.startsWith(reason), error.reason)
      }
    }))

  it.effect("prints a box for each character that no font can write, and reports it", () =>
    Effect.gen(function* () {
      const fonts = yield* Fonts
      const pdf = yield* TicketPdf.render(
        fonts,
        yield* sampleTicket({ guestName: "محمد 王 नमस्ते Ana 🎟\u200f \ue000\u0378" })
      )
      assert.deepStrictEqual([...pdf.missingGlyphs].sort(), ["\u0378", "\ue000"])
    }))

  it.effect.skipIf(!has("pdfinfo"))(
    "gives viewers its title and language, and is the same file twice",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const ticket = yield* sampleTicket()
        const { bytes } = yield* TicketPdf.render(fonts, ticket)
        assert.match(infoOf(bytes), /Title:\s+Billet · Tech Conference 2025/)
        assert.match(Buffer.from(bytes).toString("latin1"), /\/Lang [(<]/)
        assert.deepStrictEqual((yield* TicketPdf.render(fonts, ticket)).bytes, bytes)
      })
  )

  it.effect.skipIf(!has("pdfinfo", "pdftotext", "qpdf"))(
    "puts several tickets in one document, with one set of fonts",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const names = ["Žofie", "Ελένη", "Дмитрий"]
        const tickets = yield* Effect.forEach(
          names,
          (guestName, index) => sampleTicket({ guestName, design: designs[index]! })
        )
        const many = yield* TicketPdf.renderMany(fonts, tickets)
        checkStructure(many.bytes)
        assert.strictEqual(many.pages, 3)
        assert.match(infoOf(many.bytes), /Pages:\s+3/)
        for (const name of names) assert.include(textOf(many.bytes), name)
        assert.strictEqual(Buffer.from(many.bytes).toString("latin1").split("/FontFile2").length - 1, 2)
      })
  )

  it.effect.skipIf(!has("qpdf"))("draws a PNG logo", () =>
    Effect.gen(function* () {
      const fonts = yield* Fonts
      const logo = Option.getOrThrow(yield* decodeLogo(QrImage.png(qrMatrix("logo"), "small")))
      for (const variant of variants) {
        const { bytes } = yield* TicketPdf.render(fonts, yield* sampleTicket({ ...variant, logo }))
        checkStructure(bytes)
        assert.include(Buffer.from(bytes).toString("latin1"), "/Subtype /Image")
      }
    }))

  it.effect("refuses with a reason what it cannot print", () =>
    Effect.gen(function* () {
      const fonts = yield* Fonts
      const { event } = yield* sampleTicket()
      const refused = (change: Partial<TicketInput>) =>
        Effect.map(
          Effect.flip(Effect.flatMap(sampleTicket(change), (ticket) => TicketPdf.render(fonts, ticket))),
          (error) => error.reason
        )
      assert.strictEqual(yield* refused({ qrData: "" }), "qr")
      assert.strictEqual(yield* refused({ qrData: "x".repeat(1500) }), "qr")
      assert.strictEqual(yield* refused({ qrData: "x".repeat(5000) }), "qr")
      assert.strictEqual(yield* refused({ event: { ...event, timezone: "Mars/Olympus" } }), "date")
      assert.strictEqual(yield* refused({ event: { ...event, startsAt: new Date(Number.NaN) } }), "date")
      assert.strictEqual((yield* Effect.flip(TicketPdf.renderMany(fonts, []))).reason, "empty")
    }))
})
