/** A ticket's code in every spelling that can mean only one: of people who type it, and of keyboards of other layouts. */
import { TicketCode } from "../../../rpc/values/TicketCode.ts"
import { azertyDigits, keysByLayouts } from "./KeyboardLayouts.ts"
import { withoutReaderNoise } from "./ReaderNoise.ts"

/** Dashes of every kind, the minus and the soft hyphen among them. */
const dashes = /[\p{Pd}\u00ad\u02d7\u2043\u2212_]+/gu

const between = /[\p{C}\p{Z}\s]+/gu

/** Letters of other scripts that look the same in print. */
const lookalikes = new Map(
  [..."АВСЕНІЈКМОРЅТХΑΒΕΖΗΙΚΜΝΟΡΤΧıİ"].map((char, at) => [char, "ABCEHIJKMOPSTXABEZHIKMNOPTXII"[at]!])
)

/** The value of a decimal digit of any script: each has its ten in a row. */
const digit = (char: string): string => {
  let zero = char.codePointAt(0)!
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--
  return String((char.codePointAt(0)! - zero) % 10)
}

/** One letter in capitals: `ß` is not two letters. */
const capital = (letter: string): string => {
  const upper = letter.toUpperCase()
  return upper.length === letter.length ? lookalikes.get(upper) ?? upper : letter
}

/** In capitals of our own script, with dashes and spaces of one kind. */
const folded = (text: string): string =>
  text.normalize("NFKC").replace(dashes, "-").replace(between, " ")
    .replace(/\p{L}/gu, capital).replace(
      /[^\p{ASCII}]/gu,
      (char) => /\p{Nd}/u.test(char) ? digit(char) : char
    )

/** What the alphabet of codes has no letter for. */
const meant = (part: string): string => part.replaceAll("O", "0").replace(/[IL]/g, "1")

const codeOf = (event: string, random: string): string | undefined => {
  const code = `TKT-${meant(event)}-${meant(random)}`
  return TicketCode.is(code) ? code : undefined
}

/** Dashes where we print them; spaces or dashes where we print them; neither, before the 16 characters that we make. */
const shapes: ReadonlyArray<(text: string) => RegExpExecArray | null> = [
  (text) => /^TKT-([0-9OIL]+)-([0-9A-Z-]+)$/.exec(text.replaceAll(" ", "").replace(/-+/g, "-")),
  (text) => /^TKT[ -]+([0-9OIL]+)[ -]+([0-9A-Z -]+)$/.exec(text),
  (text) => /^TKT([0-9OIL]+)([0-9A-Z]{16})$/.exec(text.replace(/[ -]+/g, ""))
]

/** Twice as long as the longest code that is typed with a space after each character. */
const longest = 128

/** The random part that we make has 16 characters; an older one may have more or fewer. */
const isOurs = (code: string): boolean => code.length - code.lastIndexOf("-") === 17

/** The code that a person means; undefined when the text is none. */
export const spelledCode = (text: string): string | undefined => {
  if (text.length > longest) return undefined
  const line = folded(text)
  const codes = shapes.flatMap((shape) => {
    const [, event, random] = shape(line) ?? []
    return event === undefined ? [] : codeOf(event, random!.replace(/[ -]+/g, "")) ?? []
  })
  return codes.find(isOurs) ?? codes[0]
}

const capitals = (text: string): string => text.replace(/[a-z]+/g, (run) => run.toUpperCase())

const begun = /^tkt-/

/** Every code that the digits of an AZERTY keyboard without shift may mean: each `-` may be the one after the event. */
const unshiftedCodes = (text: string, digits: ReadonlyMap<string, string>): ReadonlyArray<string> => {
  const line = text.toLowerCase()
  if (!begun.test(line) || ![...line.slice(4)].some((char) => char !== "-" && digits.has(char))) return []
  const read = (part: string) => [...part].map((char) => digits.get(char) ?? char).join("")
  const rest = line.slice(4)
  const codes = [...rest].flatMap((char, at) =>
    char === "-" ? codeOf(read(rest.slice(0, at)), capitals(read(rest.slice(at + 1)))) ?? [] : []
  )
  const ours = codes.filter(isOurs)
  return ours.length > 0 ? ours : codes
}

/** No code and no other text holds this without a reader, or a person, at a keyboard of another layout. */
const foreignKeys = /^tkt[-_]?.*[&é"'(§è!çàß)°=?´]/iu

/** The codes that a keyboard of another layout may have made this text of; `garbled` when it was one, whatever it meant. */
export const codesByLayouts = (
  text: string
): { readonly codes: ReadonlySet<string>; readonly garbled: boolean } => {
  if (text.length > longest || !/tkt/i.test(text.slice(0, 16))) return { codes: new Set(), garbled: false }
  const keys = keysByLayouts.map((read) => withoutReaderNoise(read(text)))
  const typed = keys.flatMap((one) => {
    const code = capitals(one)
    return TicketCode.is(code) ? [code] : []
  })
  const codes = new Set([...typed, ...azertyDigits.flatMap((digits) => unshiftedCodes(text, digits))])
  const own = text.toLowerCase()
  const moved = keys.some((one) => begun.test(one) && one !== own)
  return { codes, garbled: codes.size > 0 || moved || foreignKeys.test(text) }
}
