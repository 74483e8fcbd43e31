/** Values that several contracts share: text, addresses, instants, zones. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"

const plain = { message: "Expected text without control characters" }

/** Text for people: 1 to 200 characters, no control characters, no half of a surrogate pair. */
export const Label = Schema.String.check(
  Schema.isMaxLength(200),
  Schema.isPattern(/^(?!\s*$)[^\p{Cc}\p{Cs}]*$/u, plain)
)

/** The same, which may be empty, of a length of its own. */
export const text = (maximum: number) =>
  Schema.String.check(Schema.isMaxLength(maximum), Schema.isPattern(/^[^\p{Cc}\p{Cs}]*$/u, plain))

/** An e-mail address as another system knows it, of at most 254 characters (RFC 5321 §4.5.3.1). */
export const AnyEmail = Schema.String.check(
  Schema.isMaxLength(254),
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
export const Email = Schema.String.check(
  Schema.isMaxLength(254),
  Schema.isPattern(addressable, unmailable),
  Schema.makeFilter((text: string) =>
    !addressable.test(text) || mailAddress(text) !== undefined || unmailable.message
  )
)

/** A phone number in E.164: `+` and 8 to 15 digits. One that takes no SMS is a guest's all the same. */
export const Phone = Schema.String.check(
  Schema.isPattern(/^\+[1-9]\d{7,14}$/, { message: "Expected a phone number like +33612345678 (E.164)" })
)

/** An `http:` or `https:` address. */
export const WebUrl = Schema.String.check(
  Schema.isMaxLength(2048),
  Schema.isPattern(/^https?:\/\/[^\s\p{Cc}\p{Cs}]+$/u, { message: "Expected an http or https address" })
)

const isUnstorable = (text: string): boolean => text.includes("\u0000") || !text.isWellFormed()

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
    else waiting.push(...Object.entries(value).map(([key, item]) => ({ path: [...path, key], value: item })))
    if (found.length >= 100) break
  }
  return found
}

/** A JSON object of the sender's own, kept as it is. */
export const JsonData = Schema.Record(Schema.String, Schema.Json).check(Schema.makeFilter(flaws))

const isoInstant =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:Z|[+-](\d{2}):(\d{2}))$/

/**
 * True only for days from 1970 to 2999 that the calendar has, and for times and offsets that a clock has: `2025-02-30`
 * is refused, not rolled over to March, and so is `+24:00`.
 */
const onTheCalendar = (text: string): boolean => {
  const match = text.length <= 40 ? isoInstant.exec(text) : null
  if (match === null) return false
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const date = new Date(Date.UTC(year, month - 1, day))
  return year >= 1970 && year < 3000 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day &&
    Number(match[4]) < 24 && Number(match[5]) < 60 && Number(match[6] ?? 0) < 60 &&
    Number(match[7] ?? 0) < 24 && Number(match[8] ?? 0) < 60
}

const noInstant = {
  message: "Expected an ISO 8601 date and time with an offset, such as 2025-06-20T09:00:00Z"
}

/**
 * An instant: ISO 8601 with an offset (`2025-06-20T09:00:00Z`), decoded to `DateTime.Utc`. What we encode ourselves is
 * not looked at again.
 */
export const Instant = Schema.String.pipe(
  Schema.decodeTo(Schema.DateTimeUtc, {
    decode: SchemaGetter.transformEffect((text: string, options) =>
      onTheCalendar(text)
        ? Effect.succeed(DateTime.makeUnsafe(text))
        : Effect.fail(new SchemaIssue.InvalidValue(noInstant, text, options))
    ),
    encode: SchemaGetter.transform((instant: DateTime.Utc) => DateTime.formatIso(instant))
  })
)

/** An IANA time zone, such as `Europe/Paris`. */
export const TimeZone = Schema.String.check(
  Schema.makeFilter((zone: string) =>
    DateTime.zoneMakeNamed(zone)._tag === "Some" || "Expected an IANA time zone such as Europe/Paris"
  )
)

/** The languages of our texts. */
export const Locale = Schema.Literals(["fr", "en"])
export type Locale = typeof Locale.Type
