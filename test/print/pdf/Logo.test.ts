/**
 * Logos: what is taken for one, and what it costs. Guards whose removal turns this file red: the checksum, the end of the
 * file, the pixels, the edges, the bytes, the opacity, the chunks and segments that are cut out and their number, the
 * order of chunks, the depth, the interlace, the exact bytes that a PNG unpacks to, the frames that readers of PDF know.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import jpeg from "jpeg-js"
import { deflateSync } from "node:zlib"
import { Canvas } from "../../../src/print/pdf/Canvas.ts"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { decodeLogo, largestLogo, logoWeight, readLogo } from "../../../src/print/pdf/Logo.ts"
import { writePdf } from "../../../src/print/pdf/PdfWriter.ts"
import { QrImage } from "../../../src/print/qr/QrImage.ts"
import { qrMatrix } from "../../../src/print/qr/QrMatrix.ts"
import { bytes32, chunk, header, pngOf } from "../../support/Pngs.ts"
import { longestHold } from "../../support/LoopHolds.ts"
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

const insertedAt = (bytes: Uint8Array, at: number, more: Uint8Array) =>
  new Uint8Array(Buffer.concat([bytes.slice(0, at), more, bytes.slice(at)]))

/** Every chunk that the PNG specification or Photoshop knows, and one that nobody does. */
const chunkTypes = (
  "PLTE tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI tEXt zTXt iTXt bKGD hIST pHYs sPLT eXIf tIME acTL fcTL fdAT " +
  "IDAT IHDR IEND oFFs pCAL sCAL gIFg gIFx sTER dSIG xXxX ABCD"
).split(" ")

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
      "a JPEG of arithmetic codes": changed(jpg, frame + 1, 0xc9),
      "a JPEG of twelve bits": changed(jpg, frame + 4, 12),
      "a JPEG that was cut": jpg.slice(0, -1),
      "a JPEG without a frame": Buffer.concat([jpg.slice(0, 2), Buffer.from("ffda0008"), jpg.slice(-60)]),
      "a JPEG of no height": changed(changed(jpg, jpg.indexOf(0xc0) + 4, 0), jpg.indexOf(0xc0) + 5, 0),
      "a JPEG with more after its end": Buffer.concat([jpg, jpg.slice(-60)]),
      "a JPEG of too many segments": insertedAt(jpg, 2, Buffer.from("fffe0002".repeat(64), "hex")),
      "a JPEG of two frames": insertedAt(
        jpg,
        frame,
        Buffer.from("ffc0001108000800080301220002110103110100", "hex")
      ),
      "a PNG of too many chunks": pngOf({
        before: Array.from({ length: 510 }, () => chunk("tEXt", Buffer.alloc(0)))
      }),
      "a PNG of sixteen bits": pngOf({ header: { depth: 16 } }),
      "a PNG that is interlaced": pngOf({ header: { interlace: 1 } }),
      "a PNG of a narrow, endless edge": pngOf({ header: { width: 1, height: 5_000 } }),
      "a PNG of a colour type that is none": pngOf({ header: { colourType: 5 } }),
      "a PNG of a palette without one": pngOf({ header: { colourType: 3 } }),
      "a PNG with a critical chunk of its own": pngOf({ before: [chunk("ABCD", Buffer.alloc(4))] }),
      "a PNG of two headers": pngOf({ before: [header({})] }),
      "a PNG with more after its end": Buffer.concat([png, Buffer.alloc(12)]),
      "too many bytes": Buffer.concat([png, Buffer.alloc(largestLogo.bytes)])
    }
    for (const [what, bytes] of Object.entries(pretenders)) {
      assert.isTrue(Option.isNone(readLogo(bytes)), what)
    }
  })

  it.effect("is weighed as what each ticket will carry, and not weighed when it cannot be drawn", () =>
    Effect.gen(function* () {
      assert.strictEqual(logoWeight(Option.getOrThrow(yield* decodeLogo(jpg))), jpg.length)
      assert.isAbove(logoWeight(Option.getOrThrow(yield* decodeLogo(png))), 0)
      assert.isTrue(Option.isNone(yield* decodeLogo(png.slice(0, -1))))
    }))

  it.effect("unpacks to exactly its pixels", () =>
    Effect.gen(function* () {
      assert.isTrue(Option.isSome(yield* decodeLogo(pngOf({}))))
      const one = Buffer.alloc(25 * 8 + 1)
      for (
        const file of [
          bomb,
          pngOf({ pixels: one }),
          pngOf({ pixels: one.subarray(2) }),
          pngOf({ pixels: jpg })
        ]
      ) {
        assert.isTrue(Option.isSome(readLogo(file)))
        assert.isTrue(Option.isNone(yield* decodeLogo(file)))
      }
    }))

  it.effect("is the same picture without what no picture needs, whatever that is, in no time", () =>
    Effect.gen(function* () {
      const bare = Option.getOrThrow(yield* decodeLogo(pngOf({})))
      const contents = [0, 1, 6, 768, 4_096, 200_000].flatMap((length) => [
        Buffer.alloc(length),
        Buffer.alloc(length, 0xff),
        Buffer.concat([Buffer.from("a\0\0", "latin1"), deflateSync(Buffer.alloc(length * 100))])
      ])
      let taken = 0
      for (const type of chunkTypes) {
        for (const data of contents) {
          for (const place of ["before", "after"] as const) {
            const file = pngOf({ [place]: [chunk(type, data)] })
            const { hold, value: found } = yield* longestHold(Effect.sync(() => readLogo(file)))
            assert.isBelow(hold, 50, `${type} of ${data.length} bytes`)
            if (Option.isNone(found)) continue
            const logo = yield* decodeLogo(file)
            if (type === "tRNS" && data.length === 6 || Option.isNone(logo)) continue
            taken++
            assert.deepStrictEqual(logo.value, bare, `${type} of ${data.length} bytes, ${place}`)
          }
        }
      }
      assert.isAbove(taken, 500)
    }))

  it.effect("that is a JPEG says nothing of who took it and where", () =>
    Effect.gen(function* () {
      const secret = Buffer.from("Exif\0\0a secret place")
      const segment = (marker: number) => Buffer.from([0xff, marker, 0, secret.length + 2, ...secret])
      for (const marker of [0xe0, 0xe1, 0xe2, 0xed, 0xee, 0xef, 0xfe]) {
        const logo = Option.getOrThrow(yield* decodeLogo(insertedAt(jpg, 2, segment(marker))))
        assert.deepStrictEqual(Buffer.from(logo.image.bytes), Buffer.from(jpg))
      }
    }))
})

