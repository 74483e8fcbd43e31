/** What a file store cannot give: 503 with Retry-After while it is away, 409 for a file that it does not have. */
import { Effect } from "effect"
import type { FileStore, FileStoreError } from "../../files/FileStore.ts"
import { Conflict, Unavailable } from "../../http/Problems.ts"

/** Logs and refuses what passes with time; any other failure of the store is a defect of ours. */
export const fileStoreAway = (error: FileStoreError): Effect.Effect<never, Unavailable> =>
  error.reason === "unavailable"
    ? Effect.andThen(
      Effect.logError("The file store is away", error.message),
      Effect.fail(
        new Unavailable({
          detail: "The store that keeps files does not answer; send the request again.",
          retry_after: 5
        })
      )
    )
    : Effect.die(error)

/** The bytes of a file that a row names; `lost` says what to do when this store does not have it. */
export const storedBytes = (
  files: FileStore["Service"],
  key: string,
  lost: string
): Effect.Effect<Uint8Array, Conflict | Unavailable> =>
  files.get(key).pipe(
    Effect.map(({ bytes }) => bytes),
    Effect.catchTag(
      "FileStoreError",
      (error): Effect.Effect<never, Conflict | Unavailable> =>
        error.reason === "not_found"
          ? Effect.andThen(
            Effect.logError("A file is not in the store that should have it", error.message),
            Effect.fail(new Conflict({ detail: `The file is not in the store. ${lost}` }))
          )
          : fileStoreAway(error)
    )
  )
