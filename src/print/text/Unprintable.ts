/** What is said of characters that no font can print: a box stands for each, nothing else changes. */

/** More are not listed: a text of nothing else is as clear. */
const most = 20

const codePoint = (glyph: string) =>
  `U+${(glyph.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`

/** The characters as code points, each once, twenty at most; control characters would not survive as they are. */
export const codePointsOf = (glyphs: ReadonlyArray<string>): ReadonlyArray<string> =>
  glyphs.slice(0, most).map(codePoint)

/** The same as a sentence, for whoever reads a job or a log; null when everything was printed. */
export const unprintableReason = (glyphs: ReadonlyArray<string>): string | null =>
  glyphs.length === 0 ? null : `unprintable: a box is printed for ${codePointsOf(glyphs).join(" ")}`