layer(Layer.provide(Fonts.layer, NodeFileSystem.layer))("a drawn logo", (it) => {
  it.effect.skipIf(!has("pdftoppm", "qpdf"))(
    "is in a document once, also in the second document",
    () =>
      Effect.gen(function* () {
        const fonts = yield* Fonts
        const info = { title: "Logo", language: "en", author: "Guichet", createdAt: new Date(0) }
        for (const file of [png, jpg]) {
          const logo = Option.getOrThrow(yield* decodeLogo(file))
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
      const logo = Option.getOrThrow(yield* decodeLogo(halfClear))
      canvas.logo({ x: 0, y: 0, width: 80, height: 80 }, logo, "left")
      canvas.logo({ x: 80, y: 0, width: 80, height: 80 }, logo, "left")
      const info = { title: "Logo", language: "en", author: "Guichet", createdAt: new Date(0) }
      const { bytes } = yield* writePdf(yield* Fonts, [canvas], info)
      checkStructure(bytes)
      assert.lengthOf(Buffer.from(bytes).toString("latin1").match(/\/Subtype \/Image/g) ?? [], 2)
      const { pixels, width } = readPgm(greyPageOf(bytes, 72))
      const seen = [20, 60, 100, 140].map((x) => pixels[40 * width + x]! < 128)
      assert.deepStrictEqual(seen, [false, true, false, true])
    }))
})
