/**
 * kill -9 in the middle of flows, again and again; the first process is of a version without a journal. Every flow ends
 * with its right result; no activity runs that the journal, or the older version's mailbox, has, and none before the one that it follows is there. Guards whose removal
 * turns this file red: the row before the result, the read of an activation, what it reads of the mailboxes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import * as Database from "../../../src/database/Database.ts"
import { startProgram } from "../../support/ChildProgram.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { effects, total } from "./KillFlow.ts"

const flows = 60

/** Of the effects that all flows have at least: each process gets so much further before it is killed. */
const shares = [0.2, 0.35, 0.5, 0.65, 0.8]

describe.skipIf(TestDatabase.serverUrl === undefined)("flows whose process is killed", () => {
  it.live("go on where they were, also those of a version without a journal", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.freshUrl()
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql.unsafe(effects)
        const count = (statement: string) =>
          Effect.map(sql.unsafe<{ n: number }>(statement), ([row]) => Number(row!.n))
        const until = (statement: string, least: number) =>
          Effect.repeat(count(statement), {
            until: (n) => n >= least,
            schedule: Schedule.spaced("10 millis")
          })
        const steps = `SELECT count(*) AS n FROM (SELECT DISTINCT execution, step FROM effects) AS done`
        const life = (nth: number) =>
          startProgram("test/cluster/journal/KillProgram.ts", [
            nth === 0 ? "stock" : "journal",
            url,
            String(flows),
            String(nth)
          ])
        for (const [nth, share] of shares.entries()) {
          const child = yield* life(nth)
          yield* until(steps, Math.floor(flows * 8 * share))
          yield* child.kill("SIGKILL")
        }
        const last = yield* life(shares.length)
        yield* until(
          `SELECT count(*) AS n FROM cluster_messages m JOIN cluster_replies r ON r.id = m.last_reply_id
           WHERE m.tag = 'run' AND m.processed AND r.payload LIKE '%"Complete"%${total}%'`,
          flows
        )
        yield* last.kill("SIGKILL")
        assert.strictEqual(yield* count(steps), flows * 8)
        assert.deepStrictEqual(yield* sql`SELECT * FROM effects WHERE was_journaled OR was_early`, [])
        const lives = yield* sql<{ life: number }>`SELECT DISTINCT life FROM effects ORDER BY life`
        assert.deepStrictEqual(lives.map(({ life }) => life), [0, ...shares.map((_, at) => at + 1)])
      }).pipe(
        Effect.provide(Layer.orDie(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 2 })))
      )
    }).pipe(Effect.scoped))
})
