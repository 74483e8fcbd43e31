/** What storing a file asks of the disk: with other threads, or at once in a thread that does nothing else. */
import { Effect, type FileSystem } from "effect"
import { type PlatformError, systemError } from "effect/PlatformError"
import * as Fs from "node:fs"
import { platform } from "node:process"

type Done = Effect.Effect<void, PlatformError>

/** A file that does not exist yet. */
export interface NewFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/** `write` makes new files, whose bytes are on the disk when it returns; `sync` does so for a folder's entries. */
export interface Disk {
  readonly makeFolder: (path: string) => Done
  readonly write: (files: ReadonlyArray<NewFile>) => Done
  readonly rename: (from: string, to: string) => Done
  readonly sync: (folder: string) => Done
}

/** Files of one call that are written at the same time. */
const together = 8

/** Each call goes to another thread, and this one goes on meanwhile. */
export const shared = (fs: FileSystem.FileSystem): Disk => ({
  makeFolder: (path) => fs.makeDirectory(path, { recursive: true, mode: 0o700 }),
  write: (files) =>
    Effect.forEach(files, ({ bytes, path }) =>
      Effect.scoped(Effect.gen(function* () {
        const file = yield* fs.open(path, { flag: "wx", mode: 0o600 })
        yield* file.writeAll(bytes)
        yield* file.sync
      })), { concurrency: together, discard: true }),
  rename: (from, to) => fs.rename(from, to),
  sync: (folder) =>
    platform === "win32"
      ? Effect.void
      : Effect.scoped(Effect.flatMap(fs.open(folder, { flag: "r" }), (file) => file.sync))
})

const failed = (method: string, path: string) => (cause: unknown): PlatformError =>
  systemError({
    module: "Disk",
    method,
    pathOrDescriptor: path,
    _tag: cause instanceof Error && "code" in cause && cause.code === "ENOENT" ? "NotFound" : "Unknown",
    cause
  })

const now = <A>(method: string, path: string, work: () => A): Effect.Effect<A, PlatformError> =>
  Effect.try({ try: work, catch: failed(method, path) })

/** The system syncs as many files as are asked for in about the time of one: only this is left to other threads. */
const synced = (path: string, file: number): Done =>
  Effect.callback((resume) =>
    Fs.fsync(file, (error) => resume(error === null ? Effect.void : Effect.fail(failed("sync", path)(error))))
  )

/** Files that are open while `work` runs, whatever becomes of it; nobody closes one under its sync. */
const withFiles = (
  work: (open: (path: string, flag: string) => Effect.Effect<number, PlatformError>) => Done
): Done =>
  Effect.uninterruptible(Effect.suspend(() => {
    const files: Array<number> = []
    const open = (path: string, flag: string) =>
      now("open", path, () => {
        const file = Fs.openSync(path, flag, 0o600)
        files.push(file)
        return file
      })
    return Effect.ensuring(work(open), Effect.sync(() => files.forEach((file) => Fs.closeSync(file))))
  }))

const writeAll = (file: number, bytes: Uint8Array): void => {
  for (let written = 0; written < bytes.length;) written += Fs.writeSync(file, bytes, written)
}

/**
 * Each call but a sync holds up this thread, and costs half the processor's time: the way to another thread and back
 * takes longer than the work. Never where requests are served: a slow disk would hold them up.
 */
export const own: Disk = {
  makeFolder: (path) =>
    now("makeFolder", path, () => void Fs.mkdirSync(path, { recursive: true, mode: 0o700 })),
  write: (files) =>
    withFiles((open) =>
      Effect.gen(function* () {
        const written = yield* Effect.forEach(files, ({ bytes, path }) =>
          Effect.flatMap(open(path, "wx"), (file) =>
            Effect.as(now("write", path, () => writeAll(file, bytes)), synced(path, file))))
        yield* Effect.all(written, { concurrency: "unbounded", discard: true })
      })
    ),
  rename: (from, to) => now("rename", from, () => Fs.renameSync(from, to)),
  sync: (folder) =>
    platform === "win32"
      ? Effect.void
      : withFiles((open) => Effect.flatMap(open(folder, "r"), (file) => synced(folder, file)))
}
