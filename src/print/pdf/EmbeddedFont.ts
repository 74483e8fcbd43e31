/** A face inside one document: the prepared font when that has all of its glyphs, otherwise a font of just these. */
import { type PDFContext, PDFHexString, type PDFRef } from "@cantoo/pdf-lib"
import { addFont, GlyphChoice } from "./FontProgram.ts"
import type { Face, Mark } from "./Fonts.ts"
import { type PreparedFont, preparedFont } from "./PreparedFont.ts"

/** Turns a document's texts into the operators that show them, then adds the font to it. */
export class EmbeddedFont {
  readonly face: Face
  readonly missing = new Set<string>()
  private readonly prepared: PreparedFont | undefined
  private readonly choice: GlyphChoice

  /** `texts` are all that the document shows in this face: they alone decide which font it is. */
  constructor(face: Face, texts: ReadonlyArray<string>) {
    const prepared = preparedFont(face)
    this.face = face
    this.prepared = texts.every((text) => prepared.encode(text) !== undefined) ? prepared : undefined
    this.choice = new GlyphChoice(face)
  }

  /**
   * The operators that show a text of a size; letters without a glyph show the font's "missing" box and are
   * remembered: their document is not for printing.
   */
  show(text: string, size: number): string {
    if (this.prepared !== undefined) {
      const codes = this.prepared.encode(text)
      if (codes === undefined) throw new RangeError("A text is shown that the font was not made for")
      return `<${codes}> Tj`
    }
    const parts: Array<string> = []
    let codes = ""
    const flush = () => {
      if (codes !== "") parts.push(`<${codes}> Tj`)
      codes = ""
    }
    for (const { marks, text: spelled } of this.face.shape(text)) {
      if (spelled === undefined) {
        for (const mark of marks) codes += this.code(mark)
        continue
      }
      flush()
      parts.push(`/Span <</ActualText ${PDFHexString.fromText(spelled)}>> BDC`)
      parts.push(...marks.map((mark) => this.showMoved(mark, size)), this.showEnd(), "EMC")
    }
    flush()
    return parts.join(" ")
  }

  /** `TJ` counts in thousandths of the size, to the left; `Ts` in points. */
  private showMoved(mark: Mark, size: number): string {
    const { unitsPerEm } = this.face.metrics
    const left = (units: number) => String(Math.round((-units * 1000) / unitsPerEm))
    const back = mark.advance - mark.dx - mark.glyph.advanceWidth
    const rise = Math.round((mark.dy / unitsPerEm) * size * 1000) / 1000
    const shown = `[${left(mark.dx)} <${this.code(mark)}> ${left(back)}] TJ`
    return rise === 0 ? shown : `${rise} Ts ${shown} 0 Ts`
  }

  /** A space that ends where the letter ends: readers take the last glyph of a span for its end. */
  private showEnd(): string {
    return this.face.shape(" ").flatMap(({ marks }) => marks)
      .map((space) => this.showMoved({ ...space, dx: -space.advance, advance: 0 }, 0)).join("")
  }

  private code(mark: Mark): string {
    if (mark.missing) this.missing.add(String.fromCodePoint(mark.codePoint))
    return this.choice.code(mark)
  }

  /** Adds the font to the document; called when every text is encoded. */
  add(document: PDFContext): PDFRef {
    return addFont(document, this.face, this.prepared?.program ?? this.choice.program("quick"))
  }
}
