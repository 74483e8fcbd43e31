/** PGlite in this process, opened durably, in a directory of its own or in memory. */
import { PGlite } from "@electric-sql/pglite"
import { NodeFS } from "@electric-sql/pglite/nodefs"
import { dataDir as prepopulated } from "@electric-sql/pglite-prepopulatedfs"
import { Effect, type Scope } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseError } from "./DatabaseError.ts"
import { acquireDirectoryLock } from "./DirectoryLock.ts"

/** Where the embedded database lives and, for tests, the dump it starts from. */
export interface EmbeddedOptions {
  readonly dataDir: string
  readonly snapshot?: Blob | undefined
}

interface EmscriptenFs {
  readonly filesystems: {
    readonly NODEFS: {
      readonly realPath: (node: unknown) => string
      readonly node_ops: { mknod: (parent: unknown, name: string, mode: number, device: unknown) => unknown }
      readonly stream_ops: { fsync?: (stream: { readonly nfd?: number; readonly node: unknown }) => number }
    }
  }
}

/** Without any right of the group and of others. */
const ownersOnly = (mode: number): number => mode & ~0o077

/**
 * Emscripten's node file system answers `fsync` without doing it. With this one, and PGlite's `-F`
 * (no fsync) taken off its start parameters, a commit is on the disk when it is answered. What it makes is its owner's
 * alone, whatever the process's umask is.
 */
class DurableFs extends NodeFS {
  override async init(...args: Parameters<NodeFS["init"]>): ReturnType<NodeFS["init"]> {
    const { emscriptenOpts } = await super.init(...args)
    const owning = (module: { readonly FS: unknown }) => {
      const { node_ops } = (module.FS as EmscriptenFs).filesystems.NODEFS
      const { mknod } = node_ops
      node_ops.mknod = (parent, name, mode, device) => mknod(parent, name, ownersOnly(mode), device)
    }
    const syncing = (module: { readonly FS: unknown }) => {
      const { NODEFS } = (module.FS as EmscriptenFs).filesystems
      NODEFS.stream_ops.fsync = ({ nfd, node }) => {
        const descriptor = nfd ?? Fs.openSync(NODEFS.realPath(node), "r")
        Fs.fsyncSync(descriptor)
        if (nfd === undefined) Fs.closeSync(descriptor)
        return 0
      }
    }
    return {
      emscriptenOpts: { ...emscriptenOpts, preRun: [...emscriptenOpts.preRun ?? [], syncing, owning] }
    }
  }
}

const memoryStart = [...PGlite.defaultStartParams, "-c", "timezone=UTC"]

const durableStart = [...memoryStart.filter((parameter) => parameter !== "-F"), "-c", "wal_sync_method=fsync"]

const syncTree = (directory: string): void => {
  for (const entry of Fs.readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const descriptor = Fs.openSync(Path.join(entry.parentPath, entry.name), "r")
    Fs.fsyncSync(descriptor)
    Fs.closeSync(descriptor)
  }
}

/** Takes the rights of the group and of others from what an earlier version made. */
const ownTree = (directory: string): void => {
  Fs.chmodSync(directory, 0o700)
  for (const entry of Fs.readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = Path.join(entry.parentPath, entry.name)
    const { mode } = Fs.lstatSync(path)
    if ((entry.isFile() || entry.isDirectory()) && ownersOnly(mode) !== mode) {
      Fs.chmodSync(path, ownersOnly(mode) & 0o7777)
    }
  }
}

/** A first start that was killed halfway leaves its marker: what it made is unusable and made again. */
const openDirectory = async ({ dataDir, snapshot }: EmbeddedOptions): Promise<PGlite> => {
  const marker = `${dataDir}.creating`
  if (Fs.existsSync(marker)) Fs.rmSync(dataDir, { recursive: true, force: true })
  const fresh = !Fs.existsSync(Path.join(dataDir, "PG_VERSION"))
  if (fresh) Fs.writeFileSync(marker, "", { mode: 0o600 })
  Fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  ownTree(dataDir)
  const database = await PGlite.create({
    fs: new DurableFs(dataDir),
    startParams: durableStart,
    ...(fresh ? { loadDataDir: snapshot ?? await prepopulated() } : {})
  })
  if (fresh) {
    syncTree(dataDir)
    Fs.rmSync(marker)
  }
  return database
}

const openMemory = async (snapshot: Blob | undefined): Promise<PGlite> =>
  PGlite.create({ startParams: memoryStart, loadDataDir: snapshot ?? await prepopulated() })

/** Opens the database until the scope closes; `dataDir` is a directory or `"memory"`. */
export const openEmbedded = Effect.fn("EmbeddedDatabase.open")(function* (
  options: EmbeddedOptions
): Effect.fn.Return<PGlite, DatabaseError, Scope.Scope> {
  const dataDir = Path.resolve(options.dataDir)
  if (options.dataDir !== "memory") {
    yield* Effect.try({
      try: () => Fs.mkdirSync(Path.dirname(dataDir), { recursive: true, mode: 0o700 }),
      catch: (cause) => new DatabaseError({ message: `The directory of ${dataDir} cannot be made.`, cause })
    })
    yield* acquireDirectoryLock(`${dataDir}.lock`)
  }
  return yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        options.dataDir === "memory" ? openMemory(options.snapshot) : openDirectory({ ...options, dataDir }),
      catch: (cause) =>
        new DatabaseError({ message: `The embedded database in ${options.dataDir} cannot be opened.`, cause })
    }),
    (database) => Effect.promise(() => database.close())
  )
})
