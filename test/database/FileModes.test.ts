/**
 * What a data directory holds is its owner's alone, whatever the umask is and whoever made the directory.
 * Guards whose removal turns this red: the mode of what PGlite makes, `ownTree`, the modes of the lock, its socket and the
 * marker, of the outbox, the files and the secrets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import process from "node:process"
import { openEmbedded } from "../../src/database/EmbeddedDatabase.ts"
import { FileStore } from "../../src/files/FileStore.ts"
import * as Platform from "../../src/Platform.ts"
import * as Outbox from "../../src/services/notifications/Outbox.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import { SigningKeys } from "../../src/trust/SigningKeys.ts"
import { temporaryDirectory } from "../support/Served.ts"

/** A umask that takes nothing away, until the scope closes. */
const openUmask = Effect.acquireRelease(
  Effect.sync(() => process.umask(0)),
  (before) => Effect.sync(() => process.umask(before))
)

/** Every path below a directory that the group or others have a right to. */
const shared = (directory: string): ReadonlyArray<string> =>
  Fs.readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = Path.join(entry.parentPath, entry.name)
    const mode = Fs.lstatSync(path).mode & 0o777
    return (mode & 0o077) === 0 ? [] : [`${mode.toString(8)} ${Path.relative(directory, path)}`]
  })

/** A start that makes everything that a data directory may hold, and writes after it. */
const start = (directory: string) =>
  Effect.gen(function* () {
    const database = yield* openEmbedded({ dataDir: `${directory}/data` })
    yield* Effect.promise(() => database.exec("CREATE TABLE IF NOT EXISTS a (b INT PRIMARY KEY); CHECKPOINT"))
    yield* (yield* FileStore).put("tickets/1/a.pdf", new Uint8Array(3), "application/pdf")
    yield* (yield* Outbox.make(directory)).write("a.eml", new Uint8Array(3))
    return shared(directory)
  }).pipe(
    Effect.scoped,
    Effect.provide([
      FileStore.layerLocal(`${directory}/files`),
      ServiceSecrets.layerFile(directory),
      SigningKeys.layerFile(directory)
    ]),
    Effect.provide(Platform.services)
  )

describe("a data directory", () => {
  it.live("gives no right to the group and to others, and takes back what an earlier version gave", () =>
    Effect.gen(function* () {
      const directory = Path.join(yield* temporaryDirectory, "shared")
      yield* openUmask
      Fs.mkdirSync(directory, { mode: 0o755 })
      assert.deepStrictEqual(yield* start(directory), [])
      assert.deepStrictEqual(shared(directory), [])
      for (const name of ["data", "files", "outbox"]) Fs.chmodSync(Path.join(directory, name), 0o755)
      Fs.chmodSync(Path.join(directory, "data/PG_VERSION"), 0o666)
      assert.deepStrictEqual(yield* start(directory), [])
    }))
})
