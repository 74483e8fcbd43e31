/** Glyphs of a face as the font of a PDF document (ISO 32000-1 §9.7, §9.10.3). */
import { type PDFArray, PDFContext, PDFName, type PDFRef, PDFString } from "@cantoo/pdf-lib"
import { createHash } from "node:crypto"
import { compress } from "./Deflate.ts"
import type { Mark, Typeface } from "../text/Typeface.ts"
import { TrueTypeSubset } from "./TrueTypeSubset.ts"

/** What documents write of a font; belongs to none of them. */
export interface FontProgram {
  readonly name: string
  readonly file: Uint8Array
  readonly length: number
  /** `W` of the font: the widths from code 1 on. */
  readonly widths: PDFArray
  readonly unicode: Uint8Array
}

/** For objects that many documents write; pdf-lib wants each to be made by some document. */
const loose = PDFContext.create()

/** A code of two bytes, as hexadecimal digits. */
const hex = (code: number): string => code.toString(16).padStart(4, "0")

/** A text in UTF-16BE, as hexadecimal digits. */
const utf16 = (text: string): string => Buffer.from(text, "utf16le").swap16().toString("hex")

/** Codes that count up together with their code points; only a last byte may count (§9.10.3). */
interface Range {
  readonly from: number
  length: number
  /** What the first code means: several characters stand alone. */
  readonly text: string
  readonly codePoint: number | undefined
}

/** Codes from 1 on by what their glyphs mean; one that means nothing is in no range. */
const rangesOf = (marks: ReadonlyArray<Mark>): ReadonlyArray<Range> => {
  const ranges: Array<Range> = []
  marks.forEach(({ codePoint, says }, at) => {
    if (says !== undefined) {
      if (says !== "") ranges.push({ from: at + 1, length: 1, text: says, codePoint: undefined })
      return
    }
    const last = ranges.at(-1)
    const follows = last?.codePoint !== undefined && codePoint === last.codePoint + last.length &&
      last.from + last.length === at + 1 && (codePoint & 0xff) !== 0 && ((at + 1) & 0xff) !== 0
    if (follows) last.length++
    else ranges.push({ from: at + 1, length: 1, text: String.fromCodePoint(codePoint), codePoint })
  })
  return ranges
}

const meaningOf = ({ codePoint, says }: Mark): string => says ?? String.fromCodePoint(codePoint)

/** Glyphs of one face, numbered from 1 in the order in which they were chosen. */
export class GlyphChoice {
  private readonly face: Typeface
  private readonly subset: TrueTypeSubset
  private readonly codes = new Map<number, string>()
  private readonly meanings = new Map<number, string>()
  private readonly marks: Array<Mark> = []

  constructor(face: Typeface) {
    this.face = face
    this.subset = new TrueTypeSubset(face.file)
  }

  /** The code that shows the glyph of a mark, in hexadecimal; 0 for what is missing. */
  code(mark: Mark): string {
    const known = this.codes.get(mark.glyph.id)
    if (known !== undefined) return known
    const id = this.subset.includeGlyph(mark.glyph.id)
    const code = hex(id)
    this.codes.set(mark.glyph.id, code)
    this.meanings.set(mark.glyph.id, meaningOf(mark))
    if (id > 0) this.marks.push(mark)
    return code
  }

  /** Whether readers of the document take the chosen glyph for what this mark means: one glyph may mean two things. */
  means(mark: Mark): boolean {
    return this.meanings.get(mark.glyph.id) === meaningOf(mark)
  }

  /** The font of the glyphs chosen so far; the more effort, the smaller it is. */
  program(effort: "quick" | "thorough"): FontProgram {
    const { postscriptName, unitsPerEm } = this.face.metrics
    const file = this.subset.encode()
    const widths = this.marks.map(({ glyph }) => Math.round((glyph.advanceWidth * 1000) / unitsPerEm))
    return {
      name: `${this.tag()}+${postscriptName}`,
      file: compress(file, effort),
      length: file.length,
      widths: loose.obj(widths.length === 0 ? [] : [1, widths]),
      unicode: compress(this.toUnicode(), effort)
    }
  }

  /**
   * Six capitals that name this choice of glyphs; the same texts give the same bytes. Three of them never change:
   * pdf-lib keeps each name that it writes as long as the process lives.
   */
  private tag(): string {
    const digest = createHash("sha256").update([...this.codes.keys()].join(" ")).digest()
    return `GUI${String.fromCharCode(...digest.subarray(0, 3).map((byte) => 65 + (byte % 26)))}`
  }

  private toUnicode(): string {
    const lines = rangesOf(this.marks).map(({ from, length, text }) =>
      `<${hex(from)}> <${hex(from + length - 1)}> <${utf16(text)}>`
    )
    const sections: Array<string> = []
    for (let first = 0; first < lines.length; first += 100) {
      const part = lines.slice(first, first + 100)
      sections.push(`${part.length} beginbfrange\n${part.join("\n")}\nendbfrange`)
    }
    return "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
      "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
      "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
      "1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n" +
      `${sections.join("\n")}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n`
  }
}

/** Adds a font of a face to a document. */
export const addFont = (document: PDFContext, face: Typeface, program: FontProgram): PDFRef => {
  const { metrics } = face
  const scaled = (units: number): number => (units * 1000) / metrics.unitsPerEm
  const BaseFont = PDFName.of(program.name)
  const stream = (bytes: Uint8Array, entries: { readonly Length1?: number } = {}) =>
    document.register(document.stream(bytes, { Filter: "FlateDecode", ...entries }))
  const descriptor = document.register(document.obj({
    Type: "FontDescriptor",
    FontName: BaseFont,
    Flags: 4,
    FontBBox: metrics.box.map(scaled),
    ItalicAngle: metrics.italicAngle,
    Ascent: scaled(metrics.ascent),
    Descent: scaled(metrics.descent),
    CapHeight: scaled(metrics.capHeight),
    XHeight: scaled(metrics.xHeight),
    StemV: face.name === "bold" ? 140 : 80,
    FontFile2: stream(program.file, { Length1: program.length })
  }))
  const descendant = document.register(document.obj({
    Type: "Font",
    Subtype: "CIDFontType2",
    BaseFont,
    CIDToGIDMap: "Identity",
    CIDSystemInfo: { Registry: PDFString.of("Adobe"), Ordering: PDFString.of("Identity"), Supplement: 0 },
    FontDescriptor: descriptor,
    DW: 600,
    W: program.widths
  }))
  return document.register(document.obj({
    Type: "Font",
    Subtype: "Type0",
    BaseFont,
    Encoding: "Identity-H",
    DescendantFonts: [descendant],
    ToUnicode: stream(program.unicode)
  }))
}
