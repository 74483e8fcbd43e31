/** Where a text may be cut: between what its readers call letters, and where its language breaks a line. */

/** Written as it is: composed, left to right, and without a character that prints nothing. */
export const plain = /^[ -~\u00a0-\u00ac\u00ae-\u017f\u0400-\u045f\u2010-\u2026\u202f\u20ac]*$/

const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" })
const breaks = new Intl.Segmenter("und", { granularity: "word" })

/** The letters of a text, each with its accents; an emoji of several characters is one. */
export const letters = (text: string): ReadonlyArray<string> =>
  plain.test(text) ? [...text] : Array.from(graphemes.segment(text), ({ segment }) => segment)

/** Scripts that put no space between words. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

/** What never begins a line: closing brackets, stops, and what belongs to the letter before it. */
const closing = /^[\p{Pe}\p{Pf}\p{M}\p{Lm}!%,.:;?、。，．：；？！ー…‥・～々゛゜]/u
/** What never ends one. */
const opening = /[\p{Ps}\p{Pi}]$/u

/** The parts of a word between which a line may break; one part for a script that separates its words by spaces. */
export const parts = (word: string): ReadonlyArray<string> => {
  if (plain.test(word) || !unspaced.test(word)) return [word]
  const found: Array<string> = []
  for (const { segment } of breaks.segment(word)) {
    const last = found.at(-1)
    if (last !== undefined && (closing.test(segment) || opening.test(last))) {
      found[found.length - 1] = last + segment
    } else found.push(segment)
  }
  return found
}
