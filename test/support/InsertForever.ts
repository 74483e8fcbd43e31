/** Inserts rows into an embedded database and prints each number once it is committed, until it is killed. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import process from "node:process"
import * as Database from "../../src/database/Database.ts"

const program = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS committed (n int PRIMARY KEY, filling text NOT NULL)`
  const [row] = yield* sql<{ next: number }>`SELECT coalesce(max(n), 0) + 1 AS next FROM committed`
  for (let n = row?.next ?? 1;; n++) {
    yield* sql`INSERT INTO committed ${sql.insert({ n, filling: "x".repeat(2000) })}`
    process.stdout.write(`${n}\n`)
  }
})

await Effect.runPromise(Effect.provide(program, Database.layerEmbedded({ dataDir: process.argv[2] ?? "" })))
