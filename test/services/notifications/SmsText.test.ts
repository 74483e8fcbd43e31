/** What an SMS is billed for. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { compact, measure } from "../../../src/services/notifications/SmsText.ts"

describe("the segments of a text", () => {
  it("holds 160 plain characters, then 153 in each of several", () => {
    assert.deepStrictEqual(measure("a".repeat(160)), { encoding: "GSM-7", units: 160, segments: 1 })
    assert.deepStrictEqual(measure("a".repeat(161)), { encoding: "GSM-7", units: 161, segments: 2 })
    assert.deepStrictEqual(measure("a".repeat(306)), { encoding: "GSM-7", units: 306, segments: 2 })
    assert.deepStrictEqual(measure("a".repeat(307)), { encoding: "GSM-7", units: 307, segments: 3 })
  })

  it("counts the euro sign and its like twice", () => {
    assert.deepStrictEqual(measure("€[]{}\\~^|"), { encoding: "GSM-7", units: 18, segments: 1 })
    assert.strictEqual(measure("€".repeat(80)).segments, 1)
    assert.strictEqual(measure("€".repeat(81)).segments, 2)
  })

  it("falls to 70 characters for one that GSM-7 does not have", () => {
    assert.deepStrictEqual(measure("ê".repeat(70)), { encoding: "UCS-2", units: 70, segments: 1 })
    assert.strictEqual(measure("ê".repeat(71)).segments, 2)
    assert.strictEqual(measure("C’est prêt").encoding, "UCS-2")
    assert.strictEqual(measure("à é è ù ì ò Ç ñ ü").encoding, "GSM-7")
  })

  it("does not cut an escape pair in two", () => {
    assert.strictEqual(measure(`${"a".repeat(152)}€${"a".repeat(152)}`).segments, 3)
    assert.strictEqual(measure(`${"a".repeat(151)}€${"a".repeat(153)}`).segments, 2)
  })

  it("does not cut an emoji in two", () => {
    assert.strictEqual(measure(`${"ê".repeat(66)}🎟${"ê".repeat(66)}`).segments, 3)
    assert.strictEqual(measure(`${"ê".repeat(65)}🎟${"ê".repeat(67)}`).segments, 2)
  })

  it("never needs fewer segments than its units, nor more for a shorter text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 700 }), (text) => {
      const { encoding, segments, units } = measure(text)
      const [single, each] = encoding === "GSM-7" ? [160, 153] : [70, 67]
      assert.isAtLeast(segments, units <= single ? 1 : Math.ceil(units / each))
      assert.isAtMost(segments, units <= single ? 1 : Math.ceil(units / (each - 1)))
      if (encoding === "UCS-2") assert.strictEqual(units, text.length)
    }))
    fc.assert(
      fc.property(
        fc.string({ maxLength: 400 }),
        fc.nat(400),
        (text, cut) => measure(Array.from(text).slice(0, cut).join("")).segments <= measure(text).segments
      )
    )
  })
})

describe("a compacted text", () => {
  it("loses the typography that would cost segments, and keeps its accents", () => {
    assert.strictEqual(compact("C’est prêt : 99,99\u202f€…"), "C'est prêt : 99,99 €...")
    assert.strictEqual(measure(compact("Votre billet « Été » — 99,99\u00a0€")).encoding, "GSM-7")
    assert.strictEqual(compact("Zoë à la fête"), "Zoë à la fête")
  })

  it("drops an accent only where keeping it costs more than two segments", () => {
    const long = `Fête ${"a".repeat(140)}`
    assert.strictEqual(measure(long).segments, 3)
    assert.strictEqual(compact(long), `Fete ${"a".repeat(140)}`)
    assert.strictEqual(compact(`Fête ${"a".repeat(120)}`), `Fête ${"a".repeat(120)}`)
  })

  it("never costs more than the text it came from, except by its three dots", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 400 }).filter((t) => !/[…œŒ]/.test(t)),
        (text) => measure(compact(text)).segments <= measure(text.normalize("NFC")).segments
      )
    )
  })
})
