/**
 * The fonts of every PDF: Noto Sans (Latin, Greek, Cyrillic), parsed once a process and shared by all
 * documents.
 */
import { create, type Font } from "@cantoo/fontkit"
import { createRequire } from "node:module"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import { plain } from "../text/Letters.ts"
import { type Direction, type OwnFont, type Run, runsOf } from "../text/TextRuns.ts"
import type { Cluster, FaceMetrics, FontGlyph, Mark, Weight } from "../text/Typeface.ts"
import { FallbackFonts } from "./FallbackFonts.ts"
import { TrueTypeFile } from "./TrueTypeSubset.ts"

/** Scripts that read correctly letter by letter, left to right; a script that needs shaping counts as missing. */
const unshaped = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}\p{Script=Inherited}]/u

/** Stand-ins for what could not be read or shown elsewhere: the font draws them as boxes. */
const standIn = /[\ufffc\ufffd]/

/** Letters and widths that a face keeps at most: the words of one job come back with every ticket. */
const remembered = 10_000

/** Composed accents, one line, and none of the characters that print nothing. */
const clean = (text: string): string =>
  plain.test(text) ? text : text.normalize("NFC")
    .replace(/[\t\n\v\f\r\u2028\u2029]+/g, " ")
    .replace(/[\p{Cc}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu, "")
    .replace(/[\u1680\u205f\u3000]/g, " ")

/** Composed, on one line, without explicit directions; what joins letters and selects pictures stays. */
const cleanShaped = (text: string): string =>
  text.normalize("NFC")
    .replace(/[\t\n\v\f\r\u2028\u2029]+/g, " ")
    .replace(/[\p{Cc}\u00ad\u034f\u061c\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu, "")
    .replace(/[\u1680\u205f\u3000]/g, " ")

/** The letters of a text, each with its accents. */
const letters = (text: string): ReadonlyArray<string> => text.match(/\P{M}\p{M}*|\p{M}+/gsu) ?? []

/** One weight of the font, with the glyphs of every letter met so far; other fonts stand in for what it has not. */
export class Face implements OwnFont {
  readonly key: Weight
  readonly name: Weight
  readonly font: Font
  readonly file: TrueTypeFile
  /** The font's own measures, read once: units an em, and what a font descriptor says, in units. */
  readonly metrics: FaceMetrics
  private readonly known = new Map<string, Cluster>()
  private readonly widths = new Map<string, number>()
  private readonly lines = new Map<string, ReadonlyArray<Run>>()
  private readonly others: FallbackFonts

  constructor(name: Weight, font: Font, file: TrueTypeFile, others: FallbackFonts) {
    this.key = name
    this.name = name
    this.others = others
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

  /** Whether this font prints the letter right. */
  writes(letter: string): boolean {
    return this.shape(letter).every(({ marks }) => marks.every(({ missing }) => !missing))
  }

  /** The mark for a letter that no font has: a box, which means what was written. */
  box(letter: string): Cluster {
    return { marks: [this.absent(letter.codePointAt(0)!)], text: letter.toWellFormed() }
  }

  /** Whether this font has all of a text, as it has of most. */
  hasAll(text: string): boolean {
    if (plain.test(text)) return true
    const [only, ...others] = this.runs(text)
    return only === undefined || (others.length === 0 && only.font === this && only.text === text)
  }

  /** A line as runs of one font each, from left to right: one run where this font has all of it. */
  runs(text: string, direction?: Direction): ReadonlyArray<Run> {
    if (plain.test(text)) return [{ font: this, clusters: this.shape(text), text }]
    const key = direction === undefined ? text : `${direction} ${text}`
    const known = this.lines.get(key)
    if (known !== undefined) return known
    const { asked } = this.others
    const made = this.writes(text)
      ? [{ font: this, clusters: this.shape(text), text }]
      : runsOf(cleanShaped(text), this, this.others.finder(this.name), direction)
    if (asked !== this.others.asked) return made
    if (this.lines.size >= remembered) this.lines.clear()
    this.lines.set(key, made)
    return made
  }

  /** Width of a text in points. */
  width(text: string, size: number): number {
    return ((this.widths.get(text) ?? this.measure(text)) / this.metrics.unitsPerEm) * size
  }

  private measure(text: string): number {
    let units = 0
    const { asked } = this.others
    const runs = plain.test(text) ? [{ font: this, clusters: this.shape(text) }] : this.runs(text)
    for (const { clusters, font } of runs) {
      const scale = this.metrics.unitsPerEm / font.metrics.unitsPerEm
      for (const { marks } of clusters) for (const mark of marks) units += mark.advance * scale
    }
    if (asked !== this.others.asked) return units
    if (this.widths.size >= remembered) this.widths.clear()
    this.widths.set(text, units)
    return units
  }

  /** The characters of a text that no font can write, each once. */
  missing(text: string): ReadonlyArray<string> {
    if (plain.test(text)) return []
    const found = new Set<string>()
    for (const { clusters } of this.runs(text)) {
      for (const { marks } of clusters) {
        for (const mark of marks) if (mark.missing) found.add(String.fromCodePoint(mark.codePoint))
      }
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

  private mark(glyph: FontGlyph | null, codePoint: number): Mark {
    if (glyph === null) throw new Error(`${this.font.postscriptName} has no glyph 0`)
    return { glyph, codePoint, advance: glyph.advanceWidth, dx: 0, dy: 0, missing: false }
  }
}

const require = createRequire(import.meta.url)

const loadFace = Effect.fn("Fonts.loadFace")(function* (name: Weight, file: string, others: FallbackFonts) {
  const fs = yield* FileSystem.FileSystem
  const bytes = yield* fs.readFile(require.resolve(`@expo-google-fonts/noto-sans/${file}`))
  const font = create(bytes)
  if (!("layout" in font)) return yield* Effect.die(new Error(`${file} is a collection of fonts`))
  return new Face(name, font, new TrueTypeFile(bytes), others)
})

/** Both weights, as plain values for the renderers. */
export class Fonts extends Context.Service<Fonts, {
  readonly regular: Face
  readonly bold: Face
  /** What `draw` draws, once every font that it needs is read: `draw` runs again after each that was not. */
  readonly complete: <A>(draw: () => A) => Effect.Effect<A>
}>()("guichet/print/pdf/Fonts") {
  /** Read from the installed font packages: no network, read permission alone. */
  static readonly layer: Layer.Layer<Fonts, PlatformError, FileSystem.FileSystem> = Layer.effect(
    Fonts,
    Effect.gen(function* () {
      const others = new FallbackFonts(yield* FileSystem.FileSystem)
      return {
        regular: yield* loadFace("regular", "400Regular/NotoSans_400Regular.ttf", others),
        bold: yield* loadFace("bold", "700Bold/NotoSans_700Bold.ttf", others),
        complete: (draw) => others.complete(draw)
      }
    })
  )
}
