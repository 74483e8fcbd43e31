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

/** The glyph of one character; `missing` when the font cannot write it. */
export interface Mark {
  readonly glyph: Glyph
  readonly codePoint: number
  readonly advance: number
  readonly missing: boolean
}

/** Scripts that read correctly one glyph a character; a script that needs shaping counts as missing. */
const unshaped = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}\p{Script=Inherited}]/u

/** Composed accents, one line, and none of the characters that print nothing. */
const clean = (text: string): string =>
  text.normalize("NFC").replace(/[\t\n\v\f\r\u2028\u2029]+/g, " ").replace(
    /[\p{Cc}\p{Cf}\p{Variation_Selector}]/gu,
    ""
  )

/** One weight of the font, with the glyph of every character met so far. */
export class Face {
  readonly name: "regular" | "bold"
  readonly font: Font
  private readonly marks = new Map<number, Mark>()

  constructor(name: "regular" | "bold", font: Font) {
    this.name = name
    this.font = font
  }

  /** The glyphs of a text, in order. */
  shape(text: string): ReadonlyArray<Mark> {
    const marks: Array<Mark> = []
    for (const character of clean(text)) marks.push(this.mark(character))
    return marks
  }

  /** Width of a text in points. */
  width(text: string, size: number): number {
    let units = 0
    for (const mark of this.shape(text)) units += mark.advance
    return (units / this.font.unitsPerEm) * size
  }

  private mark(character: string): Mark {
    const codePoint = character.codePointAt(0)!
    const known = this.marks.get(codePoint)
    if (known !== undefined) return known
    const found = unshaped.test(character) && this.font.hasGlyphForCodePoint(codePoint)
    const glyph = found ? this.font.glyphForCodePoint(codePoint) : this.font.getGlyph(0)
    if (glyph === null) throw new Error(`${this.font.postscriptName} has no glyph 0`)
    const mark = { glyph, codePoint, advance: glyph.advanceWidth, missing: !found }
    this.marks.set(codePoint, mark)
    return mark
  }
}

const require = createRequire(import.meta.url)

const loadFace = Effect.fn("Fonts.loadFace")(function* (name: "regular" | "bold", file: string) {
  const fs = yield* FileSystem.FileSystem
  const bytes = yield* fs.readFile(require.resolve(`@expo-google-fonts/noto-sans/${file}`))
  const font = create(bytes)
  if (!("layout" in font)) return yield* Effect.die(new Error(`${file} is a collection of fonts`))
  return new Face(name, font)
})

/** Both weights, as plain values for the renderers. */
export class Fonts extends Context.Service<Fonts, {
  readonly regular: Face
  readonly bold: Face
}>()("guichet/pdf/Fonts") {
  /** Read from the installed font package: no network, read permission alone. */
  static readonly layer: Layer.Layer<Fonts, PlatformError, FileSystem.FileSystem> = Layer.effect(
    Fonts,
    Effect.all({
      regular: loadFace("regular", "400Regular/NotoSans_400Regular.ttf"),
      bold: loadFace("bold", "700Bold/NotoSans_700Bold.ttf")
    })
  )
}
