/**
 * The language of an answer, by the weights of RFC 9110 §12.5.4.
 * Guards whose removal turns this file red: the weights, a weight of 0, the wildcard, a weight that is none, the order.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { localeOf } from "../../../rpc/values/AcceptLanguage.ts"

describe("the language that a caller reads best", () => {
  it.each([
    ["en;q=0.1, fr", "fr"],
    ["fr;q=0.1, en", "en"],
    ["fr;q=0, en;q=0.001", "en"],
    ["fr;q=0", "fr"],
    ["fr;q=0, *", "en"],
    ["*", "fr"],
    ["*;q=0.1, en;q=0.2", "en"],
    ["en;q=0, *;q=0.5", "fr"],
    ["de-DE, de;q=0.9, en;q=0.8, fr;q=0.7", "en"],
    ["de", "fr"],
    ["EN-gb ; Q=0.5 , FR-ca;q=0.4", "en"],
    ["en, fr", "en"],
    ["fr, en", "fr"],
    ["en;q=2, fr;q=0.1", "fr"],
    ["en;q=x", "fr"],
    ["french, english", "fr"],
    ["", "fr"],
    [",;,q=1", "fr"],
    ["en;level=1", "fr"]
  ])("of %s is %s", (header, locale) => assert.strictEqual(localeOf(header), locale))

  it("is the one with the higher weight, however the header is written", () => {
    const quality = fc.integer({ min: 0, max: 1_000 })
    const gap = fc.constantFrom("", " ", "\t", "  ")
    fc.assert(
      fc.property(quality, quality, gap, gap, fc.boolean(), (en, fr, a, b, first) => {
        const parts = [`en${a};${b}q=${en / 1_000}`, `fr-FR${b};${a}q=${fr / 1_000}`]
        const header = (first ? parts : parts.reverse()).join(`${a},${b}`)
        const expected = en > fr ? "en" : fr > en ? "fr" : en === 0 ? "fr" : first ? "en" : "fr"
        assert.strictEqual(localeOf(header), expected, header)
      }),
      { seed: 20_250_620, numRuns: 10_000 }
    )
  })

  it("never throws, and reads a long header no further than it must", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (header) => {
      assert.include(["en", "fr"], localeOf(header))
    }))
    assert.strictEqual(localeOf("de,".repeat(1_000_000) + "en"), "fr")
  })
})
