import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { invoiceTotals } from "../../../src/print/invoices/InvoiceTotals.ts"

describe("invoiceTotals", () => {
  it("takes the VAT out of a price that includes it", () => {
    const totals = invoiceTotals([{ label: "VIP", quantity: 2, unitAmount: 9999, vatRateBasisPoints: 2000 }])
    assert.deepStrictEqual(
      { net: totals.net, vat: totals.vat, gross: totals.gross },
      { net: 16665, vat: 3333, gross: 19998 }
    )
    assert.strictEqual(totals.lines[0]!.unitNet, 8332.5)
  })

  it("rounds a rate once, not once a line", () => {
    const line = { label: "Badge", quantity: 1, unitAmount: 1, vatRateBasisPoints: 2000 }
    const totals = invoiceTotals(Array.from({ length: 120 }, () => line))
    assert.deepStrictEqual([totals.net, totals.vat, totals.gross], [100, 20, 120])
  })

  it("sums lines to rates and rates to totals, whatever is sold", () => {
    const line = fc.record({
      label: fc.constant("x"),
      quantity: fc.integer({ min: -50, max: 50 }),
      unitAmount: fc.integer({ min: 0, max: 99_999_999 }),
      vatRateBasisPoints: fc.constantFrom(0, 210, 550, 1000, 2000)
    })
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 40 }), (lines) => {
        const totals = invoiceTotals(lines)
        const sum = (pick: (line: (typeof totals.lines)[number]) => number) =>
          totals.lines.reduce((total, line) => total + pick(line), 0)
        assert.strictEqual(sum((line) => line.net), totals.net)
        assert.strictEqual(sum((line) => line.vat), totals.vat)
        assert.strictEqual(sum((line) => line.unitAmount * line.quantity), totals.gross)
        assert.strictEqual(totals.net + totals.vat, totals.gross)
        for (const line of totals.lines) {
          assert.strictEqual(Math.round(line.unitNet * line.quantity) || 0, line.net || 0)
        }
        for (const rate of totals.rates) {
          assert.isAtMost(Math.abs(rate.vat - (rate.net * rate.vatRateBasisPoints) / 10_000), 0.61)
        }
      }),
      { seed: 42, numRuns: 500 }
    )
  })

  it("credits exactly what was invoiced", () => {
    const lines = [{ label: "VIP", quantity: 3, unitAmount: 3333, vatRateBasisPoints: 550 }]
    const invoice = invoiceTotals(lines)
    const credit = invoiceTotals(lines.map((line) => ({ ...line, quantity: -line.quantity })))
    assert.deepStrictEqual([credit.net, credit.vat, credit.gross], [
      -invoice.net,
      -invoice.vat,
      -invoice.gross
    ])
  })
})
