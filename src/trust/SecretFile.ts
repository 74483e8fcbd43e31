/** A secret that Guichet makes for itself when nobody gave one, and keeps beside the embedded database. */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

const read = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  return { path, text: Redacted.make((yield* fs.readFileString(path)).trim()) }
})

/** The secret `<directory>/secrets/<name>`, none when it has never been made. */
export const keptSecret = Effect.fn("SecretFile.keptSecret")(function* (directory: string, name: string) {
  const fs = yield* FileSystem.FileSystem
  const path = `${directory}/secrets/${name}`
  return (yield* fs.exists(path)) ? Option.some(yield* read(path)) : Option.none()
})

/**
 * Reads `<directory>/secrets/<name>`, made first with `generate` when absent: mode 0600 in a 0700 directory.
 * The new file is complete before it takes its name, and a link never replaces: two processes that start at
 * once agree.
 */
export const keepSecret = Effect.fn("SecretFile.keepSecret")(function* (
  directory: string,
  name: string,
  generate: () => string
) {
  const fs = yield* FileSystem.FileSystem
  const secrets = `${directory}/secrets`
  const path = `${secrets}/${name}`
  yield* fs.makeDirectory(secrets, { recursive: true, mode: 0o700 })
  if (!(yield* fs.exists(path))) {
    const draft = `${path}.${randomUUID()}`
    const write = Effect.scoped(Effect.gen(function* () {
      const file = yield* fs.open(draft, { flag: "wx", mode: 0o600 })
      yield* file.writeAll(new TextEncoder().encode(generate()))
      yield* file.sync
    }))
    const publish = fs.link(draft, path).pipe(
      Effect.catchIf((error) => error.reason._tag === "AlreadyExists", () => Effect.void)
    )
    yield* Effect.ensuring(Effect.andThen(write, publish), Effect.orDie(fs.remove(draft, { force: true })))
  }
  return yield* read(path)
})
