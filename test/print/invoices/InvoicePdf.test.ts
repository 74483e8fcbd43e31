import { NodeFileSystem } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { type InvoiceInput, InvoicePdf } from "../../../src/print/invoices/InvoicePdf.ts"
import { checkStructure, has, infoOf, textOf } from "../../support/PdfTools.ts"

const invoice: InvoiceInput = {
  number: "F2025-000042",
  issuedAt: new Date("2025-06-15T22:30:00Z"),
  suppliedAt: new Date("2025-06-20T09:00:00Z"),
  paid: { at: new Date("2025-06-15T14:30:00Z"), method: "Visa •••• 4242" },
  locale: "fr",
  timezone: "Europe/Paris",
  currency: "EUR",
  issuer: {
    name: "Les Nuits Numériques",
    address: ["12 rue de la République", "75011 Paris"],
    siren: "123 456 789",
    vat: "FR12123456789",
    legal: "SAS au capital de 10 000 €, RCS Paris"
  },
  customer: { name: "Ελένη Żółć", email: "eleni@example.com" },
  lines: [
    { label: "Tech Conference 2025, billet VIP", quantity: 20, unitAmount: 9999, vatRateBasisPoints: 2000 },
    { label: "Programme imprimé", quantity: 1, unitAmount: 500, vatRateBasisPoints: 550 }
  ]
}

const written = Effect.fnUntraced(function* (change: Partial<InvoiceInput>) {
  const pdf = yield* InvoicePdf.render(yield* Fonts, { ...invoice, ...change })
  checkStructure(pdf.bytes)
  assert.deepStrictEqual(pdf.missingGlyphs, [])
  return textOf(pdf.bytes).replace(/[\u00a0\u202f]/g, " ").replace(/ +/g, " ").normalize("NFC")
})

layer(Layer.provide(Fonts.layer, NodeFileSystem.layer))("InvoicePdf", (it) => {
  const itReads = it.effect.skipIf(!has("pdftotext", "qpdf", "pdfinfo"))

  itReads("says what French law asks for, with amounts that add up", () =>
    Effect.gen(function* () {
      const text = yield* written({})
      for (
        const part of [
          "Facture",
          "Numéro : F2025-000042",
          "Date d’émission : 16 juin 2025",
          "Date de la prestation : 20 juin 2025",
          "Les Nuits Numériques",
          "12 rue de la République",
          "SIREN 123 456 789",
          "N° TVA FR12123456789",
          "RCS Paris",
          "Ελένη Żółć",
          "eleni@example.com",
          "Tech Conference 2025, billet VIP",
          "83,325 €",
          "1 666,50 €",
          "1 999,80 €",
          "5,5 %",
          "Total HT 1 671,24 €",
          "Total TVA 333,56 €",
          "Total TTC 2 004,80 €",
          "Réglée le 15 juin 2025 · Visa •••• 4242",
          "prestation de services"
        ]
      ) {
        assert.include(text, part)
      }
      assert.notInclude(text, "293 B")
    }))

  itReads("writes English, and currencies with no decimals or three", () =>
    Effect.gen(function* () {
      const yen = yield* written({
        locale: "en",
        currency: "JPY",
        lines: [{ ...invoice.lines[0]!, unitAmount: 12000 }]
      })
      assert.include(yen, "Total incl. VAT JP¥240,000")
      assert.include(yield* written({ locale: "en", currency: "KWD" }), "Total incl. VAT KWD 200.480")
      assert.include(yield* written({ locale: "fr", currency: "XOF" }), "Total TTC 200 480 F CFA")
    }))

  itReads(
    "names the article when no VAT applies, and the penalties when the customer is a company",
    () =>
      Effect.gen(function* () {
        const lines = [{ ...invoice.lines[0]!, vatRateBasisPoints: 0 }]
        const text = yield* written({
          lines,
          issuer: { name: "Dupont" },
          customer: { name: "X SA", siren: "987 654 321" }
        })
        assert.include(text, "TVA non applicable, article 293 B du code général des impôts.")
        assert.include(text, "indemnité forfaitaire de 40 €")
      })
  )

  itReads("writes a credit note that names its invoice", () =>
    Effect.gen(function* () {
      const text = yield* written({
        number: "A2025-000001",
        corrects: { number: "F2025-000042", issuedAt: invoice.issuedAt },
        lines: [{ ...invoice.lines[1]!, quantity: -1 }]
      })
      assert.include(text, "Avoir")
      assert.include(text, "la facture F2025-000042 du 16 juin 2025")
      assert.include(text, "-5,00 €")
    }))

  itReads("runs over several pages without losing a line", () =>
    Effect.gen(function* () {
      const lines = Array.from(
        { length: 90 },
        (_, index) => ({ ...invoice.lines[1]!, label: `Ligne n° ${index}.` })
      )
      const text = yield* written({ lines })
      for (const { label } of lines) assert.include(text, label)
      assert.include(text, "Page 1 sur 4")
      const pdf = yield* InvoicePdf.render(yield* Fonts, { ...invoice, lines })
      assert.match(infoOf(pdf.bytes), /Title:\s+Facture F2025-000042[\s\S]+Pages:\s+4/)
    }))

  it.effect("refuses an invoice without lines, or of no known date or currency", () =>
    Effect.gen(function* () {
      const fonts = yield* Fonts
      const reason = (change: Partial<InvoiceInput>) =>
        Effect.map(Effect.flip(InvoicePdf.render(fonts, { ...invoice, ...change })), (error) => error.reason)
      assert.strictEqual(yield* reason({ lines: [] }), "empty")
      assert.strictEqual(yield* reason({ currency: "euros" }), "date")
      assert.strictEqual(yield* reason({ issuedAt: new Date(Number.NaN) }), "date")
    }))
})
