/**
 * Makes the entries of folders durable: a renamed file and a new folder survive a power cut once the folder
 * that names them is synced. Syncs of one folder that are asked for at the same time are one sync.
 */
import { Deferred, Effect, type PlatformError } from "effect"
import type { Disk } from "./Disk.ts"

type Sync = Deferred.Deferred<void, PlatformError.PlatformError>

/** More folders than a job has tickets are not remembered: a forgotten one is synced once more. */
const remembered = 20_000

const above = (folder: string): string => folder.slice(0, folder.lastIndexOf("/"))

/** `sync` and `ensure` take paths under `root`, which must exist. */
export const make = (root: string, disk: Disk) => {
  const waiting = new Map<string, Sync>()
  const running = new Map<string, Sync>()
  const durable = new Set<string>([root])

  const lead = Effect.fnUntraced(function* (folder: string, mine: Sync) {
    const before = running.get(folder)
    if (before !== undefined) yield* Effect.exit(Deferred.await(before))
    waiting.delete(folder)
    running.set(folder, mine)
    const done = yield* Effect.exit(disk.sync(folder))
    running.delete(folder)
    yield* Deferred.done(mine, done)
    return yield* done
  })

  /** Returns once a sync that began after the call has ended. */
  const sync = (folder: string): Effect.Effect<void, PlatformError.PlatformError> =>
    Effect.uninterruptibleMask((restore) => {
      const next = waiting.get(folder)
      if (next !== undefined) return restore(Deferred.await(next))
      const mine: Sync = Deferred.makeUnsafe()
      waiting.set(folder, mine)
      return lead(folder, mine)
    })

  /** Makes the folder, and its own entry in each folder above it, durable. */
  const ensure: (folder: string) => Effect.Effect<void, PlatformError.PlatformError> = Effect.fnUntraced(
    function* (folder: string) {
      if (durable.has(folder)) return
      yield* disk.makeFolder(folder)
      const parent = above(folder)
      yield* sync(parent)
      yield* ensure(parent)
      if (durable.size >= remembered) durable.clear()
      durable.add(root).add(folder)
    }
  )

  /** Someone took the folder away: the next `ensure` makes it again. */
  const forget = (folder: string): void => {
    for (let at = folder; at !== root; at = above(at)) durable.delete(at)
  }

  return { sync, ensure, forget }
}
