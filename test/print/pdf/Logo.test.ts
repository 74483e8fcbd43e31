/**
 * Logos: what is taken for one, and what it costs. Guards whose removal turns this file red: the checksum, the end of the
 * file, the pixels, the bytes, the opacity, the bound of what a PNG unpacks to, the frames that readers of PDF know.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import jpeg from "jpeg-js"
import { crc32, deflateSync } from "node:zlib"
import { Canvas } from "../../../src/print/pdf/Canvas.ts"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { largestLogo, logoWeight, readLogo } from "../../../src/print/pdf/Logo.ts"
import { writePdf } from "../../../src/print/pdf/PdfWriter.ts"
import { QrImage } from "../../../src/print/qr/QrImage.ts"
import { qrMatrix } from "../../../src/print/qr/QrMatrix.ts"
import { checkStructure, greyPageOf, has, pagesOf } from "../../support/PdfTools.ts"
import { readPgm } from "../../support/QrOnPaper.ts"

const png = new Uint8Array(QrImage.png(qrMatrix("a logo"), "small"))
const jpg = new Uint8Array(
  jpeg.encode({ width: 60, height: 20, data: Buffer.alloc(60 * 20 * 4, 0x80) }, 80).data
)

const changed = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
  const copy = bytes.slice()
  copy[at < 0 ? copy.length + at : at] = value
  return copy
}

const bytes32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data])
  return Buffer.concat([bytes32(data.length), body, bytes32(crc32(body))])
}

/** Black, 8 pixels square; its left half cannot be seen (RFC 2083: colour type 6). */
const halfClear = new Uint8Array(Buffer.concat([
  Buffer.from("89504e470d0a1a0a", "hex"),
  chunk("IHDR", Buffer.concat([bytes32(8), bytes32(8), Buffer.from([8, 6, 0, 0, 0])])),
  chunk(
    "IDAT",
    deflateSync(Buffer.from(`00${"00000000".repeat(4)}${"000000ff".repeat(4)}`.repeat(8), "hex"))
  ),
  chunk("IEND", new Uint8Array())
]))

/** Ten pixels square, and ten megabytes of zeros for them. */
const bomb = Buffer.concat([
  Buffer.from("89504e470d0a1a0a", "hex"),
  chunk("IHDR", Buffer.concat([bytes32(10), bytes32(10), Buffer.from([8, 2, 0, 0, 0])])),
  chunk("IDAT", deflateSync(Buffer.alloc(10_000_000))),
  chunk("IEND", new Uint8Array())
])

/** The frame header, whose marker is the second of its bytes and whose precision the fifth. */
const frame = Buffer.from(jpg).indexOf(Buffer.from("ffc0", "hex"))

describe("a logo", () => {
  it("is a whole PNG or JPEG file", () => {
    assert.deepInclude(Option.getOrThrow(readLogo(png)), { extension: "png", contentType: "image/png" })
    assert.deepStrictEqual(Option.getOrThrow(readLogo(jpg)), {
      extension: "jpg",
      contentType: "image/jpeg",
      width: 60,
      height: 20
    })
  })

  it("is nothing else", () => {
    const pretenders: Readonly<Record<string, Uint8Array>> = {
      empty: new Uint8Array(),
      "a page of text": new TextEncoder().encode("<svg onload=alert(1)>".repeat(10)),
      "a PNG that was cut": png.slice(0, -1),
      "a PNG without its end": png.slice(0, -12),
      "a PNG with a flipped bit": changed(png, png.length - 20, 0x55),
      "a PNG of another width": Buffer.concat([png.slice(0, 16), bytes32(9), png.slice(20)]),
      "a PNG with more than its pixels": bomb,
      "a JPEG of arithmetic codes": changed(jpg, frame + 1, 0xc9),
      "a JPEG of twelve bits": changed(jpg, frame + 4, 12),
      "a JPEG that was cut": jpg.slice(0, -1),
      "a JPEG without a frame": Buffer.concat([jpg.slice(0, 2), Buffer.from("ffda0008"), jpg.slice(-60)]),
      "a JPEG of no height": changed(changed(jpg, jpg.indexOf(0xc0) + 4, 0), jpg.indexOf(0xc0) + 5, 0),
      "too many bytes": Buffer.concat([png, Buffer.alloc(largestLogo.bytes)])
    }
    for (const [what, bytes] of Object.entries(pretenders)) {
      assert.isTrue(Option.isNone(readLogo(bytes)), what)
    }
  })

  it.effect("is weighed as what each ticket will carry, and not weighed when it cannot be drawn", () =>
    Effect.gen(function* () {
      assert.strictEqual(Option.getOrThrow(yield* logoWeight(jpg)), jpg.length)
      assert.isAbove(Option.getOrThrow(yield* logoWeight(png)), 0)
      assert.isTrue(Option.isNone(yield* logoWeight(png.slice(0, -1))))
    }))
})

layer(Layer.provide(Fonts.layer, NodeFileSystem.layer))("a drawn logo", (it) => {
  it.effect.skipIf(!has("pdftoppm", "qpdf"))(
    "is in a document once, also in the second document",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const info = { title: "Logo", language: "en", author: "Guichet", createdAt: new Date(0) }
        for (const logo of [png, jpg]) {
          const page = () => {
            const canvas = new Canvas(fonts, 200, 100)
            canvas.logo({ x: 10, y: 10, width: 80, height: 80 }, logo, "left")
            canvas.logo({ x: 110, y: 10, width: 80, height: 80 }, logo, "right")
            return canvas
          }
          const first = yield* writePdf(fonts, [page(), page()], info)
          const second = yield* writePdf(fonts, [page(), page()], info)
          assert.deepStrictEqual(second.bytes, first.bytes)
          const images = Buffer.from(first.bytes).toString("latin1").split("/Subtype /Image").length - 1
          assert.isAtMost(images, 2)
          checkStructure(second.bytes)
          assert.lengthOf(pagesOf(second.bytes, 50), 2)
        }
      })
  )

  it.effect.skipIf(!has("pdftoppm", "qpdf"))("is clear where its file is", () =>
    Effect.gen(function* () {
      const canvas = new Canvas(yield* Fonts, 160, 80)
      canvas.logo({ x: 0, y: 0, width: 80, height: 80 }, halfClear, "left")
      canvas.logo({ x: 80, y: 0, width: 80, height: 80 }, halfClear, "left")
      const info = { title: "Logo", language: "en", author: "Guichet", createdAt: new Date(0) }
      const { bytes } = yield* writePdf(yield* Fonts, [canvas], info)
      checkStructure(bytes)
      assert.lengthOf(Buffer.from(bytes).toString("latin1").match(/\/Subtype \/Image/g) ?? [], 2)
      const { pixels, width } = readPgm(greyPageOf(bytes, 72))
      const seen = [20, 60, 100, 140].map((x) => pixels[40 * width + x]! < 128)
      assert.deepStrictEqual(seen, [false, true, false, true])
    }))
})
