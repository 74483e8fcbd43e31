/** Cuts a character off the ends of a text, in linear time: `/-+$/` tries a run again from each of its characters. */

/** Without any of the characters that the text ends with. */
export const trimEnd = (text: string, character: string): string => {
  let end = text.length
  while (end > 0 && text[end - 1] === character) end--
  return text.slice(0, end)
}

/** Without any of them at either end. */
export const trimBoth = (text: string, character: string): string => {
  let start = 0
  while (text[start] === character) start++
  return trimEnd(text.slice(start), character)
}
