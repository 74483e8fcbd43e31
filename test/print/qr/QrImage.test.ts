import { assert, describe, it } from "@effect/vitest"
import { inflateSync } from "node:zlib"
import { QrImage } from "../../../src/print/qr/QrImage.ts"
import { largestQr, qrMatrix, quietZone } from "../../../src/print/qr/QrMatrix.ts"
import { codesIn, has } from "../../support/PdfTools.ts"
import { codesReadBy } from "../../support/QrReader.ts"

const text = `{"id":1,"eventId":1,"timestamp":1640995200,"sig":"${"aB3_".repeat(20)}"}`
const matrix = qrMatrix(text)
const sizes = { small: 200, medium: 400, large: 800 } as const

describe("QrImage", () => {
  for (const [size, least] of Object.entries(sizes) as ReadonlyArray<[keyof typeof sizes, number]>) {
    it.skipIf(!has("zbarimg"))(`is read back from a ${size} PNG by zbarimg`, () => {
      assert.deepStrictEqual(codesIn(QrImage.png(matrix, size)), [text])
    })

    it(`is read back from a ${size} PNG by ZXing`, async () => {
      assert.deepStrictEqual(await codesReadBy(QrImage.png(matrix, size)), [text])
    })

    it(`has whole pixels a module and a light quiet zone in a ${size} PNG`, () => {
      const png = Buffer.from(QrImage.png(matrix, size))
      const edge = png.readUInt32BE(16)
      const modules = matrix.size + 2 * quietZone
      const scale = edge / modules
      assert.isTrue(Number.isInteger(scale))
      assert.isAtLeast(edge, least)
      const pixels = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)))
      const stride = Math.ceil(edge / 8) + 1
      for (let y = 0; y < edge; y++) {
        for (let x = 0; x < edge; x++) {
          const row = Math.floor(y / scale) - quietZone
          const column = Math.floor(x / scale) - quietZone
          const inside = Math.min(row, column) >= 0 && Math.max(row, column) < matrix.size
          const isDark = inside && matrix.modules[row * matrix.size + column] === 1
          const bit = (pixels[y * stride + 1 + (x >> 3)]! >> (7 - (x & 7))) & 1
          if (bit !== (isDark ? 0 : 1)) assert.fail(`pixel ${x},${y}`)
        }
      }
    })
  }

  it("draws the same modules as SVG", () => {
    const svg = QrImage.svg(matrix, "medium")
    const modules = new Uint8Array(matrix.size ** 2)
    for (const [, x, y, length] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
      modules.fill(
        1,
        (Number(y) - quietZone) * matrix.size + Number(x) - quietZone,
        (Number(y) - quietZone) * matrix.size + Number(x) - quietZone + Number(length)
      )
    }
    assert.deepStrictEqual(modules, matrix.modules)
    assert.include(svg, `viewBox="0 0 ${matrix.size + 8} ${matrix.size + 8}"`)
  })

  it("names the type and the ending of each format", () => {
    const png = QrImage.render(matrix, "png", "small")
    const base64 = QrImage.render(matrix, "base64", "small")
    assert.deepStrictEqual([png.contentType, png.extension], ["image/png", "png"])
    assert.deepStrictEqual([base64.contentType, base64.extension], ["text/plain", "txt"])
    assert.deepStrictEqual(
      Buffer.from(new TextDecoder().decode(base64.bytes), "base64"),
      Buffer.from(png.bytes)
    )
    assert.strictEqual(QrImage.render(matrix, "svg", "small").contentType, "image/svg+xml")
  })

  it("holds up to the largest text and refuses beyond", () => {
    assert.strictEqual(qrMatrix("x".repeat(largestQr)).size, 177)
    assert.throws(() => qrMatrix("x".repeat(largestQr + 1)), RangeError)
    assert.throws(() => qrMatrix(""), RangeError)
  })
})
