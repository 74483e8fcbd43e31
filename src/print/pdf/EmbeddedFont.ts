/** A font inside one document: our face, prepared when that has all of its glyphs, or a font of just the glyphs shown. */
import { type PDFContext, PDFHexString, type PDFRef } from "@cantoo/pdf-lib"
import type { Cluster, FallbackFont, Mark, Typeface } from "../text/Typeface.ts"
import { addFont, GlyphChoice } from "./FontProgram.ts"
import type { Face } from "./Fonts.ts"
import { type PreparedFont, preparedFont } from "./PreparedFont.ts"

/** Turns glyphs into the operators that show them. */
abstract class ShownFont {
  readonly typeface: Typeface

  constructor(typeface: Typeface) {
    this.typeface = typeface
  }

  /** The code that shows a mark, in hexadecimal. */
  protected abstract code(mark: Mark): string
  /** Whether a reader takes the mark's code for what the mark means. */
  protected abstract says(mark: Mark): boolean
  /** A space without its width. */
  protected abstract readonly space: Mark | undefined
  /** Adds the font to the document; called when every text is encoded. */
  abstract add(document: PDFContext): PDFRef

  /** The operators that show these letters at a size. */
  showClusters(clusters: ReadonlyArray<Cluster>, size: number): string {
    const parts: Array<string> = []
    let codes = ""
    const flush = () => {
      if (codes !== "") parts.push(`<${codes}> Tj`)
      codes = ""
    }
    for (const { marks, rightToLeft, text: spelled } of clusters) {
      const shown = marks.map((mark) => this.code(mark)).join("")
      if (spelled === undefined && marks.every((mark) => mark.missing || this.says(mark))) codes += shown
      else {
        flush()
        const text = spelled ?? marks.map(({ codePoint }) => String.fromCodePoint(codePoint)).join("")
        const characters = rightToLeft === true ? Array.from(text).toReversed() : [text]
        parts.push(...this.showSpelled(marks, characters, size))
      }
    }
    flush()
    return parts.join(" ")
  }

  /**
   * Glyphs that mean something together. Readers put right-to-left text in order by where it stands, and would turn what
   * they are given as one: there each character has its share of the width, and the last one all of the glyphs.
   */
  private showSpelled(
    marks: ReadonlyArray<Mark>,
    characters: ReadonlyArray<string>,
    size: number
  ): ReadonlyArray<string> {
    const width = marks.reduce((sum, { advance }) => sum + advance, 0)
    const share = width / characters.length
    return characters.flatMap((character, at) => {
      const last = at === characters.length - 1
      return [
        `/Span <</ActualText ${PDFHexString.fromText(character)}>> BDC`,
        this.showEdge(at * share, 0),
        ...(last ? marks.map((mark) => this.showMoved(mark, size)) : []),
        last ? this.showEdge(0, 1) : this.showEdge((at + 1) * share, 1),
        "EMC"
      ]
    })
  }

  /** `TJ` counts in thousandths of the size, to the left; `Ts` in points. */
  private showMoved(mark: Mark, size: number): string {
    const { unitsPerEm } = this.typeface.metrics
    const left = (units: number) => String(Math.round((-units * 1000) / unitsPerEm))
    const back = mark.advance - mark.dx - mark.glyph.advanceWidth
    const rise = Math.round((mark.dy / unitsPerEm) * size * 1000) / 1000
    const shown = `[${left(mark.dx)} <${this.code(mark)}> ${left(back)}] TJ`
    return rise === 0 ? shown : `${rise} Ts ${shown} 0 Ts`
  }

  /**
   * A space that begins, or with `ends` 1 ends, so far from the pen, and does not move it: readers take the first and the
   * last glyph of a span for its edges.
   */
  private showEdge(distance: number, ends: 0 | 1): string {
    const { space } = this
    if (space === undefined) return ""
    return this.showMoved({ ...space, dx: distance - ends * space.advance, advance: 0 }, 0)
  }
}

/** Our own face in a document. */
export class EmbeddedFont extends ShownFont {
  readonly face: Face
  private readonly prepared: PreparedFont | undefined
  private readonly choice: GlyphChoice
  protected readonly space: Mark | undefined

  /** `texts` are all that the document shows in this face: they alone decide which font it is. */
  constructor(face: Face, texts: ReadonlyArray<string>) {
    super(face)
    const prepared = preparedFont(face)
    this.face = face
    this.prepared = texts.every((text) => prepared.encode(text) !== undefined) ? prepared : undefined
    this.choice = new GlyphChoice(face)
    this.space = face.shape(" ")[0]?.marks[0]
  }

  /** The operators that show a text of a size. */
  show(text: string, size: number): string {
    if (this.prepared === undefined) return this.showClusters(this.face.shape(text), size)
    const codes = this.prepared.encode(text)
    if (codes === undefined) throw new RangeError("A text is shown that the font was not made for")
    return `<${codes}> Tj`
  }

  protected code(mark: Mark): string {
    if (this.prepared === undefined) return this.choice.code(mark)
    const code = this.prepared.code(mark)
    if (code === undefined) throw new RangeError("A letter is shown that the font was not made for")
    return code
  }

  protected says(): boolean {
    return true
  }

  add(document: PDFContext): PDFRef {
    return addFont(document, this.face, this.prepared?.program ?? this.choice.program("quick"))
  }
}

/** A font that stands in for ours, in a document. */
export class EmbeddedFallback extends ShownFont {
  private readonly choice: GlyphChoice
  protected readonly space: Mark | undefined

  constructor(typeface: FallbackFont) {
    super(typeface)
    this.choice = new GlyphChoice(typeface)
    this.space = typeface.has(0x20) ? typeface.shape(" ", false)[0]?.marks[0] : undefined
  }

  protected code(mark: Mark): string {
    return this.choice.code(mark)
  }

  protected says(mark: Mark): boolean {
    return this.choice.means(mark)
  }

  add(document: PDFContext): PDFRef {
    return addFont(document, this.typeface, this.choice.program("quick"))
  }
}
