/** Text and JSON from a device, made fit for PostgreSQL, which stores neither U+0000 nor half a character. */
import type * as Schema from "effect/Schema"

/** Well-formed text without U+0000: both become U+FFFD. */
export const storableText = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\ufffd")

/** The same for every key and string of a JSON value. */
export const storableJson = (value: Schema.Json): Schema.Json => {
  if (typeof value === "string") return storableText(value)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(storableJson)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [storableText(key), storableJson(item)])
  )
}
