/** A face inside one document: the glyphs that its texts use, and no others (ISO 32000-1 §9.7, §9.10.3). */
import { type PDFContext, type PDFRef, PDFString } from "@cantoo/pdf-lib"
import { createHash } from "node:crypto"
import { compress } from "./Deflate.ts"
import type { Face, Mark } from "./Fonts.ts"
import { TrueTypeSubset } from "./TrueTypeSubset.ts"

const hex = (value: number): string => value.toString(16).padStart(4, "0")

const utf16 = (text: string): string => text.split("").map((unit) => hex(unit.charCodeAt(0))).join("")

/** Turns text into the operators that show it with the subset's glyphs, then writes the font objects. */
export class EmbeddedFont {
  readonly face: Face
  readonly missing = new Set<string>()
  private readonly subset: TrueTypeSubset
  private readonly used = new Map<number, Mark>()
  private readonly codes = new Map<number, string>()

  constructor(face: Face) {
    this.face = face
    this.subset = new TrueTypeSubset(face.file)
  }

  /**
   * The operators that show a text of a size; letters without a glyph show the font's "missing" box and are
   * remembered: their document is not for printing.
   */
  show(text: string, size: number): string {
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
      parts.push(`/Span <</ActualText <feff${utf16(spelled)}>>> BDC`)
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
    const known = this.codes.get(mark.glyph.id)
    if (known !== undefined) return known
    const id = this.subset.includeGlyph(mark.glyph.id)
    const code = hex(id)
    this.codes.set(mark.glyph.id, code)
    this.used.set(id, mark)
    return code
  }

  /** Writes the font under a reference; called when every text is encoded. */
  write(context: PDFContext, ref: PDFRef): void {
    const { metrics } = this.face
    const scale = 1000 / metrics.unitsPerEm
    const bytes = this.subset.encode()
    const name = `${this.tag()}+${metrics.postscriptName}`
    const file = context.register(
      context.stream(compress(bytes), { Filter: "FlateDecode", Length1: bytes.length })
    )
    const descriptor = context.register(context.obj({
      Type: "FontDescriptor",
      FontName: name,
      Flags: 4,
      FontBBox: metrics.box.map((side) => side * scale),
      ItalicAngle: metrics.italicAngle,
      Ascent: metrics.ascent * scale,
      Descent: metrics.descent * scale,
      CapHeight: metrics.capHeight * scale,
      XHeight: metrics.xHeight * scale,
      StemV: this.face.name === "bold" ? 140 : 80,
      FontFile2: file
    }))
    const ids = [...this.used.keys()].filter((id) => id > 0).sort((a, b) => a - b)
    const descendant = context.register(context.obj({
      Type: "Font",
      Subtype: "CIDFontType2",
      BaseFont: name,
      CIDToGIDMap: "Identity",
      CIDSystemInfo: { Registry: PDFString.of("Adobe"), Ordering: PDFString.of("Identity"), Supplement: 0 },
      FontDescriptor: descriptor,
      DW: 600,
      W: ids.flatMap((id) => [id, [Math.round(this.used.get(id)!.glyph.advanceWidth * scale)]])
    }))
    const unicode = context.register(
      context.stream(compress(this.toUnicode(ids)), { Filter: "FlateDecode" })
    )
    context.assign(
      ref,
      context.obj({
        Type: "Font",
        Subtype: "Type0",
        BaseFont: name,
        Encoding: "Identity-H",
        DescendantFonts: [descendant],
        ToUnicode: unicode
      })
    )
  }

  /** Six capitals that name this choice of glyphs; the same texts give the same bytes. */
  private tag(): string {
    const digest = createHash("sha256").update([...this.codes.keys()].join(" ")).digest()
    return String.fromCharCode(...digest.subarray(0, 6).map((byte) => 65 + (byte % 26)))
  }

  private toUnicode(ids: ReadonlyArray<number>): string {
    const sections: Array<string> = []
    for (let first = 0; first < ids.length; first += 100) {
      const part = ids.slice(first, first + 100)
      const lines = part.map((id) =>
        `<${hex(id)}> <${utf16(String.fromCodePoint(this.used.get(id)!.codePoint))}>`
      )
      sections.push(`${part.length} beginbfchar\n${lines.join("\n")}\nendbfchar`)
    }
    return "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
      "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
      "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
      "1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n" +
      `${sections.join("\n")}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n`
  }
}
