/**
 * A font of many thousand characters in files of some hundred each (Chinese, Japanese, Korean): only the files of the
 * characters that are met are read. Each character is one glyph, whose number here is its code point.
 */
import type { Font, Glyph } from "@cantoo/fontkit"
import type {
  Cluster,
  FaceMetrics,
  FallbackFont,
  GlyphSource,
  StoredGlyph,
  Weight
} from "../text/Typeface.ts"

/** What a variable font calls the two weights. */
const weights: Readonly<Record<Weight, number>> = { regular: 400, bold: 700 }

/** The files by the character: `unicode.json` of the package, `{ "[7]": "U+4e00-4e09,U+4e0b" }`. */
export type Slices = ReadonlyMap<number, ReadonlyArray<string>>

/** Which file has which character; several may say so of one. */
export const slicesOf = (ranges: Readonly<Record<string, string>>): Slices => {
  const slices = new Map<number, Array<string>>()
  for (const [name, list] of Object.entries(ranges)) {
    const slice = name.replace(/[[\]]/g, "")
    for (const range of list.split(",")) {
      const [from = 0, to = from] = range.slice(2).split("-").map((digits) => Number.parseInt(digits, 16))
      for (let point = from; point <= to; point++) {
        const known = slices.get(point)
        if (known === undefined) slices.set(point, [slice])
        else known.push(slice)
      }
    }
  }
  return slices
}

type Point = readonly [x: number, y: number, onCurve: boolean]

/** The outline's points, contour by contour; the last is not the first again. */
const contoursOf = (glyph: Glyph): ReadonlyArray<ReadonlyArray<Point>> => {
  const contours: Array<Array<Point>> = []
  for (const { args, command } of glyph.path.commands) {
    const [x = 0, y = 0, toX = 0, toY = 0] = args.map(Math.round)
    if (command === "moveTo") contours.push([[x, y, true]])
    else if (command === "lineTo") contours.at(-1)?.push([x, y, true])
    else if (command === "quadraticCurveTo") contours.at(-1)?.push([x, y, false], [toX, toY, true])
    else if (command !== "closePath") throw new RangeError(`A TrueType outline has no ${command}`)
  }
  return contours.map((points) => {
    const [first, last] = [points[0]!, points.at(-1)!]
    return points.length > 1 && first[0] === last[0] && first[1] === last[1] ? points.slice(0, -1) : points
  }).filter((points) => points.length > 1)
}

/** A simple glyph (OpenType 1.9, `glyf`), with coordinates of two bytes each. */
const encode = (contours: ReadonlyArray<ReadonlyArray<Point>>): Uint8Array => {
  const points = contours.flat()
  if (points.length === 0) return new Uint8Array(0)
  const view = new DataView(new ArrayBuffer(10 + 2 * contours.length + 2 + 5 * points.length))
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const bounds = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]
  view.setInt16(0, contours.length)
  bounds.forEach((bound, at) => view.setInt16(2 + 2 * at, bound))
  let [at, end] = [10, -1]
  for (const contour of contours) {
    end += contour.length
    view.setUint16(at, end)
    at += 2
  }
  at += 2
  for (const [, , onCurve] of points) view.setUint8(at++, onCurve ? 1 : 0)
  for (const coordinates of [xs, ys]) {
    coordinates.forEach((value, index) => {
      view.setInt16(at, value - (coordinates[index - 1] ?? 0))
      at += 2
    })
  }
  return new Uint8Array(view.buffer)
}

/** A table of zeros but for some values of two bytes. */
const table = (length: number, values: Readonly<Record<number, number>>): DataView => {
  const view = new DataView(new ArrayBuffer(length))
  for (const [at, value] of Object.entries(values)) view.setUint16(Number(at), value & 0xffff)
  return view
}

/** Bounds that no character of these fonts reaches: points and contours of a glyph (`maxp`). */
const most = { points: 4_000, contours: 400 }

