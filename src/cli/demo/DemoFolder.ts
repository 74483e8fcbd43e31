/** Where the demonstration leaves what it made, and where its throw-away installation lives meanwhile. */
import { DateTime, Effect, FileSystem, Option, Path, type Scope } from "effect"
import { DemoFailed } from "./DemoFailed.ts"

/** `path` stays; `data`, the directory of the throw-away installation, goes with the scope. */
export interface DemoFolder {
  readonly path: string
  readonly data: string
  readonly log: string
  /** Writes a file below the folder. */
  readonly write: (name: string, content: string | Uint8Array) => Effect.Effect<void, DemoFailed>
  /** Reads a file that the throw-away installation wrote below its directory. */
  readonly read: (name: string) => Effect.Effect<Uint8Array, DemoFailed>
}

const stamp = Effect.map(
  DateTime.now,
  (now) => DateTime.formatIso(now).slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-")
)

const cannot = (what: string) =>
  Effect.mapError((error: { readonly message: string }) =>
    new DemoFailed({ message: `${what}: ${error.message}`, cause: error })
  )

/** Makes the folder, `.guichet/demo-<timestamp>` by default; one that holds anything is left alone. */
export const open = Effect.fn("DemoFolder.open")(function* (
  to: Option.Option<string>
): Effect.fn.Return<DemoFolder, DemoFailed, FileSystem.FileSystem | Path.Path | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const { dirname, join } = yield* Path.Path
  const path = Option.getOrElse(to, () => "") || `.guichet/demo-${yield* stamp}`
  const data = join(path, ".throw-away")

  const found = yield* fs.makeDirectory(path, { recursive: true, mode: 0o700 }).pipe(
    Effect.andThen(fs.readDirectory(path)),
    cannot(`The folder ${path} cannot be made`)
  )
  if (found.length > 0) {
    return yield* new DemoFailed({ message: `The folder ${path} is not empty: name another one with --to.` })
  }
  yield* Effect.acquireRelease(
    fs.makeDirectory(data, { mode: 0o700 }),
    () => Effect.orDie(fs.remove(data, { recursive: true, force: true }))
  ).pipe(cannot(`The folder ${data} cannot be made`))

  const write: DemoFolder["write"] = (name, content) =>
    fs.makeDirectory(join(path, dirname(name)), { recursive: true }).pipe(
      Effect.andThen(
        typeof content === "string"
          ? fs.writeFileString(join(path, name), content)
          : fs.writeFile(join(path, name), content)
      ),
      cannot(`${join(path, name)} cannot be written`)
    )
  const read: DemoFolder["read"] = (name) =>
    fs.readFile(join(data, name)).pipe(cannot(`${name} is not there`))

  return { path, data, log: join(path, "guichet.log"), write, read }
})
