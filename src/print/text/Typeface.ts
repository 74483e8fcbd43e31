/** What a PDF's font is made of, whichever file it comes from, and the glyphs of a text. */

/** One glyph of a font file: `advanceWidth` in the font's units. */
export interface FontGlyph {
  readonly id: number
  readonly advanceWidth: number
}

/**
 * One glyph of a text. `dx` and `dy` move it from the pen without moving the pen: an accent that its letter holds.
 * `missing` when no font can write the character; a `glyph` of its own stands for nothing then. `says` is what the glyph
 * means when that is not `codePoint`: several characters, or none.
 */
export interface Mark {
  readonly glyph: FontGlyph
  readonly codePoint: number
  readonly says?: string | undefined
  readonly advance: number
  readonly dx: number
  readonly dy: number
  readonly missing: boolean
}

/** A letter with what is written over and under it; `text` when its glyphs do not say it one by one. */
export interface Cluster {
  readonly marks: ReadonlyArray<Mark>
  readonly text: string | undefined
  readonly rightToLeft?: boolean | undefined
}

/** In the font's units; the angle in degrees. */
export interface FaceMetrics {
  readonly postscriptName: string
  readonly unitsPerEm: number
  readonly ascent: number
  readonly descent: number
  readonly capHeight: number
  readonly xHeight: number
  readonly italicAngle: number
  readonly box: ReadonlyArray<number>
}

/** A glyph as a TrueType file holds it. */
export interface StoredGlyph {
  readonly bytes: Uint8Array
  readonly advance: number
  readonly bearing: number
  readonly components: ReadonlyArray<{ readonly place: number; readonly id: number }>
}

/** Where the outlines of a font come from; `viewOf` throws a `RangeError` for a table that is not there. */
export interface GlyphSource {
  readonly table: (tag: string) => Uint8Array | undefined
  readonly viewOf: (tag: string) => DataView
  readonly glyph: (id: number) => StoredGlyph
}

/** The two weights that everything is set in. */
export type Weight = "regular" | "bold"

/** One weight of one font; `key` names it among the fonts of a document. */
export interface Typeface {
  readonly key: string
  readonly name: Weight
  readonly metrics: FaceMetrics
  readonly file: GlyphSource
}

/** A font that stands in for characters that our own has not. */
export interface FallbackFont extends Typeface {
  readonly has: (codePoint: number) => boolean
  /** The letters of a text that is in one direction, in the order in which they stand from left to right. */
  readonly shape: (text: string, rightToLeft: boolean) => ReadonlyArray<Cluster>
}
