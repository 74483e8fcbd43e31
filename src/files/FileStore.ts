/**
 * Where generated files live: tickets, QR images, invoices. One key, one file; the last complete write wins.
 */
import { randomUUID } from "node:crypto"
import { platform } from "node:process"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as Drafts from "./Drafts.ts"
import { contentTypeOf, isFileKey } from "./FileKey.ts"

/** A file as the store holds it. */
export interface StoredFile {
  readonly key: string
  readonly bytes: Uint8Array
  readonly contentType: string
}

/** `unavailable` may pass when tried again (disk full, I/O fault); the other reasons are final. */
export class FileStoreError extends Schema.TaggedError<FileStoreError>()("FileStoreError", {
  reason: Schema.Literals(["invalid_key", "type_mismatch", "not_found", "unavailable"]),
  key: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

const checkKey = (key: string) =>
  isFileKey(key)
    ? Effect.void
    : Effect.fail(new FileStoreError({ reason: "invalid_key", key: key.slice(0, 240) }))

const checkPut = (key: string, contentType: string) =>
  Effect.andThen(
    checkKey(key),
    contentTypeOf(key) === contentType
      ? Effect.void
      : Effect.fail(new FileStoreError({ reason: "type_mismatch", key: key.slice(0, 240) }))
  )

const explain = (key: string) => (cause: PlatformError) =>
  new FileStoreError(
    cause.reason._tag === "NotFound" ? { reason: "not_found", key } : { reason: "unavailable", key, cause }
  )

const makeLocal = Effect.fn("FileStore.layerLocal")(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const drafts = `${directory}/.drafts`
  yield* fs.makeDirectory(drafts, { recursive: true, mode: 0o700 })
  yield* Drafts.sweep(drafts, () => true)
  const pathOf = (key: string) => `${directory}/${key}`

  const write = (path: string, bytes: Uint8Array) =>
    Effect.scoped(Effect.gen(function* () {
      const file = yield* fs.open(path, { flag: "wx", mode: 0o600 })
      yield* file.writeAll(bytes)
      yield* file.sync
    }))

  const syncFolder = (path: string) =>
    platform === "win32"
      ? Effect.void
      : Effect.scoped(Effect.flatMap(fs.open(path, { flag: "r" }), (file) => file.sync))

  const put = Effect.fn("FileStore.put")(function* (key: string, bytes: Uint8Array, contentType: string) {
    yield* checkPut(key, contentType)
    const path = pathOf(key)
    const folder = path.slice(0, path.lastIndexOf("/"))
    const draft = `${drafts}/${randomUUID()}`
    yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 }).pipe(
      Effect.andThen(write(draft, bytes)),
      Effect.andThen(fs.rename(draft, path)),
      Effect.andThen(syncFolder(folder)),
      Effect.onError(() => Effect.orDie(fs.remove(draft, { force: true }))),
      Effect.mapError((cause) => new FileStoreError({ reason: "unavailable", key, cause }))
    )
  })

  const get = Effect.fn("FileStore.get")(function* (key: string) {
    yield* checkKey(key)
    const bytes = yield* Effect.mapError(fs.readFile(pathOf(key)), explain(key))
    return { key, bytes, contentType: contentTypeOf(key) }
  })

  const exists = Effect.fn("FileStore.exists")(function* (key: string) {
    yield* checkKey(key)
    return yield* Effect.mapError(fs.exists(pathOf(key)), explain(key))
  })

  const remove = Effect.fn("FileStore.remove")(function* (key: string) {
    yield* checkKey(key)
    yield* Effect.mapError(fs.remove(pathOf(key), { force: true }), explain(key))
  })

  return FileStore.of({ put, get, exists, remove })
})

const makeMemory = () => {
  const files = new Map<string, StoredFile>()
  return FileStore.of({
    put: (key, bytes, contentType) =>
      Effect.map(checkPut(key, contentType), () => {
        files.set(key, { key, bytes: bytes.slice(), contentType })
      }),
    get: (key) =>
      Effect.flatMap(checkKey(key), () => {
        const file = files.get(key)
        return file === undefined
          ? Effect.fail(new FileStoreError({ reason: "not_found", key }))
          : Effect.succeed({ ...file, bytes: file.bytes.slice() })
      }),
    exists: (key) => Effect.map(checkKey(key), () => files.has(key)),
    remove: (key) =>
      Effect.map(checkKey(key), () => {
        files.delete(key)
      })
  })
}

/**
 * Generated files by key. `put` is atomic and durable when it returns; `remove` of an absent file succeeds.
 */
export class FileStore extends Context.Service<FileStore, {
  put(key: string, bytes: Uint8Array, contentType: string): Effect.Effect<void, FileStoreError>
  get(key: string): Effect.Effect<StoredFile, FileStoreError>
  exists(key: string): Effect.Effect<boolean, FileStoreError>
  remove(key: string): Effect.Effect<void, FileStoreError>
}>()("guichet/files/FileStore") {
  /** Files under a directory, each written aside, synced, then renamed into place. */
  static readonly layerLocal = (
    directory: string
  ): Layer.Layer<FileStore, PlatformError, FileSystem.FileSystem> =>
    Layer.effect(FileStore, makeLocal(directory))

  /** Files that die with the process. */
  static readonly layerMemory: Layer.Layer<FileStore> = Layer.sync(FileStore, makeMemory)
}
