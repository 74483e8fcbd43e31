/** Values that several contracts share: text, addresses, instants, zones. */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import type { Check } from "effect/SchemaAST"
import * as SchemaGetter from "effect/SchemaGetter"

const plain = { message: "Expected text without control characters" }

/**
 * Text of at most so many characters, which may then be checked further: a longer one is refused before a pattern runs
 * over it.
 */
export const limited = (
  maximum: number,
  ...checks: ReadonlyArray<Check<string>>
): Schema.String => Schema.String.check(Schema.isMaxLength(maximum).abort(), ...checks)

/** Everything in it is seen as it is written. */
const ascii = /^[ -~]*$/

/** Letters, digits, marks and signs, but for those that are drawn as nothing. */
const seen = /(?![\p{DI}\u2800])[\p{L}\p{N}\p{P}\p{S}]/u

/** What turns the writing of the text around it, and what ends a line. */
const turning = /[\u202a-\u202e\u2066-\u2069\u2028\u2029]/

/** Vowels, tones and accents of any script stand on one letter in smaller numbers. */
const stacked = /\p{M}{9}/u

/** Why people could not read the text as it was meant, and what else is printed beside it, or undefined. */
const illegible = (text: string): string | undefined =>
  turning.test(text)
    ? "Expected text without characters that reverse the writing or end a line"
    : stacked.test(text)
    ? "Expected at most 8 combining marks on one letter"
    : undefined

const legible = Schema.makeFilter((text: string) => ascii.test(text) || (illegible(text) ?? true))

const legibleName = Schema.makeFilter((text: string) =>
  ascii.test(text) ||
  (seen.test(text) ? illegible(text) ?? true : "Expected text with at least one visible character")
)

/**
 * Text for people, such as a name or a title: 1 to 200 characters that can be read where it is printed. No control
 * characters, no half of a surrogate pair, nothing invisible alone, nothing that reverses or covers what stands beside it.
 */
export const Label = limited(200, Schema.isPattern(/^(?!\s*$)[^\p{Cc}\p{Cs}]*$/u, plain), legibleName)

/** The same, which may be empty, of a length of its own. */
export const text = (maximum: number) =>
  limited(maximum, Schema.isPattern(/^[^\p{Cc}\p{Cs}]*$/u, plain), legible)

/** An e-mail address as another system knows it, of at most 254 characters (RFC 5321 §4.5.3.1). */
export const AnyEmail = limited(
  254,
  Schema.isPattern(/^[^\s@<>()[\],;:\\"\p{Cc}\p{Cs}]{1,64}@[^\s@.\p{Cc}\p{Cs}]+(\.[^\s@.\p{Cc}\p{Cs}]+)+$/u, {
    message: "Expected an e-mail address"
  })
)

