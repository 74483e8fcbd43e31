/**
 * Whatever is credited of an invoice and taken back again, its documents agree at every step, at each rate and to the cent
 * of the VAT. 2,000 histories of orders with up to five rates by seeds.
 * Guards whose removal turns this file red: that a correction goes on from the earlier ones, that what is left of rounding
 * is allotted, and to whom it is.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import { invoiceTotals } from "../../../src/print/invoices/InvoiceTotals.ts"
import { allotted, writeCreditNote, writeReversal } from "../../../src/payments/invoices/Corrections.ts"
import type { InvoiceDocument } from "../../../src/payments/invoices/InvoiceDocument.ts"
import { Random } from "../../fuzz/Random.ts"

const issuedAt = DateTime.makeUnsafe("2026-11-30T10:00:00Z")
const rates = [2000, 1000, 550, 210, 0]

const invoiceOf = (random: Random): InvoiceDocument => {
  const lines = Array.from({ length: 1 + random.below(6) }, (_, at) => ({
    label: `Ticket ${at}`,
    quantity: 1 + random.below(5),
    unitAmount: 1 + random.below(random.chance(0.3) ? 20 : 20_000),
    vatRateBasisPoints: rates[random.below(rates.length)]!
  }))
  const { gross, net, vat } = invoiceTotals(lines)
  return {
    number: "G-2026-000001",
    issuedAt,
    paidAt: issuedAt,
    paidBy: "visa",
    paymentId: "pay_1",
    locale: random.chance(0.5) ? "fr" : "en",
    timezone: "Europe/Paris",
    currency: "EUR",
    issuer: { name: "Guichet" },
    customer: { name: "Zoë" },
    lines,
    totals: { gross, net, vat }
  }
}

/** At each rate of some documents: gross, and the VAT as each document splits it. */
const byRate = (documents: ReadonlyArray<InvoiceDocument>) => {
  const sums = new Map<number, { gross: number; net: number }>()
  for (const { carried, lines } of documents) {
    for (const { gross, net, vatRateBasisPoints: rate } of invoiceTotals(lines, carried).rates) {
      const sum = sums.get(rate) ?? { gross: 0, net: 0 }
      sums.set(rate, { gross: sum.gross + gross, net: sum.net + net })
    }
  }
  return sums
}

const netOf = (gross: number, rate: number) =>
  invoiceTotals([{ label: "", quantity: 1, unitAmount: gross, vatRateBasisPoints: rate }]).net

describe("the corrections of an invoice", () => {
  it("allot an amount to the last unit, to nobody more than they have", () => {
    for (let at = 0; at < 2_000; at++) {
      const random = new Random(at)
      const parts = Array.from({ length: 1 + random.below(6) }, () => random.below(1_000))
      const all = parts.reduce((sum, part) => sum + part, 0)
      const amount = random.below(all + 1)
      const shares = allotted(amount, parts)
      assert.strictEqual(shares.reduce((sum, share) => sum + share, 0), amount, `seed ${at}`)
      shares.forEach((share, nth) => {
        assert.isTrue(share >= 0 && share <= parts[nth]!, `seed ${at}`)
        if (all > 0) assert.isBelow(Math.abs(share - amount * parts[nth]! / all), 1, `seed ${at}`)
      })
    }
  })

  it("agree with what was kept after each of them, and with nothing when all went back", () => {
    for (let at = 0; at < 2_000; at++) {
      const random = new Random(7_000_000 + at)
      const invoice = invoiceOf(random)
      const corrections: Array<InvoiceDocument> = []
      const { gross } = invoice.totals
      let credited = 0
      const correct = (amount: number) => {
        if (amount === 0) return
        const write = amount > 0 ? writeCreditNote : writeReversal
        const page = { number: `G-2026-${corrections.length + 2}`, issuedAt }
        const document = write(invoice, corrections, Math.abs(amount), page)
        corrections.push(document)
        credited += amount
        const why = `seed ${at}, correction ${corrections.length} of ${amount}`
        assert.strictEqual(document.totals.gross, -amount, why)
        assert.strictEqual(document.totals.net + document.totals.vat, document.totals.gross, why)
        assert.isTrue(
          document.lines.every(({ quantity, unitAmount }) => unitAmount > 0 && quantity * amount < 0),
          why
        )
        const nets = [...byRate(corrections)].map(([rate, { gross }]) => netOf(-gross, rate))
        assert.strictEqual(
          -corrections.reduce((sum, { totals }) => sum + totals.net, 0),
          nets.reduce((sum, net) => sum + net, 0),
          why
        )
        for (const [rate, back] of byRate(corrections)) {
          assert.isTrue(-back.gross >= 0 && -back.gross <= byRate([invoice]).get(rate)!.gross, why)
          assert.strictEqual(-back.net, netOf(-back.gross, rate), why)
        }
      }
      const steps = random.below(8)
      for (let step = 0; step < steps; step++) {
        correct(random.chance(0.35) ? -random.below(credited + 1) : random.below(gross - credited + 1))
      }
      correct(gross - credited)
      for (const [, { gross, net }] of byRate([invoice, ...corrections])) {
        assert.deepStrictEqual([gross, net], [0, 0], `seed ${at}`)
      }
    }
  })

  it("name what they take back, the credit note of just that amount first", () => {
    const invoice = invoiceOf(new Random(3))
    const notes: Array<InvoiceDocument> = []
    for (const amount of [7, 11, 5]) {
      notes.push(writeCreditNote(invoice, notes, amount, { number: `N${amount}`, issuedAt }))
    }
    const back = (amount: number) => {
      const document = writeReversal(invoice, notes, amount, { number: `R${amount}`, issuedAt })
      return document.reverses?.map((reversed) => `${reversed.number} ${reversed.amount}`)
    }
    assert.deepStrictEqual([back(11), back(6), back(23)], [["N11 11"], ["N5 5", "N11 1"], [
      "N5 5",
      "N11 11",
      "N7 7"
    ]])
    notes.push(writeReversal(invoice, notes, 11, { number: "R11", issuedAt }))
    assert.deepStrictEqual(back(12), ["N5 5", "N7 7"])
  })
})
