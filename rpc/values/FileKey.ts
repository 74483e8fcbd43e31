/**
 * Names of stored files: relative paths that cannot climb out of the store, whose ending says what they hold.
 */
import * as Schema from "effect/Schema"
import { limited } from "./Values.ts"

const contentTypes: Readonly<Record<string, string>> = {
  csv: "text/csv",
  ics: "text/calendar",
  jpg: "image/jpeg",
  json: "application/json",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain",
  zip: "application/zip"
}

const folder = "[A-Za-z0-9][A-Za-z0-9_-]{0,99}"
const name = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
const pattern = new RegExp(`^(${folder}/){0,6}${name}\\.(${Object.keys(contentTypes).join("|")})$`)

/** A key such as `tickets/12/TKT-001-ABC.pdf`: up to 6 folders, no dot in their names, 240 characters. */
export const FileKey = limited(
  240,
  Schema.isPattern(pattern, { message: "Expected a file key such as tickets/12.pdf" })
)
export type FileKey = typeof FileKey.Type

/** True for a key that a store accepts. */
export const isFileKey = (text: string): boolean => Schema.is(FileKey)(text)

/** The media type that the ending of a key stands for. */
export const contentTypeOf = (key: FileKey): string =>
  contentTypes[key.slice(key.lastIndexOf(".") + 1)] ?? "application/octet-stream"