/** ASCII without quotes before the `@`; after it the labels of a domain, in any script, the last of them no number. */
const addressable =
  /^(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([\p{L}\p{N}]([\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?\.)+\p{L}[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}]$/u

/** The address as mail servers know it, its domain in ASCII (IDNA, RFC 5890); undefined when none would take it. */
export const mailAddress = (text: string): string | undefined => {
  const at = text.lastIndexOf("@")
  const origin = `http://${text.slice(at + 1)}`
  if (text.length > 254 || !addressable.test(text) || !URL.canParse(origin)) return undefined
  const { hostname } = new URL(origin)
  const address = `${text.slice(0, at)}@${hostname}`
  return address.length <= 254 && hostname.split(".").every((label) => label.length <= 63)
    ? address
    : undefined
}

const unmailable = {
  message:
    "Expected an e-mail address that mail servers take, such as jean.dupont@example.com: before the @ letters without accents, digits, dots between them; after it a domain name"
}

/** An e-mail address that a message can be sent to; delivery alone proves that it exists. */
export const Email = limited(
  254,
  Schema.isPattern(addressable, unmailable),
  Schema.makeFilter((text: string) =>
    !addressable.test(text) || mailAddress(text) !== undefined || unmailable.message
  )
)

/** A phone number in E.164: `+` and 8 to 15 digits. One that takes no SMS is a guest's all the same. */
export const Phone = limited(
  16,
  Schema.isPattern(/^\+[1-9]\d{7,14}$/, { message: "Expected a phone number like +33612345678 (E.164)" })
)

/** An `http:` or `https:` address. */
export const WebUrl = limited(
  2048,
  Schema.isPattern(/^https?:\/\/[^\s\p{Cc}\p{Cs}]+$/u, { message: "Expected an http or https address" })
)

/** What PostgreSQL cannot store is in no text: U+0000 and halves of characters. */
const isUnstorable = (text: string): boolean => text.includes("\u0000") || !text.isWellFormed()

/** Text that can be stored, of at most so many characters: for identifiers and places that are only looked up. */
export const storable = (maximum: number) =>
  limited(maximum, Schema.makeFilter((text: string) => !isUnstorable(text) || plain.message))

/** Deeper JSON than this is an attack, not data. */
const depth = 16

/** What PostgreSQL cannot store: U+0000 and halves of characters, each at its place; and what nobody can read. */
const flaws = (data: Schema.Json): ReadonlyArray<Schema.FilterIssue> => {
  const found: Array<Schema.FilterIssue> = []
  const waiting: Array<{ readonly path: ReadonlyArray<PropertyKey>; readonly value: Schema.Json }> = [
    { path: [], value: data }
  ]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { path, value } = next
    if (typeof value === "string" && isUnstorable(value)) found.push({ path, issue: plain.message })
    if (typeof value !== "object" || value === null) continue
    if (path.length >= depth) found.push({ path: [], issue: `Expected at most ${depth} levels of nesting` })
    else if (Object.keys(value).some(isUnstorable)) found.push({ path, issue: plain.message })
    else for (const [key, item] of Object.entries(value)) waiting.push({ path: [...path, key], value: item })
    if (found.length >= 100) break
  }
  return found
}

/** A JSON object of the sender's own, kept as it is. */
export const JsonData = Schema.Record(Schema.String, Schema.Json).check(Schema.makeFilter(flaws))

/** An offset is at most 23:59: no clock has more, and `Date` reads no other. */
const isoInstant =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(:(\d{2})(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/** True only for days from 1970 to 2999 that the calendar has: `2025-02-30` is refused, not rolled over to March. */
const onTheCalendar = (text: string): boolean => {
  const match = isoInstant.exec(text)
  if (match === null) return false
  const [year, month, day, hour, minute] = [match[1], match[2], match[3], match[4], match[5]].map(Number)
  const date = new Date(Date.UTC(year!, month! - 1, day!))
  return year! >= 1970 && year! < 3000 && date.getUTCMonth() === month! - 1 && date.getUTCDate() === day! &&
    hour! < 24 && minute! < 60 && Number(match[7] ?? 0) < 60
}

/** An instant: ISO 8601 with an offset (`2025-06-20T09:00:00Z`), decoded to `DateTime.Utc`. */
export const Instant = limited(
  35,
  Schema.makeFilter((text: string) =>
    onTheCalendar(text) || "Expected an ISO 8601 date and time with an offset, such as 2025-06-20T09:00:00Z"
  )
).pipe(
  Schema.decodeTo(Schema.DateTimeUtc, {
    decode: SchemaGetter.transform((text: string) => DateTime.makeUnsafe(text)),
    encode: SchemaGetter.transform((instant: DateTime.Utc) => DateTime.formatIso(instant))
  })
)

/** An IANA time zone, such as `Europe/Paris`. */
export const TimeZone = limited(
  64,
  Schema.makeFilter((zone: string) =>
    DateTime.zoneMakeNamed(zone)._tag === "Some" || "Expected an IANA time zone such as Europe/Paris"
  )
)

/** The languages of our texts. */
export const Locale = Schema.Literals(["fr", "en"])
export type Locale = typeof Locale.Type
