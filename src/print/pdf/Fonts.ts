/**
 * The fonts of every PDF: Noto Sans (Latin, Greek, Cyrillic), parsed once a process and shared by all
 * documents.
 */
import { create, type Font, type Glyph } from "@cantoo/fontkit"
import { createRequire } from "node:module"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import { TrueTypeFile } from "./TrueTypeSubset.ts"

/**
 * One glyph of a text. `dx` and `dy` move it from the pen without moving the pen: an accent that its letter holds.
 * `missing` when the font cannot write the character; a `glyph` of its own stands for nothing then.
 */
export interface Mark {
  readonly glyph: Glyph
  readonly codePoint: number
  readonly advance: number
  readonly dx: number
  readonly dy: number
  readonly missing: boolean
}

/** A letter with what is written over and under it; `text` when its glyphs do not say it one by one. */
export interface Cluster {
  readonly marks: ReadonlyArray<Mark>
  readonly text: string | undefined
}

/** Scripts that read correctly letter by letter, left to right; a script that needs shaping counts as missing. */
const unshaped = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}\p{Script=Inherited}]/u

/** Stand-ins for what could not be read or shown elsewhere: the font draws them as boxes. */
const standIn = /[\ufffc\ufffd]/

/** Written as it is: composed, and without a character that prints nothing. */
const plain = /^[ -~\u00a0-\u00ac\u00ae-\u017f\u0400-\u045f\u2010-\u2026\u202f\u20ac]*$/

/** Letters and widths that a face keeps at most: the words of one job come back with every ticket. */
const remembered = 10_000

/** Composed accents, one line, and none of the characters that print nothing. */
const clean = (text: string): string =>
  plain.test(text) ? text : text.normalize("NFC")
    .replace(/[\t\n\v\f\r\u2028\u2029]+/g, " ")
    .replace(/[\p{Cc}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu, "")
    .replace(/[\u1680\u205f\u3000]/g, " ")

/** The letters of a text, each with its accents. */
export const letters = (text: string): ReadonlyArray<string> => text.match(/\P{M}\p{M}*|\p{M}+/gsu) ?? []

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

/** One weight of the font, with the glyphs of every letter met so far. */
export class Face {
  readonly name: "regular" | "bold"
  readonly font: Font
  readonly file: TrueTypeFile
  /** The font's own measures, read once: units an em, and what a font descriptor says, in units. */
  readonly metrics: FaceMetrics
  private readonly known = new Map<string, Cluster>()
  private readonly widths = new Map<string, number>()

  constructor(name: "regular" | "bold", font: Font, file: TrueTypeFile) {
    this.name = name
    this.font = font
    this.file = file
    const { ascent, bbox, capHeight, descent, italicAngle, postscriptName, unitsPerEm, xHeight } = font
    const { maxX, maxY, minX, minY } = bbox
    this.metrics = {
      ...{ ascent, capHeight, descent, italicAngle, unitsPerEm, xHeight },
      box: [minX, minY, maxX, maxY],
      postscriptName: postscriptName ?? name
    }
  }

  /** The glyphs of a text, letter by letter. */
  shape(text: string): ReadonlyArray<Cluster> {
    return Array.from(plain.test(text) ? text : letters(clean(text)), (letter) => this.cluster(letter))
  }

  /** Width of a text in points. */
  width(text: string, size: number): number {
    return ((this.widths.get(text) ?? this.measure(text)) / this.metrics.unitsPerEm) * size
  }

  private measure(text: string): number {
    let units = 0
    for (const { marks } of this.shape(text)) for (const mark of marks) units += mark.advance
    if (this.widths.size >= remembered) this.widths.clear()
    this.widths.set(text, units)
    return units
  }

  /** The characters of a text that cannot be written, each once. */
  missing(text: string): ReadonlyArray<string> {
    const found = new Set<string>()
    for (const { marks } of this.shape(text)) {
      for (const mark of marks) if (mark.missing) found.add(String.fromCodePoint(mark.codePoint))
    }
    return [...found]
  }

  private cluster(letter: string): Cluster {
    const known = this.known.get(letter)
    if (known !== undefined) return known
    const points = Array.from(letter, (character) => character.codePointAt(0)!)
    const absent = points.filter((point) => !this.has(point))
    const made = absent.length > 0
      ? { marks: absent.map((point) => this.absent(point)), text: undefined }
      : points.length === 1 && !/\p{M}/u.test(letter)
      ? { marks: [this.mark(this.font.glyphForCodePoint(points[0]!), points[0]!)], text: undefined }
      : this.accented(letter, points)
    if (this.known.size >= remembered) this.known.clear()
    this.known.set(letter, made)
    return made
  }

  /** Accents stand where the font's anchors put them (GPOS); one that no anchor holds counts as missing. */
  private accented(letter: string, points: ReadonlyArray<number>): Cluster {
    const { glyphs, positions } = this.font.layout(letter)
    const loose = positions?.some(({ xOffset, yOffset }, at) => at > 0 && xOffset === 0 && yOffset === 0)
    if (positions === null || loose === true || points.length === 1) {
      return { marks: [this.absent(points.at(-1)!)], text: undefined }
    }
    const marks = glyphs.map((glyph, at) => {
      const { xAdvance, xOffset, yOffset } = positions[at]!
      const codePoint = glyph.codePoints[0] ?? points[Math.min(at, points.length - 1)]!
      return { ...this.mark(glyph, codePoint), advance: xAdvance, dx: xOffset, dy: yOffset }
    })
    return { marks, text: letter }
  }

  private has(codePoint: number): boolean {
    const character = String.fromCodePoint(codePoint)
    return unshaped.test(character) && !standIn.test(character) && this.font.hasGlyphForCodePoint(codePoint)
  }

  private absent(codePoint: number): Mark {
    return { ...this.mark(this.font.getGlyph(0), codePoint), missing: true }
  }

  private mark(glyph: Glyph | null, codePoint: number): Mark {
    if (glyph === null) throw new Error(`${this.font.postscriptName} has no glyph 0`)
    return { glyph, codePoint, advance: glyph.advanceWidth, dx: 0, dy: 0, missing: false }
  }
}

const require = createRequire(import.meta.url)

const loadFace = Effect.fn("Fonts.loadFace")(function* (name: "regular" | "bold", file: string) {
  const fs = yield* FileSystem.FileSystem
  const bytes = yield* fs.readFile(require.resolve(`@expo-google-fonts/noto-sans/${file}`))
  const font = create(bytes)
  if (!("layout" in font)) return yield* Effect.die(new Error(`${file} is a collection of fonts`))
  return new Face(name, font, new TrueTypeFile(bytes))
})

/** Both weights, as plain values for the renderers. */
export class Fonts extends Context.Service<Fonts, {
  readonly regular: Face
  readonly bold: Face
}>()("guichet/print/pdf/Fonts") {
  /** Read from the installed font package: no network, read permission alone. */
  static readonly layer: Layer.Layer<Fonts, PlatformError, FileSystem.FileSystem> = Layer.effect(
    Fonts,
    Effect.all({
      regular: loadFace("regular", "400Regular/NotoSans_400Regular.ttf"),
      bold: loadFace("bold", "700Bold/NotoSans_700Bold.ttf")
    })
  )
}
