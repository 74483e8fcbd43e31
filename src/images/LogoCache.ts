/** The logos that tickets are printed with, read once from the file store and kept while they are in use. */
import { Effect } from "effect"
import type { FileStore, FileStoreError } from "../../files/FileStore.ts"
import { createHash } from "node:crypto"
import type { Paper } from "../../../rpc/PrintDetails.ts"

/** Logos at hand: at most four mebibytes of them. */
const kept = 16

/** Reads logos; one whose file is gone was taken away by its owner: the ticket is printed without it. */
export const make = (files: FileStore["Service"]) => {
  const cache = new Map<string, Uint8Array>()

  const keep = (name: string, bytes: Uint8Array) => {
    cache.delete(name)
    cache.set(name, bytes)
    const [oldest] = cache.keys()
    if (cache.size > kept && oldest !== undefined) cache.delete(oldest)
    return bytes
  }

  return Effect.fn("LogoCache.get")(
    function* ({ key, version }: NonNullable<Paper["logo"]>) {
      const name = `${key} ${version}`
      const known = cache.get(name)
      if (known !== undefined) return keep(name, known)
      const { bytes } = yield* files.get(key)
      // Keys of older styles were used again for another picture: it is printed, and not taken for this one later.
      return createHash("sha256").update(bytes).digest("hex") === version ? keep(name, bytes) : bytes
    },
    (effect): Effect.Effect<Uint8Array | undefined, FileStoreError> =>
      Effect.catchTag(
        effect,
        "FileStoreError",
        (error) =>
          error.reason === "not_found"
            ? Effect.as(Effect.logWarning("A logo is printed no more: its file is gone"), undefined)
            : Effect.fail(error)
      )
  )
}
