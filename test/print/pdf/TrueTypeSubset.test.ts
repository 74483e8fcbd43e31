/**
 * A subset draws what the whole font draws. Guards, each of which turns this file red when it is removed: the parts of
 * composed glyphs are included, and named by their number in the subset; widths go with the glyphs; the
 * file's sum is what the OpenType specification asks for.
 */
import { assert, describe, it } from "@effect/vitest"
import { create, type Font } from "@cantoo/fontkit"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { TrueTypeFile, TrueTypeSubset } from "../../../src/print/pdf/TrueTypeSubset.ts"

const require = createRequire(import.meta.url)
const bytes = readFileSync(require.resolve("@expo-google-fonts/noto-sans/700Bold/NotoSans_700Bold.ttf"))
const whole = create(bytes) as Font
const file = new TrueTypeFile(bytes)

const drawn = (font: Font, id: number) => {
  const glyph = font.getGlyph(id)
  return { path: glyph?.path.toSVG(), advance: glyph?.advanceWidth }
}

const subsetOf = (ids: ReadonlyArray<number>) => {
  const subset = new TrueTypeSubset(file)
  const places = ids.map((id) => subset.includeGlyph(id))
  return { places, bytes: subset.encode() }
}

const sumOf = (bytes: Uint8Array): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let sum = 0
  for (let at = 0; at < bytes.length; at += 4) sum = (sum + view.getUint32(at)) >>> 0
  return sum
}

const idOf = (letter: string): number => whole.glyphForCodePoint(letter.codePointAt(0)!)!.id

describe("a subset of a font", () => {
  it("draws every glyph as the whole font does, composed ones too", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: whole.numGlyphs - 1 }), { minLength: 1, maxLength: 60 }),
        (ids) => {
          const { bytes, places } = subsetOf(ids)
          const part = create(bytes) as Font
          ids.forEach((id, at) =>
            assert.deepStrictEqual(drawn(part, places[at]!), drawn(whole, id), `glyph ${id}`)
          )
          assert.strictEqual(sumOf(bytes), 0xb1b0afba)
        }
      ),
      { seed: 20250620, numRuns: 60 }
    )
  })

  it("keeps numbers in the order of asking, one a glyph, and 0 for what is missing", () => {
    const [z, l] = [idOf("Ż"), idOf("ł")]
    assert.deepStrictEqual(subsetOf([z, l, z, 0]).places, [1, 2, 1, 0])
  })

  it("is refused for a file that is no TrueType font", () => {
    assert.throws(() => new TrueTypeFile(new Uint8Array(64)), RangeError)
  })
})
