/** What a text ends with, cut off in one look at it: a regular expression for it, `/x+$/`, is quadratic. */

/** The text without the marks that it ends with; a mark is one character. */
export const trimEnd = (text: string, mark: string): string => {
  let end = text.length
  while (end > 0 && text[end - 1] === mark) end--
  return text.slice(0, end)
}
