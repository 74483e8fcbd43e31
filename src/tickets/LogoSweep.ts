/** Removes the files of logos that have been replaced for long enough that no ticket is printed with them any more. */
import { Duration, Effect } from "effect"
import { FileStore } from "../files/FileStore.ts"
import { SpareLogos } from "../store/tickets/SpareLogos.ts"

/** A chunk that has begun prints the logo that its details named: longer than a thread may take (`RenderPool`). */
const kept = Duration.hours(1)

/** Files of one sweep; the others wait for the next. */
const atMost = 500

/** A file that could not be removed is condemned still, and the next sweep tries it again. */
export const sweepLogos = Effect.gen(function* () {
  const files = yield* FileStore
  const spare = yield* SpareLogos
  const keys = yield* spare.condemn(kept, atMost)
  const remove = (key: string) =>
    Effect.matchEffect(files.remove(key), {
      onFailure: ({ message }) => Effect.as(Effect.logDebug("A logo could not be removed", message), 1),
      onSuccess: () => Effect.as(spare.forget(key), 0)
    })
  const left = yield* Effect.forEach(keys, remove, { concurrency: 4 })
  const failed = left.filter((one) => one === 1).length
  if (failed > 0) yield* Effect.logWarning(`${failed} logos that nobody uses could not be removed yet`)
}).pipe(Effect.withSpan("LogoSweep"))
