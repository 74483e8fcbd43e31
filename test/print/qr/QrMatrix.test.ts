/**
 * A QR code is read back by a reader that shares nothing with its encoder. Guards, each of which turns this file red
 * when it is removed: byte mode, the refusals; another mask than the one that is given does so too.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { create } from "qrcode"
import { QrImage } from "../../../src/print/qr/QrImage.ts"
import { largestQr, qrMatrix } from "../../../src/print/qr/QrMatrix.ts"
import { codesReadBy } from "../../support/QrReader.ts"

const letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ{}":,.-_ '

/** Letters that do not repeat, the same for the same number. */
const textOf = (length: number): string =>
  Array.from({ length }, (_, at) => letters[(at * at * 7 + at * 31 + length) % letters.length]).join("")

const readBack = (text: string) => codesReadBy(QrImage.png(qrMatrix(text), "medium"))

/** The most bytes of each version, 1 to 40, at level M (ISO/IEC 18004, table 7). */
const longest = [
  ...[14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666],
  ...[711, 779, 857, 911, 997, 1059, 1125, 1190, 1264, 1370, 1452, 1538, 1628, 1722, 1809, 1911, 1989],
  ...[2099, 2213, largestQr]
]

describe("the modules of a QR code", () => {
  it("are the smallest that hold the text, and are read back, in every version", async () => {
    for (const [at, length] of longest.entries()) {
      const text = textOf(length)
      assert.strictEqual(qrMatrix(text).size, 21 + 4 * at, `${length}`)
      assert.deepStrictEqual(await readBack(text), [text], `${length}`)
    }
  })

  it("are read back for any text, also one that repeats", () =>
    fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 400 }),
          fc.tuple(
            fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 2 }),
            fc.integer({ min: 1, max: 200 })
          )
            .map(([part, times]) => part.repeat(times))
        ),
        async (text) => assert.deepStrictEqual(await readBack(text), [text])
      ),
      { seed: 20250620, numRuns: 100 }
    ))

  it("are as many for digits as for other letters", () => {
    for (const length of [14, 15, 213, 214]) {
      assert.strictEqual(qrMatrix("7".repeat(length)).size, qrMatrix("{".repeat(length)).size)
    }
  })

  it("hold UTF-8", async () => {
    const text = `{"guest":"Łukasz Żółć · Ελένη · Дмитрий · 王小明"}`
    assert.deepStrictEqual(await readBack(text), [text])
  })

  it("have the mask that a ticket's text would nearly always be given", () => {
    const text = `{"id":1,"eventId":1,"timestamp":1640995200,"sig":"${textOf(86)}"}`
    const data = new TextEncoder().encode(text)
    const all = create([{ data, mode: "byte" }], { errorCorrectionLevel: "M" }).modules
    assert.deepStrictEqual(qrMatrix(text), { size: all.size, modules: all.data })
  })

  it("are refused for no text and for one that is too long", () => {
    assert.throws(() => qrMatrix(""), RangeError)
    assert.throws(() => qrMatrix("a".repeat(largestQr + 1)), RangeError)
  })
})
