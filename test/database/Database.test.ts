/** Storage answers the same on PostgreSQL and on the embedded database. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import * as TestDatabase from "../support/TestDatabase.ts"

layer(TestDatabase.layer)("a database", (it) => {
  it.effect("starts migrated and empty", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT count(*) AS n FROM events`, [{ n: 0 }])
    }))

  it.effect("reads int8 as a number, numeric as text and timestamptz as a Date", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const at = new Date("2027-03-28T01:30:00.123Z")
      const rows =
        yield* sql`SELECT ${12}::int8 AS whole, ARRAY[1, 2]::int8[] AS many, 1.50::numeric AS exact,
        ${at}::timestamptz AS at, ${at}::timestamptz::text AS shown`
      assert.deepStrictEqual(rows, [
        { whole: 12, many: [1, 2], exact: "1.50", at, shown: "2027-03-28 01:30:00.123+00" }
      ])
    }))

  it.effect("never rounds an int8 that no number can hold", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows =
        yield* sql`SELECT 9007199254740993 AS big, 9007199254740991 AS safe, ${9007199254740993n}::int8 AS sent`
      assert.deepStrictEqual(rows, [
        { big: 9007199254740993n, safe: 9007199254740991, sent: 9007199254740993n }
      ])
    }))

  it.effect("takes arrays of numbers beyond int4 as int8", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* sql`SELECT * FROM unnest(${[3_000_000_000, 4_000_000_000]}::int8[]) AS n`
      assert.deepStrictEqual(rows, [{ n: 3_000_000_000 }, { n: 4_000_000_000 }])
    }))

  it.effect("rolls back what fails and keeps the session usable", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE once (n int PRIMARY KEY)`
      const failure = yield* Effect.flip(sql.withTransaction(
        Effect.andThen(sql`INSERT INTO once VALUES (1)`, sql`INSERT INTO once VALUES (1)`)
      ))
      assert.strictEqual(failure.reason._tag, "UniqueViolation")
      assert.deepStrictEqual(yield* sql`SELECT count(*) AS n FROM once`, [{ n: 0 }])
    }))

  it.effect("stays in step after errors of every kind", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const bad = [
        sql`SELEC 1`,
        sql`SELECT 1 / ${0}::int`,
        sql`SELECT ${"x"}::int`,
        sql`SELECT 1 / 0`.unprepared
      ]
      for (const statement of [...bad, ...bad]) {
        assert.strictEqual((yield* Effect.flip(statement))._tag, "SqlError")
        assert.deepStrictEqual(yield* sql`SELECT 1 AS one`, [{ one: 1 }])
      }
    }))

  it.effect("answers the next statements correctly after interrupted ones", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      for (let turn = 0; turn < 20; turn++) {
        const sleeping = yield* Effect.forkChild(sql`SELECT pg_sleep(0.02), ${`lost ${turn}`} AS lost`)
        const transaction = yield* Effect.forkChild(sql.withTransaction(
          Effect.andThen(sql`SELECT pg_sleep(0.01)`, Effect.never)
        ))
        for (let step = 0; step < turn; step++) yield* Effect.yieldNow
        yield* Fiber.interruptAll([sleeping, transaction])
        assert.deepStrictEqual(yield* sql`SELECT ${turn}::int AS n`, [{ n: turn }])
      }
    }))

  it.effect("carries values of several megabytes both ways", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [row] = yield* sql<{ v: string }>`SELECT ${"é".repeat(2_000_000)}::text || 'end' AS v`
      assert.strictEqual(row?.v.length, 2_000_003)
    }))

  it.effect("serves many fibers at once", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const answers = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, n) => n),
        (n) => Effect.map(sql<{ n: number }>`SELECT ${n}::int AS n`, ([row]) => row?.n),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers, Array.from({ length: 200 }, (_, n) => n))
    }))
})
