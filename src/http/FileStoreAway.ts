/** A file store that is away: 503 with Retry-After on every route that reads or writes files. */
import { Effect } from "effect"
import type { FileStoreError } from "../files/FileStore.ts"
import { Unavailable } from "./Problems.ts"

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
