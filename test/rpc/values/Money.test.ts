/** Amounts are shown as Stripe charges them, whatever the runtime's own data says of a currency. */
import { assert, describe, it } from "@effect/vitest"
import { decimals, format, formatMajor, toMajor, unchargeable } from "../../../rpc/values/Money.ts"

/** Spaces are told apart by locales and runtimes, not by readers. */
const plain = (text: string) => text.replaceAll(/\s/gu, " ")

describe("money", () => {
  it("has the decimals of Stripe's list, which is 2 for what it does not name", () => {
    const whole = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
    for (const currency of whole.split(" ")) assert.strictEqual(decimals(currency), 0, currency)
    for (const currency of "BHD JOD KWD OMR TND".split(" ")) {
      assert.strictEqual(decimals(currency), 3, currency)
    }
    const hundredths = "AFN ALL COP EUR HUF IDR ISK LAK LBP MMK PKR RSD SOS TWD UGX USD YER"
    for (const currency of hundredths.split(" ")) assert.strictEqual(decimals(currency), 2, currency)
  })

  it("is charged as cards are in each currency", () => {
    const refused: ReadonlyArray<readonly [number, string]> = [
      [5124, "KWD"],
      [500_050, "UGX"],
      [501, "ISK"],
      [100_000_000, "EUR"],
      [1_000_000_000_000, "IDR"]
    ]
    for (const [amount, currency] of refused) assert.isString(unchargeable(amount, currency), currency)
    const taken: ReadonlyArray<readonly [number, string]> = [
      [5120, "KWD"],
      [500_000, "UGX"],
      [500, "ISK"],
      [99_999_999, "EUR"],
      [150_000_000_000, "IDR"],
      [0, "KWD"]
    ]
    for (const [amount, currency] of taken) assert.isUndefined(unchargeable(amount, currency), currency)
    assert.strictEqual(unchargeable(5124, "KWD"), "Amounts in KWD are multiples of 10: 5120 or 5130")
  })

  it("is written as it is charged", () => {
    assert.strictEqual(plain(format(250_000, "HUF", "fr-FR")), "2 500,00 HUF")
    assert.strictEqual(plain(format(500, "UGX", "en-GB")), "UGX 5.00")
    assert.strictEqual(plain(format(500, "ISK", "en-GB")), "ISK 5.00")
    assert.strictEqual(plain(format(500, "JPY", "en-GB")), "JP¥500")
    assert.strictEqual(plain(format(5_120, "KWD", "en-GB")), "KWD 5.120")
    assert.strictEqual(plain(format(9_999, "EUR", "fr-FR")), "99,99 €")
    assert.strictEqual(toMajor(250_000, "HUF"), 2_500)
    assert.strictEqual(plain(formatMajor(2_500, "HUF", "en-GB")), "HUF 2,500.00")
  })
})
