/** What a file store holds and how it refuses, whichever store it is. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { contentTypeOf, isFileKey } from "../../rpc/values/FileKey.ts"

/** A file as the store holds it. */
export interface StoredFile {
  readonly key: string
  readonly bytes: Uint8Array
  readonly contentType: string
}

/**
 * `unavailable` may pass when tried again (disk full, I/O fault, an object store that does not answer or
 * whose configuration someone has to mend: `detail` says which); the other reasons are final.
 */
export class FileStoreError extends Schema.TaggedError<FileStoreError>()("FileStoreError", {
  reason: Schema.Literals(["invalid_key", "type_mismatch", "not_found", "unavailable"]),
  key: Schema.String,
  detail: Schema.optionalKey(Schema.String),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `${this.reason}: ${this.detail ?? this.key}`
  }
}

/** Fails with `invalid_key` for what is no key. */
export const checkKey = (key: string): Effect.Effect<void, FileStoreError> =>
  isFileKey(key)
    ? Effect.void
    : Effect.fail(new FileStoreError({ reason: "invalid_key", key: key.slice(0, 240) }))

/** Fails with `type_mismatch` for a media type that the key does not stand for. */
export const checkPut = (key: string, contentType: string): Effect.Effect<void, FileStoreError> =>
  Effect.andThen(
    checkKey(key),
    contentTypeOf(key) === contentType
      ? Effect.void
      : Effect.fail(new FileStoreError({ reason: "type_mismatch", key: key.slice(0, 240) }))
  )

/** The same of several: nothing is stored when one of them is wrong. */
export const checkPuts = (files: ReadonlyArray<StoredFile>): Effect.Effect<void, FileStoreError> =>
  Effect.forEach(files, ({ contentType, key }) => checkPut(key, contentType), { discard: true })
