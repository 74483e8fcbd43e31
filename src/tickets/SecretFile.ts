/** A secret that Guichet makes for itself when nobody gave one, and keeps beside the embedded database. */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"

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
  return { path, text: Redacted.make((yield* fs.readFileString(path)).trim()) }
})
