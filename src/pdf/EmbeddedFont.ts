/** A face inside one document: the glyphs that its texts use, and no others (ISO 32000-1 §9.7, §9.10.3). */
import { type PDFContext, type PDFRef, PDFString } from "@cantoo/pdf-lib"
import { createHash } from "node:crypto"
import { deflateSync } from "node:zlib"
import type { Face, Mark } from "./Fonts.ts"

const hex = (value: number): string => value.toString(16).padStart(4, "0")

const utf16 = (codePoint: number): string =>
  [...String.fromCodePoint(codePoint).split("")].map((unit) => hex(unit.charCodeAt(0))).join("")

/** Turns text into glyph codes of the subset, then writes the font objects. */
export class EmbeddedFont {
  readonly face: Face
  readonly missing = new Set<string>()
  private readonly subset
  private readonly used = new Map<number, Mark>()
  private readonly codes = new Map<number, string>()

  constructor(face: Face) {
    this.face = face
    this.subset = face.font.createSubset()
  }

  /**
   * The operand of a `Tj`; characters without a glyph print as the font's own "missing" box and are
   * remembered.
   */
  encode(text: string): string {
    let codes = ""
    for (const mark of this.face.shape(text)) {
      if (mark.missing) this.missing.add(String.fromCodePoint(mark.codePoint))
      let code = this.codes.get(mark.glyph.id)
      if (code === undefined) {
        const id = this.subset.includeGlyph(mark.glyph.id)
        code = hex(id)
        this.codes.set(mark.glyph.id, code)
        this.used.set(id, mark)
      }
      codes += code
    }
    return `<${codes}>`
  }

  /** Writes the font under a reference; called when every text is encoded. */
  write(context: PDFContext, ref: PDFRef): void {
    const { font } = this.face
    const scale = 1000 / font.unitsPerEm
    const bytes = this.subset.encode()
    const name = `${this.tag()}+${font.postscriptName ?? this.face.name}`
    const { minX, minY, maxX, maxY } = font.bbox
    const file = context.register(
      context.stream(deflateSync(bytes), { Filter: "FlateDecode", Length1: bytes.length })
    )
    const descriptor = context.register(context.obj({
      Type: "FontDescriptor",
      FontName: name,
      Flags: 4,
      FontBBox: [minX * scale, minY * scale, maxX * scale, maxY * scale],
      ItalicAngle: font.italicAngle,
      Ascent: font.ascent * scale,
      Descent: font.descent * scale,
      CapHeight: font.capHeight * scale,
      XHeight: font.xHeight * scale,
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
      W: ids.flatMap((id) => [id, [Math.round(this.used.get(id)!.advance * scale)]])
    }))
    const unicode = context.register(
      context.stream(deflateSync(Buffer.from(this.toUnicode(ids), "latin1")), { Filter: "FlateDecode" })
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
      const lines = part.map((id) => `<${hex(id)}> <${utf16(this.used.get(id)!.codePoint)}>`)
      sections.push(`${part.length} beginbfchar\n${lines.join("\n")}\nendbfchar`)
    }
    return "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
      "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
      "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
      "1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n" +
      `${sections.join("\n")}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n`
  }
}
