/**
 * The QR code's modules are those of another implementation. Guards, each of which turns this file red when it is
 * removed: the interleaving of blocks of two lengths, the two-byte count from version 10 on, the version bits from 7
 * on, each rule of the penalty, the mask in the format's bits.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as QrCode from "qrcode"
import { largestVersion, versionOf } from "../../../src/print/qr/QrCodewords.ts"
import { largestQr, qrMatrix } from "../../../src/print/qr/QrMatrix.ts"

/** Compared as bytes: assertions on large arrays take longer than the codes. */
const same = (text: string): boolean => {
  const [ours, other] = [qrMatrix(text), theirs(text)]
  return ours.size === other.size && Buffer.compare(ours.modules, other.modules) === 0
}

const theirs = (text: string) => {
  const data = new TextEncoder().encode(text)
  const { modules } = QrCode.create([{ data, mode: "byte" }], { errorCorrectionLevel: "M" })
  return { size: modules.size, modules: Uint8Array.from(modules.data, Number) }
}

const letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ{}":,.-_ '

/** Letters that do not repeat, the same for the same number. */
const textOf = (length: number): string =>
  Array.from({ length }, (_, at) => letters[(at * at * 7 + at * 31 + length) % letters.length]).join("")

/** How long the longest text of each version is. */
const longest = Array.from({ length: largestQr }, (_, at) => at + 1).filter((length) =>
  versionOf(length) !== versionOf(length + 1)
)

describe("the modules of a QR code", () => {
  it("are those of the `qrcode` package, for the longest text of every version", () => {
    assert.lengthOf(longest, largestVersion)
    for (const length of longest) {
      assert.deepStrictEqual(qrMatrix(textOf(length)), theirs(textOf(length)), `${length}`)
    }
  })

  it("are those of the `qrcode` package for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 120 }), (text) => {
        assert.isTrue(same(text))
      }),
      { seed: 20250620, numRuns: 300 }
    )
  })

  it("are refused for no text and for one that is too long", () => {
    assert.throws(() => qrMatrix(""), RangeError)
    assert.throws(() => qrMatrix("a".repeat(largestQr + 1)), RangeError)
  })
})
