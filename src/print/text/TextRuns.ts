/**
 * A line of any script as runs of one font each, in the order in which they stand from left to right: the characters
 * that our own font has not are looked for in others, letter by letter; right-to-left text is put in order (UAX #9).
 */
import bidiFactory from "bidi-js"
import { asksForEmoji, emoji, type FontPack, packsFor } from "./FontPacks.ts"
import { letters } from "./Letters.ts"
import type { Cluster, FallbackFont, Typeface } from "./Typeface.ts"

/** Which way a line reads; without one, its first letter that has a direction decides. */
export type Direction = "ltr" | "rtl"

/** Our own font: all that is left to right and needs no shaping. */
export interface OwnFont extends Typeface {
  /** Whether the letter is printed right by this font alone. */
  readonly writes: (letter: string) => boolean
  readonly shape: (text: string) => ReadonlyArray<Cluster>
  /** The visible mark for a letter that no font has. */
  readonly box: (letter: string) => Cluster
}

/** Null for a font that cannot be read; `undefined` for one that is to be read first: the text is then set again. */
export type FindFont = (pack: FontPack, codePoint: number) => FallbackFont | null | undefined

/** Letters of one font; `text` when our own font says it as it stands. */
export interface Run {
  readonly font: Typeface
  readonly clusters: ReadonlyArray<Cluster>
  readonly text?: string | undefined
}

interface Piece {
  readonly text: string
  readonly level: number
  /** None for a letter that no font has. */
  readonly font: OwnFont | FallbackFont | undefined
}

/** The package's types describe its module file, the runtimes load the other one, whose only export is the function. */
const bidi = (bidiFactory as unknown as typeof bidiFactory.default)()

/** Joiners and selectors shape a letter; they are not asked for in a font. */
const ignorable = /[\p{Default_Ignorable_Code_Point}\u{e0020}-\u{e007f}]/u

const needed = (letter: string): ReadonlyArray<number> => {
  const all = Array.from(letter, (character) => character.codePointAt(0)!)
  const seen = all.filter((point) => !ignorable.test(String.fromCodePoint(point)))
  return seen.length === 0 ? all : seen
}

/** The direction of a text: that of its first letter that has one. */
export const directionOf = (text: string): Direction =>
  (bidi.getEmbeddingLevels(text).paragraphs[0]?.level ?? 0) % 2 === 1 ? "rtl" : "ltr"

/** The first font that has all of a letter, so that its accents stay with it. */
const fontFor = (
  letter: string,
  packs: ReadonlyArray<FontPack>,
  find: FindFont
): FallbackFont | undefined => {
  const points = needed(letter)
  const first = String.fromCodePoint(points[0] ?? 0)
  for (const pack of packs) {
    if (!pack.writes.test(first)) continue
    const font = find(pack, points[0]!)
    if (font === undefined) return undefined
    if (font !== null && points.every((point) => font.has(point))) return font
  }
  return undefined
}

/** Which font writes which letter: our own wherever it can, the same font as long as it can. */
const pieces = (text: string, own: OwnFont, find: FindFont, levels: Uint8Array): ReadonlyArray<Piece> => {
  const packs = packsFor(text)
  const found: Array<Piece> = []
  const add = (letter: string, at: number, font: Piece["font"]) => {
    const level = levels[at]!
    const last = found.at(-1)
    if (last !== undefined && last.font === font && last.level === level && font !== undefined) {
      found[found.length - 1] = { ...last, text: last.text + letter }
    } else found.push({ text: letter, level, font })
  }
  const one = (letter: string): Piece["font"] => {
    if (asksForEmoji(letter)) {
      const picture = fontFor(letter, [emoji], find)
      if (picture !== undefined) return picture
    }
    return own.writes(letter) ? own : fontFor(letter, packs, find)
  }
  let at = 0
  for (const letter of letters(text)) {
    const font = one(letter)
    if (font !== undefined || [...letter].length === 1) add(letter, at, font)
    else {
      let inside = at
      for (const character of letter) {
        if (!ignorable.test(character)) add(character, inside, one(character))
        inside += character.length
      }
    }
    at += letter.length
  }
  return found
}

/** Rule L2: from the highest level to the lowest odd one, what stands together at that level or above is turned. */
const ordered = (found: ReadonlyArray<Piece>): ReadonlyArray<Piece> => {
  const line = [...found]
  const highest = Math.max(0, ...line.map(({ level }) => level))
  for (let level = highest; level > 0; level--) {
    for (let from = 0; from < line.length; from++) {
      let to = from
      while (to < line.length && line[to]!.level >= level) to++
      if (to > from) line.splice(from, to - from, ...line.slice(from, to).reverse())
      from = to
    }
  }
  return line
}

/** Our own letters inside a right-to-left text: spaces, stops and brackets, which face the other way. */
const turned = (text: string, own: OwnFont): Run => {
  const facing = letters(text).toReversed().map((letter) => {
    const mirrored = bidi.getMirroredCharacter(letter)
    return mirrored !== null && own.writes(mirrored) ? mirrored : letter
  }).join("")
  return { font: own, clusters: own.shape(facing), text: facing }
}

/** The runs of a line that was cleaned: composed, without line breaks and explicit directions. */
export const runsOf = (
  text: string,
  own: OwnFont,
  find: FindFont,
  direction?: Direction
): ReadonlyArray<Run> => {
  const { levels } = bidi.getEmbeddingLevels(text, direction)
  return ordered(pieces(text, own, find, levels)).flatMap(({ font, level, text }): ReadonlyArray<Run> => {
    if (font === undefined) return [{ font: own, clusters: [own.box(text)] }]
    const rightToLeft = level % 2 === 1
    if (font !== own) return [{ font, clusters: (font as FallbackFont).shape(text, rightToLeft) }]
    return [rightToLeft ? turned(text, own) : { font: own, clusters: own.shape(text), text }]
  })
}
