/** The embedded database keeps what it has answered, and belongs to one process at a time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Database from "../../src/database/Database.ts"
import { startProgram } from "../support/ChildProgram.ts"

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "guichet-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

const within = <A, E>(dataDir: string, effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.provide(effect, Database.layerEmbedded({ dataDir }))

const committed = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql<{ n: number }>`SELECT n FROM committed ORDER BY n`
)

const isNumber = (above: number) => (line: string) => Number(line) > above

describe("the embedded database", () => {
  it.live("keeps every committed row through kill -9, twice", () =>
    Effect.gen(function* () {
      const dataDir = Path.join(yield* temporaryDirectory, "data")
      let last = 0
      for (let round = 0; round < 2; round++) {
        const child = yield* startProgram("test/support/InsertForever.ts", [dataDir])
        yield* child.line(isNumber(last + 300))
        yield* child.kill("SIGKILL")
        last = Math.max(...child.lines.map(Number))
      }
      const rows = yield* within(dataDir, committed)
      assert.isAtLeast(rows.length, last)
      assert.deepStrictEqual(rows.map(({ n }) => n), rows.map((_, index) => index + 1))
    }), 60_000)

  it.live("waits for the disk at every commit", () =>
    Effect.gen(function* () {
      const dataDir = Path.join(yield* temporaryDirectory, "data")
      const settings = Effect.flatMap(
        SqlClient.SqlClient,
        (sql) =>
          sql`SELECT name, setting FROM pg_settings
          WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'wal_sync_method') ORDER BY name`
            .values
      )
      assert.deepStrictEqual(yield* within(dataDir, settings), [
        ["fsync", "on"],
        ["full_page_writes", "on"],
        ["synchronous_commit", "on"],
        ["wal_sync_method", "fsync"]
      ])
    }), 30_000)

  it.live("refuses a directory that another process has open, in a sentence", () =>
    Effect.gen(function* () {
      const dataDir = Path.join(yield* temporaryDirectory, "data")
      const child = yield* startProgram("test/support/InsertForever.ts", [dataDir])
      yield* child.line(isNumber(0))
      const error = yield* Effect.flip(within(dataDir, committed))
      assert.strictEqual(error._tag, "DatabaseError")
      assert.include(error.message, `Another process (${child.pid}) is using this data directory.`)
    }), 30_000)

  it.live("refuses a directory that this process has open", () =>
    Effect.gen(function* () {
      const dataDir = Path.join(yield* temporaryDirectory, "data")
      const error = yield* within(dataDir, Effect.flip(within(dataDir, committed)))
      assert.strictEqual(error._tag, "DatabaseError")
    }), 30_000)

  it.live("makes again what a killed first start left half made", () =>
    Effect.gen(function* () {
      const dataDir = Path.join(yield* temporaryDirectory, "data")
      Fs.mkdirSync(Path.join(dataDir, "base"), { recursive: true })
      Fs.writeFileSync(Path.join(dataDir, "PG_VERSION"), "18\n")
      Fs.writeFileSync(`${dataDir}.creating`, "")
      const rows = yield* within(dataDir, Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT 1 AS one`))
      assert.deepStrictEqual(rows, [{ one: 1 }])
      assert.isFalse(Fs.existsSync(`${dataDir}.creating`))
    }), 30_000)
})
