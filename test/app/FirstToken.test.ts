/**
 * The first token of an embedded installation, and the next one when its file is gone.
 * Guards whose removal turns this file red: the look at the file, its mode, the embedded database alone.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { firstTokenFile, FirstTokenLayer } from "../../src/app/FirstToken.ts"
import * as Platform from "../../src/Platform.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import { temporaryDirectory } from "../support/Served.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const World = (database: typeof TestDatabase.layerEmbedded) =>
  TokenStore.layer.pipe(Layer.provideMerge(database))

/** A start in this directory, as far as its first token is concerned; answers the path of the file. */
const starts = Effect.map(temporaryDirectory, (directory) => {
  const start = Layer.build(FirstTokenLayer).pipe(
    Effect.scoped,
    Effect.provide(Platform.services),
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ GUICHET_DATA: directory })))
  )
  return { start, path: Path.join(directory, firstTokenFile) }
})

const tokenIn = (path: string) => Redacted.make(Fs.readFileSync(path, "utf8").trim())

const made = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => Effect.map(sql`SELECT token_id FROM tokens`, (rows) => rows.length)
)

describe("the first token", () => {
  it.live("is made once, for its owner's eyes, and again when its file is gone", () =>
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const { path, start } = yield* starts
      yield* start
      const first = tokenIn(path)
      assert.strictEqual(Fs.statSync(path).mode & 0o777, 0o600)
      assert.strictEqual(Option.getOrThrow(yield* tokens.find(first)).role, "admin")
      yield* start
      assert.strictEqual(Redacted.value(tokenIn(path)), Redacted.value(first))
      assert.strictEqual(yield* made, 1)
      Fs.rmSync(path)
      yield* start
      const second = tokenIn(path)
      assert.notStrictEqual(Redacted.value(second), Redacted.value(first))
      assert.strictEqual(Option.getOrThrow(yield* tokens.find(second)).role, "admin")
      assert.strictEqual(yield* made, 2)
    }).pipe(Effect.provide(World(TestDatabase.layerEmbedded)), Effect.scoped))
})

describe.skipIf(TestDatabase.serverUrl === undefined)("the first token on PostgreSQL", () => {
  it.live("is not made: `guichet token` makes it", () =>
    Effect.gen(function* () {
      const { path, start } = yield* starts
      yield* start
      assert.isFalse(Fs.existsSync(path))
      assert.strictEqual(yield* made, 0)
    }).pipe(Effect.provide(World(TestDatabase.layerPostgres)), Effect.scoped))
})
