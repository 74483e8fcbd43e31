/** A font of one script, shaped by HarfBuzz: joined letters, vowels before their consonant, marks on their anchors. */
import type * as HarfBuzz from "harfbuzzjs"
import type { Cluster, FaceMetrics, FallbackFont, Mark, Weight } from "../text/Typeface.ts"
import { TrueTypeFile } from "./TrueTypeSubset.ts"

/** The library, which a process reads when it first meets a text that needs it. */
export type Shaper = typeof HarfBuzz

const metricsOf = (file: TrueTypeFile, postscriptName: string): FaceMetrics => {
  const [head, hhea, os2, post] = ["head", "hhea", "OS/2", "post"].map((tag) => file.viewOf(tag))
  return {
    postscriptName,
    unitsPerEm: head!.getUint16(18),
    ascent: hhea!.getInt16(4),
    descent: hhea!.getInt16(6),
    capHeight: os2!.getInt16(88),
    xHeight: os2!.getInt16(86),
    italicAngle: post!.getInt32(4) / 65_536,
    box: [36, 38, 40, 42].map((at) => head!.getInt16(at))
  }
}

const meaningOf = ({ codePoint, says }: Mark): string => says ?? String.fromCodePoint(codePoint)

/** One glyph in its place, which means all of the letter: readers need no more. */
const isSaid = ([only, ...others]: ReadonlyArray<Mark>, said: string): boolean =>
  only !== undefined && others.length === 0 && only.dx === 0 && only.dy === 0 &&
  only.advance === only.glyph.advanceWidth && meaningOf(only) === said

/** A TrueType file with its shaping tables. */
export class ShapedFont implements FallbackFont {
  readonly key: string
  readonly name: Weight
  readonly metrics: FaceMetrics
  readonly file: TrueTypeFile
  private readonly shaper: Shaper
  private readonly font: HarfBuzz.Font
  private readonly buffer: HarfBuzz.Buffer
  private readonly points: ReadonlySet<number>
  /** The code point that each glyph is drawn for by itself, where that is one. */
  private readonly nominal = new Map<number, number>()

  constructor(shaper: Shaper, key: string, name: Weight, postscriptName: string, bytes: Uint8Array) {
    this.key = key
    this.name = name
    this.shaper = shaper
    this.file = new TrueTypeFile(bytes)
    this.metrics = metricsOf(this.file, postscriptName)
    const face = new shaper.Face(new shaper.Blob(bytes))
    this.font = new shaper.Font(face)
    this.buffer = new shaper.Buffer()
    this.points = new Set(face.collectUnicodes())
  }

  has(codePoint: number): boolean {
    return this.points.has(codePoint)
  }

  shape(text: string, rightToLeft: boolean): ReadonlyArray<Cluster> {
    const { buffer, shaper } = this
    buffer.reset()
    buffer.addText(text)
    buffer.setDirection(rightToLeft ? shaper.Direction.RTL : shaper.Direction.LTR)
    buffer.guessSegmentProperties()
    shaper.shape(this.font, buffer)
    const glyphs = buffer.getGlyphInfos()
    const positions = buffer.getGlyphPositions()
    const starts = [...new Set(glyphs.map(({ cluster }) => cluster))].sort((one, other) => one - other)
    const ends = new Map(starts.map((start, at) => [start, starts[at + 1] ?? text.length]))
    const clusters: Array<{ start: number; marks: Array<Mark> }> = []
    glyphs.forEach(({ cluster, codepoint: id }, at) => {
      const said = text.slice(cluster, ends.get(cluster))
      const last = clusters.at(-1)
      const same = last?.start === cluster ? last : undefined
      const mark = this.mark(id, said, positions[at]!, same === undefined)
      if (same === undefined) clusters.push({ start: cluster, marks: [mark] })
      else same.marks.push(mark)
    })
    return clusters.map(({ marks, start }) => {
      const said = text.slice(start, ends.get(start))
      return { marks, rightToLeft, text: isSaid(marks, said) ? undefined : said }
    })
  }

  private mark(
    id: number,
    said: string,
    { xAdvance, xOffset, yOffset }: HarfBuzz.GlyphPosition,
    first: boolean
  ): Mark {
    const own = Array.from(said, (character) => character.codePointAt(0)!).find((point) =>
      this.nominalOf(point) === id
    )
    return {
      glyph: { id, advanceWidth: this.file.glyph(id).advance },
      codePoint: own ?? said.codePointAt(0) ?? 0,
      says: own !== undefined ? undefined : first ? said : "",
      advance: xAdvance,
      dx: xOffset,
      dy: yOffset,
      missing: id === 0
    }
  }

  private nominalOf(point: number): number {
    const known = this.nominal.get(point)
    if (known !== undefined) return known
    const found = this.font.nominalGlyph(point) ?? 0
    this.nominal.set(point, found)
    return found
  }
}
