/**
 * A TrueType font with some of its glyphs, for a PDF (ISO 32000-1 §9.9, OpenType 1.9): the glyphs' bytes are copied
 * as they are, so that a ticket's font costs a fraction of what decoding and encoding it costs.
 */
import type { GlyphSource, StoredGlyph } from "../text/Typeface.ts"

const pad4 = (length: number): number => (length + 3) & ~3

/** Flags of a composite glyph's components (glyf table). */
const words = 0x0001
const scaled = 0x0008
const more = 0x0020
const scaledTwice = 0x0040
const matrix = 0x0080

/** The offsets in a glyph's bytes at which its components are named; none for a simple glyph. */
const componentsOf = (glyph: DataView): ReadonlyArray<number> => {
  if (glyph.byteLength === 0 || glyph.getInt16(0) >= 0) return []
  const places: Array<number> = []
  for (let at = 10, flags = more; flags & more;) {
    flags = glyph.getUint16(at)
    places.push(at + 2)
    at += 4 + (flags & words ? 4 : 2)
    at += flags & scaled ? 2 : flags & scaledTwice ? 4 : flags & matrix ? 8 : 0
  }
  return places
}

/** A font file with TrueType outlines, its tables found once; throws a `RangeError` for any other file. */
export class TrueTypeFile implements GlyphSource {
  private readonly view: DataView
  private readonly tables = new Map<string, Uint8Array>()
  private readonly glyphs = new Map<number, StoredGlyph>()
  private readonly longOffsets: boolean
  private readonly metrics: number

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const count = this.view.getUint16(4)
    for (let at = 12; at < 12 + 16 * count; at += 16) {
      const tag = String.fromCharCode(...bytes.subarray(at, at + 4))
      const offset = this.view.getUint32(at + 8)
      this.tables.set(tag, bytes.subarray(offset, offset + this.view.getUint32(at + 12)))
    }
    this.longOffsets = this.viewOf("head").getInt16(50) === 1
    this.metrics = this.viewOf("hhea").getUint16(34)
  }

  /** The table's bytes, or nothing for one that a font may go without. */
  table(tag: string): Uint8Array | undefined {
    return this.tables.get(tag)
  }

  /** The table's bytes, to be read. */
  viewOf(tag: string): DataView {
    const table = this.tables.get(tag)
    if (table === undefined) throw new RangeError(`The font has no table ${tag}`)
    return new DataView(table.buffer, table.byteOffset, table.byteLength)
  }

  glyph(id: number): StoredGlyph {
    const known = this.glyphs.get(id)
    if (known !== undefined) return known
    const loca = this.viewOf("loca")
    const offset = (at: number) => this.longOffsets ? loca.getUint32(at * 4) : loca.getUint16(at * 2) * 2
    const bytes = this.tables.get("glyf")!.subarray(offset(id), offset(id + 1))
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const hmtx = this.viewOf("hmtx")
    const last = this.metrics - 1
    const made = {
      bytes,
      advance: hmtx.getUint16(Math.min(id, last) * 4),
      bearing: id <= last
        ? hmtx.getInt16(id * 4 + 2)
        : hmtx.getInt16(this.metrics * 4 + (id - this.metrics) * 2),
      components: componentsOf(view).map((place) => ({ place, id: view.getUint16(place) }))
    }
    this.glyphs.set(id, made)
    return made
  }
}

/** Tables that are copied whole: what hinted outlines refer to. */
const hinting = ["cvt ", "fpgm", "prep"]

/** Glyphs in the order they were asked for, from 1 on; 0 stays the font's "missing" glyph. */
export class TrueTypeSubset {
  private readonly file: GlyphSource
  private readonly ids: Array<number> = [0]
  private readonly places = new Map<number, number>([[0, 0]])

  constructor(file: GlyphSource) {
    this.file = file
  }

  /** The glyph's number in the subset. */
  includeGlyph(id: number): number {
    const known = this.places.get(id)
    if (known !== undefined) return known
    const place = this.ids.push(id) - 1
    this.places.set(id, place)
    return place
  }