/** One weight of a variable font, with the slices that were read so far. */
export class SlicedFont implements FallbackFont {
  readonly key: string
  readonly name: Weight
  readonly slices: Slices
  readonly file: GlyphSource
  readonly metrics: FaceMetrics
  /** Null for a file that cannot be read. */
  private readonly read = new Map<string, Font | null>()
  private readonly glyphs = new Map<number, StoredGlyph>()
  private readonly owners = new Map<number, Font | null>()

  constructor(key: string, name: Weight, postscriptName: string, slices: Slices) {
    this.key = key
    this.name = name
    this.slices = slices
    const box = [-1_000, -1_100, 3_000, 1_900]
    this.metrics = {
      ...{ postscriptName, unitsPerEm: 1_000, ascent: 1_160, descent: -288, capHeight: 733, xHeight: 543 },
      ...{ italicAngle: 0, box }
    }
    const [left = 0, bottom = 0, right = 0, top = 0] = box
    const tables: Readonly<Record<string, DataView>> = {
      head: table(54, {
        0: 1,
        12: 0x5f0f,
        14: 0x3cf5,
        16: 3,
        18: 1_000,
        36: left,
        38: bottom,
        40: right,
        42: top,
        46: 6,
        48: 2,
        50: 1
      }),
      hhea: table(36, { 0: 1, 4: 1_160, 6: -288, 10: 3_000, 34: 1 }),
      maxp: table(32, { 0: 1, 4: 1, 6: most.points, 8: most.contours, 14: 1 })
    }
    this.file = {
      table: () => undefined,
      viewOf: (tag) => {
        const found = tables[tag]
        if (found === undefined) throw new RangeError(`The font has no table ${tag}`)
        return found
      },
      glyph: (point) => this.glyph(point)
    }
  }

  /** The slices that may have a character and were not read yet. */
  unread(codePoint: number): ReadonlyArray<string> {
    return (this.slices.get(codePoint) ?? []).filter((slice) => !this.read.has(slice))
  }

  /** Adds a file of the font; throws for one that is no variable font. */
  add(slice: string, font: Font): void {
    const varied = font.getVariation({ wght: weights[this.name] })
    if (varied.unitsPerEm !== this.metrics.unitsPerEm) throw new RangeError("A slice is of another font")
    this.read.set(slice, varied)
    this.owners.clear()
  }

  /** A file that cannot be read is asked for no more. */
  leave(slice: string): void {
    this.read.set(slice, null)
  }

  has(codePoint: number): boolean {
    return this.ownerOf(codePoint) !== null
  }

  /** These scripts are written from left to right, whatever they stand in. */
  shape(text: string): ReadonlyArray<Cluster> {
    return Array.from(text).flatMap((character) => {
      const point = character.codePointAt(0)!
      if (!this.has(point)) return []
      const { advance } = this.file.glyph(point)
      const glyph = { id: point, advanceWidth: advance }
      return [{
        marks: [{ glyph, codePoint: point, advance, dx: 0, dy: 0, missing: false }],
        text: undefined
      }]
    })
  }

  private ownerOf(codePoint: number): Font | null {
    const known = this.owners.get(codePoint)
    if (known !== undefined) return known
    const found = (this.slices.get(codePoint) ?? []).map((slice) => this.read.get(slice))
      .find((font) => font?.hasGlyphForCodePoint(codePoint) === true) ?? null
    this.owners.set(codePoint, found)
    return found
  }

  private glyph(point: number): StoredGlyph {
    const known = this.glyphs.get(point)
    if (known !== undefined) return known
    const glyph = this.ownerOf(point)?.glyphForCodePoint(point) ?? undefined
    const bytes = glyph === undefined ? new Uint8Array(0) : encode(contoursOf(glyph))
    const bearing = bytes.length === 0 ? 0 : new DataView(bytes.buffer).getInt16(2)
    const made = { bytes, advance: Math.round(glyph?.advanceWidth ?? 1_000), bearing, components: [] }
    this.glyphs.set(point, made)
    return made
  }
}
