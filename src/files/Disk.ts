/** What storing a file asks of the disk: with other threads, or at once in a thread that does nothing else. */
import { Effect, type FileSystem } from "effect"
import { type PlatformError, systemError } from "effect/PlatformError"
import * as Fs from "node:fs"
import { platform } from "node:process"

type Done = Effect.Effect<void, PlatformError>

/** `write` makes a new file, whose bytes are on the disk when it returns; `sync` does so for a folder's entries. */
export interface Disk {
  readonly makeFolder: (path: string) => Done
  readonly write: (path: string, bytes: Uint8Array) => Done
  readonly rename: (from: string, to: string) => Done
  readonly sync: (folder: string) => Done
}

/** Each call goes to another thread, and this one goes on meanwhile. */
export const shared = (fs: FileSystem.FileSystem): Disk => ({
  makeFolder: (path) => fs.makeDirectory(path, { recursive: true, mode: 0o700 }),
  write: (path, bytes) =>
    Effect.scoped(Effect.gen(function* () {
      const file = yield* fs.open(path, { flag: "wx", mode: 0o600 })
      yield* file.writeAll(bytes)
      yield* file.sync
    })),
  rename: (from, to) => fs.rename(from, to),
  sync: (folder) =>
    platform === "win32"
      ? Effect.void
      : Effect.scoped(Effect.flatMap(fs.open(folder, { flag: "r" }), (file) => file.sync))
})

const now = (method: string, path: string, work: () => unknown): Done =>
  Effect.try({
    try: () => void work(),
    catch: (cause) =>
      systemError({
        module: "Disk",
        method,
        pathOrDescriptor: path,
        _tag: cause instanceof Error && "code" in cause && cause.code === "ENOENT" ? "NotFound" : "Unknown",
        cause
      })
  })

const withFile = (path: string, flag: string, work: (file: number) => void) => {
  const file = Fs.openSync(path, flag, 0o600)
  try {
    work(file)
  } finally {
    Fs.closeSync(file)
  }
}

const writeAll = (file: number, bytes: Uint8Array) => {
  for (let written = 0; written < bytes.length;) written += Fs.writeSync(file, bytes, written)
}

/**
 * Each call holds up this thread, and costs half the processor's time: the way to another thread and back takes
 * longer than the work. Never where requests are served: a slow disk would hold them up.
 */
export const own: Disk = {
  makeFolder: (path) => now("makeFolder", path, () => Fs.mkdirSync(path, { recursive: true, mode: 0o700 })),
  write: (path, bytes) =>
    now("write", path, () =>
      withFile(path, "wx", (file) => {
        writeAll(file, bytes)
        Fs.fsyncSync(file)
      })),
  rename: (from, to) => now("rename", from, () => Fs.renameSync(from, to)),
  sync: (folder) =>
    platform === "win32" ? Effect.void : now("sync", folder, () => withFile(folder, "r", Fs.fsyncSync))
}