  /** The font file; the parts of composed glyphs are added behind the glyphs that were asked for. */
  encode(): Uint8Array {
    const glyphs: Array<StoredGlyph> = []
    for (let at = 0; at < this.ids.length; at++) {
      const glyph = this.file.glyph(this.ids[at]!)
      for (const { id } of glyph.components) this.includeGlyph(id)
      glyphs.push(glyph)
    }
    return assemble([
      ...hinting.flatMap((tag) => {
        const table = this.file.table(tag)
        return table === undefined ? [] : [[tag, table] as const]
      }),
      ...this.outlines(glyphs),
      ["head", this.patched("head", [[8, 0], [10, 0], [50, 1]])],
      ["hhea", this.patched("hhea", [[34, glyphs.length]])],
      ["maxp", this.patched("maxp", [[4, glyphs.length]])]
    ])
  }

  private patched(tag: string, values: ReadonlyArray<readonly [at: number, value: number]>): Uint8Array {
    const view = this.file.viewOf(tag)
    const copy = new Uint8Array(
      view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer
    )
    const written = new DataView(copy.buffer)
    for (const [at, value] of values) written.setUint16(at, value)
    return copy
  }

  private outlines(glyphs: ReadonlyArray<StoredGlyph>): ReadonlyArray<readonly [string, Uint8Array]> {
    const glyf = new Uint8Array(glyphs.reduce((length, { bytes }) => length + pad4(bytes.length), 0))
    const parts = new DataView(glyf.buffer)
    const loca = new DataView(new ArrayBuffer((glyphs.length + 1) * 4))
    const hmtx = new DataView(new ArrayBuffer(glyphs.length * 4))
    let offset = 0
    glyphs.forEach(({ advance, bearing, bytes, components }, at) => {
      glyf.set(bytes, offset)
      for (const { id, place } of components) parts.setUint16(offset + place, this.places.get(id)!)
      loca.setUint32(at * 4, offset)
      hmtx.setUint16(at * 4, advance)
      hmtx.setInt16(at * 4 + 2, bearing)
      offset += pad4(bytes.length)
    })
    loca.setUint32(glyphs.length * 4, offset)
    return [["glyf", glyf], ["hmtx", new Uint8Array(hmtx.buffer)], ["loca", new Uint8Array(loca.buffer)]]
  }
}

const checksum = (bytes: Uint8Array): number => {
  let sum = 0
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.length & ~3
  for (let at = 0; at < whole; at += 4) sum = (sum + view.getUint32(at)) >>> 0
  for (let at = whole; at < bytes.length; at++) sum = (sum + bytes[at]! * 2 ** (8 * (3 - (at & 3)))) >>> 0
  return sum
}

/** Tables in the order of their tags, behind a directory that names them (OpenType, "Organization of an OpenType font"). */
const assemble = (tables: ReadonlyArray<readonly [tag: string, bytes: Uint8Array]>): Uint8Array => {
  const sorted = tables.toSorted(([a], [b]) => a < b ? -1 : 1)
  const head = 12 + 16 * sorted.length
  const file = new Uint8Array(head + sorted.reduce((length, [, bytes]) => length + pad4(bytes.length), 0))
  const view = new DataView(file.buffer)
  const power = 31 - Math.clz32(sorted.length)
  view.setUint32(0, 0x00010000)
  view.setUint16(4, sorted.length)
  view.setUint16(6, 16 << power)
  view.setUint16(8, power)
  view.setUint16(10, (sorted.length - (1 << power)) * 16)
  let offset = head
  sorted.forEach(([tag, bytes], at) => {
    const entry = 12 + 16 * at
    for (let letter = 0; letter < 4; letter++) file[entry + letter] = tag.charCodeAt(letter)
    view.setUint32(entry + 4, checksum(bytes))
    view.setUint32(entry + 8, offset)
    view.setUint32(entry + 12, bytes.length)
    file.set(bytes, offset)
    offset += pad4(bytes.length)
  })
  const adjusted = sorted.findIndex(([tag]) => tag === "head")
  view.setUint32(view.getUint32(12 + 16 * adjusted + 8) + 8, (0xb1b0afba - checksum(file)) >>> 0)
  return file
}
