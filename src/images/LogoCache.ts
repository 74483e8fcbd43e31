/** The logos that tickets are printed with, read and decoded once and kept while they are in use. */
import { Effect, Option } from "effect"
import { createHash } from "node:crypto"
import type { Paper } from "../../rpc/PrintDetails.ts"
import type { ThreadBroken } from "../durable/ThreadPool.ts"
import type { FileStore, FileStoreError } from "../files/FileStore.ts"
import type { DecodedLogo } from "../print/pdf/Logo.ts"
import type { LogoDecoder } from "./LogoDecoder.ts"

/** Logos at hand, none when they cannot be drawn: at most four mebibytes of them. */
const kept = 16

/** Reads logos. A ticket is printed without one whose file its owner took away, and without one that cannot be drawn. */
export const make = (files: FileStore["Service"], decoder: LogoDecoder["Service"]) => {
  const cache = new Map<string, DecodedLogo | undefined>()

  const keep = (name: string, logo: DecodedLogo | undefined) => {
    cache.delete(name)
    cache.set(name, logo)
    const [oldest] = cache.keys()
    if (cache.size > kept && oldest !== undefined) cache.delete(oldest)
    return logo
  }

  return Effect.fn("LogoCache.get")(
    function* ({ key, version }: NonNullable<Paper["logo"]>) {
      const name = `${key} ${version}`
      if (cache.has(name)) return keep(name, cache.get(name))
      const { bytes } = yield* files.get(key)
      const logo = Option.getOrUndefined(yield* decoder.decode(bytes))
      if (logo === undefined) yield* Effect.logWarning("A logo is not printed: it cannot be drawn", { key })
      // Keys of older styles were used again for another picture: it is printed, and not taken for this one later.
      return createHash("sha256").update(bytes).digest("hex") === version ? keep(name, logo) : logo
    },
    (effect): Effect.Effect<DecodedLogo | undefined, FileStoreError | ThreadBroken> =>
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
