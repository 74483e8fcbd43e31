/** Files under a directory: written aside, synced, renamed into place, and the folder synced. */
import { Effect, FileSystem } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { randomUUID } from "node:crypto"
import * as Disk from "./Disk.ts"
import * as Drafts from "./Drafts.ts"
import { contentTypeOf } from "./FileKey.ts"
import { checkKey, checkPut, FileStoreError } from "./FileStoreError.ts"
import * as FolderSync from "./FolderSync.ts"

const isMissing = (cause: PlatformError): boolean => cause.reason._tag === "NotFound"

const explain = (key: string) => (cause: PlatformError) =>
  new FileStoreError(
    isMissing(cause) ? { reason: "not_found", key } : { reason: "unavailable", key, cause }
  )

/**
 * A file store in `directory`, which is made with its drafts folder; old drafts are swept. With `ownThread` files are
 * written in the calling thread, which must have nothing else to do.
 */
export const make = Effect.fn("FileStore.layerLocal")(function* (directory: string, ownThread: boolean) {
  const fs = yield* FileSystem.FileSystem
  const drafts = `${directory}/.drafts`
  yield* fs.makeDirectory(drafts, { recursive: true, mode: 0o700 })
  yield* Drafts.sweep(drafts, () => true)
  const disk = ownThread ? Disk.own : Disk.shared(fs)
  const folders = FolderSync.make(directory, disk)
  const pathOf = (key: string) => `${directory}/${key}`

  const place = (draft: string, folder: string, path: string) => {
    const rename = Effect.andThen(folders.ensure(folder), disk.rename(draft, path))
    return rename.pipe(
      Effect.catchIf(isMissing, () => Effect.andThen(Effect.sync(() => folders.forget(folder)), rename)),
      Effect.andThen(folders.sync(folder))
    )
  }

  const put = Effect.fn("FileStore.put")(function* (key: string, bytes: Uint8Array, contentType: string) {
    yield* checkPut(key, contentType)
    const path = pathOf(key)
    const folder = path.slice(0, path.lastIndexOf("/"))
    const draft = `${drafts}/${randomUUID()}`
    yield* disk.write(draft, bytes).pipe(
      Effect.andThen(place(draft, folder, path)),
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

  return { put, get, exists, remove }
})
