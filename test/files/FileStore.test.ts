import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { FileStore } from "../../src/files/FileStore.ts"

const pdf = "application/pdf"
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const temporary = (ownThread: boolean) =>
  Layer.unwrap(Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    return FileStore.layerLocal(yield* fs.makeTempDirectoryScoped(), { ownThread })
  })).pipe(Layer.provide(NodeFileSystem.layer))

const stores = {
  "local": temporary(false),
  "local of a thread": temporary(true),
  "memory": FileStore.layerMemory
}

for (const [name, store] of Object.entries(stores)) {
  describe(`FileStore ${name}`, () => {
    it.effect("gives back what was put, and forgets what was removed", () =>
      Effect.gen(function* () {
        const files = yield* FileStore
        yield* files.put("tickets/1/TKT-001-ABC.pdf", bytes("one"), pdf)
        yield* files.put("tickets/1/TKT-001-ABC.pdf", bytes("two"), pdf)
        const file = yield* files.get("tickets/1/TKT-001-ABC.pdf")
        assert.deepStrictEqual(new TextDecoder().decode(file.bytes), "two")
        assert.strictEqual(file.contentType, pdf)
        assert.isTrue(yield* files.exists("tickets/1/TKT-001-ABC.pdf"))
        yield* files.remove("tickets/1/TKT-001-ABC.pdf")
        yield* files.remove("tickets/1/TKT-001-ABC.pdf")
        assert.isFalse(yield* files.exists("tickets/1/TKT-001-ABC.pdf"))
        assert.strictEqual((yield* Effect.flip(files.get("tickets/1/TKT-001-ABC.pdf"))).reason, "not_found")
      }).pipe(Effect.provide(store)))

    it.effect("refuses keys that climb, hide, or name nothing we store", () =>
      Effect.gen(function* () {
        const files = yield* FileStore
        const keys = [
          "",
          "/etc/a.pdf",
          "../a.pdf",
          "a/../../b.pdf",
          "a//b.pdf",
          ".drafts/a.pdf",
          "a.b/c.pdf",
          "a\\b.pdf",
          "a\0.pdf",
          "a%2e.pdf",
          "a.html",
          "a",
          "é.pdf",
          "a.pdf\n",
          `${"a".repeat(300)}.pdf`
        ]
        for (const key of keys) {
          for (
            const attempt of [
              files.put(key, bytes(""), pdf),
              files.get(key),
              files.exists(key),
              files.remove(key)
            ]
          ) {
            const error = yield* Effect.flip(attempt)
            assert.strictEqual(error.reason, "invalid_key", JSON.stringify(key))
          }
        }
      }).pipe(Effect.provide(store)))

    it.effect("refuses a media type that the key does not stand for", () =>
      Effect.gen(function* () {
        const files = yield* FileStore
        const error = yield* Effect.flip(files.put("a.pdf", bytes("<script>"), "text/html"))
        assert.strictEqual(error.reason, "type_mismatch")
      }).pipe(Effect.provide(store)))
  })
}

for (const ownThread of [false, true]) {
  describe(`FileStore local${ownThread ? " of a thread" : ""}`, () => {
    it.effect("shows a file whole or not at all while it is replaced, and leaves no temporary file behind", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped()
        const files = yield* Effect.provide(FileStore, FileStore.layerLocal(directory, { ownThread }))
        const versions = ["a", "b", "c", "d"].map((letter) => bytes(letter.repeat(300_000)))
        yield* files.put("x.pdf", versions[0]!, pdf)
        const write = Effect.forEach(versions, (version) => files.put("x.pdf", version, pdf), {
          discard: true
        })
        const read = Effect.forEach(
          Array.from({ length: 30 }),
          () =>
            Effect.map(files.get("x.pdf"), (file) => {
              assert.strictEqual(file.bytes.length, 300_000)
              assert.strictEqual(new Set(file.bytes).size, 1)
            })
        )
        yield* Effect.all([write, write, read], { concurrency: "unbounded" })
        assert.deepStrictEqual(yield* fs.readDirectory(`${directory}/.drafts`), [])
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

    it.effect("says unavailable when the disk will not take the file", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped()
        const files = yield* Effect.provide(FileStore, FileStore.layerLocal(directory, { ownThread }))
        yield* fs.writeFile(`${directory}/blocked`, bytes("a file where a folder should be"))
        const error = yield* Effect.flip(files.put("blocked/x.pdf", bytes("x"), pdf))
        assert.strictEqual(error.reason, "unavailable")
        const several = ["y.pdf", "blocked/x.pdf", "z.pdf"].map((key) => ({
          key,
          bytes: bytes("x"),
          contentType: pdf
        }))
        const failed = yield* Effect.flip(files.putAll(several))
        assert.strictEqual(failed.message, "unavailable: y.pdf and 2 more")
        assert.deepStrictEqual(yield* fs.readDirectory(`${directory}/.drafts`), [])
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
  })
}
