/** What a killed process left is removed, what is being written stays. */
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as TempFiles from "../../src/files/TempFiles.ts"
import * as Platform from "../../src/Platform.ts"

it.live("removes files of long ago and nothing else", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "guichet-temp-" })
    const longAgo = new Date("2020-01-01T00:00:00Z")
    for (const name of [".old.tmp", ".new.tmp", "kept.eml"]) {
      yield* fs.writeFileString(`${folder}/${name}`, "x")
    }
    for (const name of [".old.tmp", "kept.eml"]) yield* fs.utimes(`${folder}/${name}`, longAgo, longAgo)
    yield* TempFiles.sweep(folder, (name) => name.endsWith(".tmp"))
    assert.deepStrictEqual((yield* fs.readDirectory(folder)).sort(), [".new.tmp", "kept.eml"])
  }).pipe(Effect.scoped, Effect.provide(Platform.services)))

it.live("passes over a file that was finished between the listing and the look at it", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "guichet-temp-" })
    yield* fs.symlink(`${folder}/finished`, `${folder}/.gone.tmp`)
    yield* TempFiles.sweep(folder, () => true)
    assert.deepStrictEqual(yield* fs.readDirectory(folder), [".gone.tmp"])
  }).pipe(Effect.scoped, Effect.provide(Platform.services)))
