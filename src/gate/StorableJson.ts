/** Text and JSON from a device, made fit for PostgreSQL, which stores neither U+0000 nor half a character. */
import type * as Schema from "effect/Schema"

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes("\u0000")

/** Well-formed text without U+0000: both become U+FFFD. */
export const storableText = (text: string): string =>
  isStorable(text) ? text : text.toWellFormed().replaceAll("\u0000", "\ufffd")

const isFit = (value: Schema.Json): boolean => {
  if (typeof value === "string") return isStorable(value)
  if (typeof value !== "object" || value === null) return true
  if (Array.isArray(value)) return value.every(isFit)
  for (const key in value) if (!isStorable(key) || !isFit((value as Schema.JsonObject)[key]!)) return false
  return true
}

/** The same for every key and string of a JSON value. */
export const storableJson = (value: Schema.Json): Schema.Json => isFit(value) ? value : mended(value)

const mended = (value: Schema.Json): Schema.Json => {
  if (typeof value === "string") return storableText(value)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(storableJson)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [storableText(key), storableJson(item)])
  )
}
