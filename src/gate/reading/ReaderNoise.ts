/** What readers and their settings put around what they read, and what is no part of it. */

/** Separators, control and format characters, also as pictures: STX and ETX, GS, NUL, a BOM, tabs, ends of lines, spaces. */
const noise = /[\p{Cc}\p{Cf}\p{Z}\s\u2400-\u2426]/u

/** The symbology identifier of ISO/IEC 15424, such as `]Q1`, and the ECI that may follow it, such as `\000026`. */
const identifier = /^\][A-Za-z][0-9A-Za-z]/
const interpretation = /^\\\d{6}/

const withoutNoise = (text: string): string => {
  let from = 0
  let to = text.length
  while (from < to && noise.test(text[from]!)) from++
  while (to > from && noise.test(text[to - 1]!)) to--
  return from === 0 && to === text.length ? text : text.slice(from, to)
}

/** The text without what a reader adds before and after it: one identifier, with noise on either side. */
export const withoutReaderNoise = (text: string): string => {
  const bare = withoutNoise(text)
  if (!bare.startsWith("]")) return bare
  const data = withoutNoise(bare.replace(identifier, ""))
  return data.startsWith("\\") ? withoutNoise(data.replace(interpretation, "")) : data
}
