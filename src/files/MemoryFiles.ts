/** Files that die with the process. */
import { Effect } from "effect"
import { checkKey, checkPuts, FileStoreError, type StoredFile } from "./FileStoreError.ts"

/** A file store in memory; bytes are copied in and out. */
export const make = () => {
  const files = new Map<string, StoredFile>()
  const putAll = (added: ReadonlyArray<StoredFile>) =>
    Effect.map(checkPuts(added), () => {
      for (const { bytes, contentType, key } of added) {
        files.set(key, { key, bytes: bytes.slice(), contentType })
      }
    })
  return {
    put: (key: string, bytes: Uint8Array, contentType: string) => putAll([{ key, bytes, contentType }]),
    putAll,
    get: (key: string) =>
      Effect.flatMap(checkKey(key), () => {
        const file = files.get(key)
        return file === undefined
          ? Effect.fail(new FileStoreError({ reason: "not_found", key }))
          : Effect.succeed({ ...file, bytes: file.bytes.slice() })
      }),
    exists: (key: string) => Effect.map(checkKey(key), () => files.has(key)),
    remove: (key: string) =>
      Effect.map(checkKey(key), () => {
        files.delete(key)
      })
  }
}
