/**
 * A face's glyphs for Western Europe, subset and compressed once a process: most documents use no others, and a font
 * of their own would cost more than all that they draw.
 */
import { type FontProgram, GlyphChoice } from "./FontProgram.ts"
import type { Mark } from "../text/Typeface.ts"
import type { Face } from "./Fonts.ts"

/**
 * ASCII; what French, German, Dutch, Spanish, Catalan, Portuguese, Italian, Danish, Norwegian, Swedish and Finnish add to
 * it; what our own words, dates and amounts are set with. Both faces take 18 KB of every document: think before you add.
 */
const prepared = String.fromCodePoint(...Array.from({ length: 95 }, (_, at) => 0x20 + at)) +
  "\u00a0¡£©«°·»¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿŒœŸ–—‘’“”•…\u202f€"

/** A font that many documents share. */
export class PreparedFont {
  readonly program: FontProgram
  private readonly face: Face
  /** By code point; the last of them is the euro. */
  private readonly codes: ReadonlyArray<string | undefined>

  constructor(face: Face) {
    const choice = new GlyphChoice(face)
    const codes: Array<string | undefined> = Array.from({ length: 0x20ad }, () => undefined)
    for (const { marks } of face.shape(prepared)) {
      for (const mark of marks) if (!mark.missing) codes[mark.codePoint] = choice.code(mark)
    }
    this.face = face
    this.codes = codes
    this.program = choice.program("thorough")
  }

  /** The codes of a text's glyphs, in hexadecimal; none when one of them is not in the font. */
  encode(text: string): string | undefined {
    let encoded = ""
    for (let at = 0; at < text.length; at++) {
      const code = this.codes[text.charCodeAt(at)]
      if (code === undefined) return this.encodeShaped(text)
      encoded += code
    }
    return encoded
  }

  /** The code of a mark, in hexadecimal: 0 is the box for what is missing; none when the font has not its letter. */
  code({ codePoint, missing }: Mark): string | undefined {
    return missing ? "0000" : this.codes[codePoint]
  }

  /** Letters that were written in parts, and what prints nothing. */
  private encodeShaped(text: string): string | undefined {
    let encoded = ""
    for (const { marks, text: spelled } of this.face.shape(text)) {
      for (const mark of marks) {
        const code = spelled === undefined && !mark.missing ? this.codes[mark.codePoint] : undefined
        if (code === undefined) return undefined
        encoded += code
      }
    }
    return encoded
  }
}

const made = new WeakMap<Face, PreparedFont>()

/** The prepared font of a face, made when it is first asked for. */
export const preparedFont = (face: Face): PreparedFont => {
  const known = made.get(face) ?? new PreparedFont(face)
  made.set(face, known)
  return known
}
