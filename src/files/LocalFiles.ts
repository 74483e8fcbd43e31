/** Files under a directory: written aside, synced, renamed into place, and the folder synced. */
import { Effect, FileSystem } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { randomUUID } from "node:crypto"
import * as Disk from "./Disk.ts"
import * as TempFiles from "./TempFiles.ts"
import { contentTypeOf } from "../../rpc/values/FileKey.ts"
import { checkKey, checkPuts, FileStoreError, type StoredFile } from "./FileStoreError.ts"
import * as FolderSync from "./FolderSync.ts"

const isMissing = (cause: PlatformError): boolean => cause.reason._tag === "NotFound"

const explain = (key: string) => (cause: PlatformError) =>
  new FileStoreError(
    isMissing(cause) ? { reason: "not_found", key } : { reason: "unavailable", key, cause }
  )

/**
 * A file store in `directory`, which is made with its folder of temporary files; old ones are removed. With `ownThread` files are
 * written in the calling thread, which must have nothing else to do.
 */
export const make = Effect.fn("FileStore.layerLocal")(function* (directory: string, ownThread: boolean) {
  const fs = yield* FileSystem.FileSystem
  /** The name is a stored one: what an older version left there is removed too. */
  const temporary = `${directory}/.drafts`
  yield* fs.makeDirectory(temporary, { recursive: true, mode: 0o700 })
  yield* fs.chmod(directory, 0o700)
  yield* TempFiles.sweep(temporary, () => true)
  const disk = ownThread ? Disk.own : Disk.shared(fs)
  yield* Effect.forEach([directory, `${directory}/..`], disk.sync, { discard: true })
  const folders = FolderSync.make(directory, disk)
  const pathOf = (key: string) => `${directory}/${key}`

  const place = ({ folder, path, temp }: { folder: string; path: string; temp: string }) => {
    const rename = Effect.andThen(folders.ensure(folder), disk.rename(temp, path))
    return Effect.catchIf(
      rename,
      isMissing,
      () => Effect.andThen(Effect.sync(() => folders.forget(folder)), rename)
    )
  }

  const putAll = Effect.fn("FileStore.putAll")(function* (files: ReadonlyArray<StoredFile>) {
    const [first] = files
    if (first === undefined) return
    yield* checkPuts(files)
    const written = files.map(({ bytes, key }) => {
      const path = pathOf(key)
      return {
        bytes,
        temp: `${temporary}/${randomUUID()}`,
        folder: path.slice(0, path.lastIndexOf("/")),
        path
      }
    })
    yield* disk.write(written.map(({ bytes, temp }) => ({ bytes, path: temp }))).pipe(
      Effect.andThen(Effect.forEach(written, place, { discard: true })),
      Effect.andThen(
        Effect.forEach(new Set(written.map(({ folder }) => folder)), folders.sync, { discard: true })
      ),
      Effect.onError(() =>
        Effect.orDie(
          Effect.forEach(written, ({ temp }) => fs.remove(temp, { force: true }), { discard: true })
        )
      ),
      Effect.mapError((cause) =>
        new FileStoreError({
          reason: "unavailable",
          key: first.key,
          ...(files.length === 1 ? {} : { detail: `${first.key} and ${files.length - 1} more` }),
          cause
        })
      )
    )
  })

  const put = (key: string, bytes: Uint8Array, contentType: string) => putAll([{ key, bytes, contentType }])

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

  return { put, putAll, get, exists, remove }
})
