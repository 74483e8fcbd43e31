/** A lock file outlives its process; only a living one keeps others out. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import process from "node:process"
import { acquireDirectoryLock } from "../../src/database/DirectoryLock.ts"

const lockPath = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "guichet-"))),
    (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
  ),
  (directory) => Path.join(directory, "data.lock")
)

const holderOf = (path: string) => Fs.readFileSync(path, "utf8").split(" ")[0]

describe("the directory lock", () => {
  it.live("holds our process id and leaves nothing after the scope", () =>
    Effect.gen(function* () {
      const path = yield* lockPath
      const holder = yield* Effect.scoped(
        Effect.andThen(acquireDirectoryLock(path), Effect.sync(() => holderOf(path)))
      )
      assert.strictEqual(holder, `${process.pid}`)
      assert.deepStrictEqual(Fs.readdirSync(Path.dirname(path)), [])
    }))

  it.live("keeps a second one out, in a sentence, and leaves the first alone", () =>
    Effect.gen(function* () {
      const path = yield* lockPath
      yield* acquireDirectoryLock(path)
      const before = Fs.readdirSync(Path.dirname(path))
      const error = yield* Effect.flip(Effect.scoped(acquireDirectoryLock(path)))
      assert.include(error.message, `Another process (${process.pid}) is using this data directory.`)
      assert.deepStrictEqual(Fs.readdirSync(Path.dirname(path)), before)
    }))

  it.live("is taken over when nothing accepts on the holder's socket", () =>
    Effect.gen(function* () {
      const path = yield* lockPath
      Fs.writeFileSync(path, `${process.ppid} 0123abcd`)
      yield* acquireDirectoryLock(path)
      assert.strictEqual(holderOf(path), `${process.pid}`)
    }))

  it.live("without a socket, goes by the process number", () =>
    Effect.gen(function* () {
      const path = yield* lockPath
      Fs.writeFileSync(path, `${process.ppid} -`)
      const error = yield* Effect.flip(Effect.scoped(acquireDirectoryLock(path)))
      assert.include(error.message, `Another process (${process.ppid})`)
      for (const gone of [4_194_305, process.pid]) {
        Fs.writeFileSync(path, `${gone} -`)
        yield* Effect.scoped(acquireDirectoryLock(path))
      }
    }))

  it.live("goes to one of many that find a dead holder at once", () =>
    Effect.gen(function* () {
      const path = yield* lockPath
      Fs.writeFileSync(path, "4194305 0123abcd")
      const exits = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.exit(acquireDirectoryLock(path)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(exits.filter((exit) => exit._tag === "Success").length, 1)
    }))
})
