/** The folder where messages land as files: `.eml` opens in any mail client. One message id is one file. */
import { Duration, Effect, FileSystem, Layer, Path, Schedule } from "effect"
import type { PlatformError } from "effect"
import { createHash, randomUUID } from "node:crypto"
import { trimBoth } from "../../bounds/Trim.ts"
import * as TempFiles from "../../files/TempFiles.ts"

/**
 * A message id as a file name and a Message-ID: unchanged when it is safe as both, else made safe and told
 * apart by a digest.
 */
export const stem = (messageId: string): string => {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(messageId)) return messageId
  const digest = createHash("sha256").update(messageId).digest("hex").slice(0, 16)
  const readable = trimBoth(messageId.replace(/[^A-Za-z0-9_-]+/g, "-"), "-").slice(0, 47)
  return `${readable}${readable === "" ? "" : "-"}${digest}`
}

/** Writes are atomic (a temporary file, renamed), and the first of an id stays. */
export interface Outbox {
  readonly has: (name: string) => Effect.Effect<boolean, PlatformError.PlatformError>
  readonly write: (name: string, bytes: Uint8Array) => Effect.Effect<void, PlatformError.PlatformError>
}

const folderIn = (dir: string) => Effect.map(Path.Path, (path) => path.join(dir, "outbox"))

/** As long as anything that is kept for a time: a message is sent again within a day at most. */
const kept = Duration.days(31)

/** Removes what is older than 31 days from the outbox of `dir`. */
export const sweep = Effect.fn("Outbox.sweep")(function* (dir: string) {
  const folder = yield* folderIn(dir)
  if (!(yield* (yield* FileSystem.FileSystem).exists(folder))) return
  yield* TempFiles.sweep(folder, (name) => endings.some((ending) => name.endsWith(ending)), kept)
})

const endings = [".eml", ".sms.txt"]

/** Removes these messages, where they are in the outbox of `dir`. */
export const forget = Effect.fn("Outbox.forget")(function* (dir: string, messageIds: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* folderIn(dir)
  const names = messageIds.flatMap((id) => endings.map((ending) => `${folder}/${stem(id)}${ending}`))
  yield* Effect.forEach(names, (name) => fs.remove(name, { force: true }), { concurrency: 4, discard: true })
})

/** Removes messages after 31 days, once before it is built and every hour: each holds a name, an address and a ticket's code. */
export const sweeperLayer = (dir: string) =>
  Layer.effectDiscard(Effect.gen(function* () {
    const once = Effect.catch(
      sweep(dir),
      ({ reason }) => Effect.logWarning("Old messages are still in the outbox", { reason: reason._tag })
    )
    yield* once
    yield* Effect.forkScoped(Effect.schedule(once, Schedule.spaced("1 hour")))
  }))

/** Opens `<dir>/outbox/`, made when it does not exist. */
export const make = Effect.fnUntraced(function* (dir: string): Effect.fn.Return<
  Outbox,
  PlatformError.PlatformError,
  FileSystem.FileSystem | Path.Path
> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* folderIn(dir)
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
  yield* fs.chmod(folder, 0o700)
  yield* TempFiles.sweep(folder, (name) => name.startsWith(".") && name.endsWith(".tmp"))

  const has = (name: string) => fs.exists(path.join(folder, name))

  const write = Effect.fnUntraced(function* (name: string, bytes: Uint8Array) {
    if (yield* has(name)) return
    const temporary = path.join(folder, `.${name}.${randomUUID()}.tmp`)
    // Opened with its mode: to give a file one afterwards is another call.
    yield* Effect.scoped(
      Effect.flatMap(fs.open(temporary, { flag: "wx", mode: 0o600 }), (file) => file.writeAll(bytes))
    ).pipe(
      Effect.andThen(fs.rename(temporary, path.join(folder, name))),
      Effect.onError(() => Effect.ignore(fs.remove(temporary, { force: true })))
    )
  })

  return { has, write }
})
