/** Which of our languages a caller reads best: `Accept-Language` with its weights (RFC 9110 §12.5.4). */
import { Locale } from "./Values.ts"

/** Longer headers are read so far. */
const longest = 1_000

const weight = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

interface Range {
  readonly language: string
  readonly quality: number
}

/** A range whose weight is none asks for nothing. */
const rangeOf = (part: string): ReadonlyArray<Range> => {
  const [tag = "", ...parameters] = part.toLowerCase().split(";").map((one) => one.trim())
  const weights = parameters.map((parameter) => weight.exec(parameter.replaceAll(" ", "")))
  if (tag === "" || weights.includes(null)) return []
  return [{ language: tag.split("-")[0]!, quality: Number(weights[0]?.[1] ?? 1) }]
}

/** Devices send the same few headers with every scan: so many are remembered. */
const remembered = 256

const known = new Map<string, Locale>()

/** The language with the highest weight, of two the one that is named first; French when neither is wanted. */
export const localeOf = (acceptLanguage: string | undefined): Locale => {
  if (acceptLanguage === undefined || acceptLanguage === "") return "fr"
  const before = known.get(acceptLanguage)
  if (before !== undefined) return before
  const read = readLocale(acceptLanguage)
  if (acceptLanguage.length <= longest && known.size < remembered) known.set(acceptLanguage, read)
  return read
}

const readLocale = (acceptLanguage: string): Locale => {
  const ranges = acceptLanguage.slice(0, longest).split(",").flatMap(rangeOf)
  const others = ranges.find(({ language }) => language === "*")?.quality ?? 0
  const wanted = Locale.literals.map((locale) => {
    const own = ranges.filter(({ language }) => language === locale)
    const quality = own.length === 0 ? others : Math.max(...own.map(({ quality }) => quality))
    const place = ranges.findIndex(({ language }) => language === locale)
    return { locale, quality, place: place < 0 ? ranges.length : place }
  }).filter(({ quality }) => quality > 0)
  wanted.sort((one, other) => other.quality - one.quality || one.place - other.place)
  return wanted[0]?.locale ?? "fr"
}
