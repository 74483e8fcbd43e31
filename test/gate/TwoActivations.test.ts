/**
 * Two activations of one event at once, each with its own connections to one PostgreSQL database.
 * Guards whose removal turns this file red: `inside` in the WHERE of the commit, the occupancy bound of the
 * commit and its lock on the occupancy row, the lock of whoever is alone. `ScanStore.test.ts` holds the others, one by
 * one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Direction, Verdict } from "../../rpc/Scan.ts"
import { ScanStore } from "../../src/gate/ScanStore.ts"
import { occupancy, publish, scanOf } from "../support/GateFixture.ts"
import { own, stores } from "../support/Rivals.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

/** A database, an event in it, and two activations of the event. */
const rivals = Effect.fnUntraced(function* (
  tickets: number,
  changes: { readonly max_attendees?: number; readonly reentry?: boolean }
) {
  const url = yield* TestDatabase.freshUrl()
  const context = yield* Layer.build(stores(url))
  const rows = yield* Effect.provide(publish(1, tickets, changes), context)
  return { rows, context, gates: [yield* own(url, 1), yield* own(url, 1)] as const }
})

const count = (verdicts: ReadonlyArray<Verdict>, result: string) =>
  verdicts.filter((verdict) => verdict.result === result).length

/** A small generator, so that a failure can be played again. */
const random = (seed: number) => () =>
  (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648

describe.skipIf(TestDatabase.serverUrl === undefined)("two activations of one event", () => {
  it.live("admit every ticket once", () =>
    Effect.gen(function* () {
      const { context, gates, rows } = yield* rivals(120, {})
      const scans = [0, 1, 2, 3].flatMap((round) =>
        rows.map(({ code }, at) => ({ gate: gates[round % 2]!, scan: scanOf(1, code), at }))
      )
      const verdicts = yield* Effect.forEach(scans, ({ gate, scan }) => gate.Admit(scan), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([count(verdicts, "valid"), count(verdicts, "already_used")], [120, 360])
      assert.deepStrictEqual(yield* Effect.provide(occupancy(1), context), {
        inside: 120,
        entered: 120,
        tickets: 120
      })
    }), 60_000)

  it.live("fill the event together and never beyond its last place", () =>
    Effect.gen(function* () {
      const { context, gates, rows } = yield* rivals(200, { max_attendees: 90 })
      const verdicts = yield* Effect.forEach(rows, ({ code }, at) => gates[at % 2]!.Admit(scanOf(1, code)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([count(verdicts, "valid"), count(verdicts, "capacity_reached")], [90, 110])
      assert.deepStrictEqual(yield* Effect.provide(occupancy(1), context), {
        inside: 90,
        entered: 90,
        tickets: 90
      })
    }), 60_000)

  it.live("give one verdict to a scan that both receive", () =>
    Effect.gen(function* () {
      const { context, gates, rows } = yield* rivals(60, { reentry: true, max_attendees: 20 })
      const scans = rows.flatMap(({ code }) => [scanOf(1, code), scanOf(1, code, { direction: "exit" })])
      const [here, there] = yield* Effect.all(
        gates.map((gate) => Effect.forEach(scans, (scan) => gate.Admit(scan), { concurrency: 8 })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(here, there)
      const journal = yield* Effect.provide(
        Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT 1 FROM scans`),
        context
      )
      assert.strictEqual(journal.length, scans.length)
    }), 60_000)

  it.live("wait for the one that asked to be alone", () =>
    Effect.gen(function* () {
      const { context, gates, rows } = yield* rivals(1, {})
      const { store, sql } = yield* Effect.provide(
        Effect.all({ store: ScanStore, sql: SqlClient.SqlClient }),
        context
      )
      const order: Array<string> = []
      const begun = yield* Deferred.make<void>()
      const alone = store.alone(
        1,
        Deferred.succeed(begun, undefined).pipe(
          Effect.andThen(Effect.orDie(Effect.replicateEffect(sql`SELECT 1`, 200, { discard: true }))),
          Effect.andThen(Effect.sync(() => order.push("alone")))
        )
      )
      const admitted = Deferred.await(begun).pipe(
        Effect.andThen(gates[1].Admit(scanOf(1, rows[0]!.code))),
        Effect.andThen(Effect.sync(() => order.push("admitted")))
      )
      yield* Effect.all([alone, admitted], { concurrency: "unbounded" })
      assert.deepStrictEqual(order, ["alone", "admitted"])
    }), 60_000)

  it.live(
    "leave a journal in which each ticket goes in and out by turns and the house is never too full",
    () =>
      Effect.gen(function* () {
        const places = 12
        const { context, gates, rows } = yield* rivals(30, { reentry: true, max_attendees: places })
        const next = random(7)
        const scans = Array.from({ length: 1_500 }, () => {
          const direction: Direction = next() < 0.6 ? "entry" : "exit"
          const scan = scanOf(1, rows[Math.floor(next() * rows.length)]!.code, { direction })
          return { gate: gates[next() < 0.5 ? 0 : 1]!, scan }
        })
        yield* Effect.forEach(scans, ({ gate, scan }) => gate.Admit(scan), { concurrency: 24 })
        const sql = yield* Effect.provide(SqlClient.SqlClient, context)
        const moves = yield* sql<{ ticket_id: number; direction: string }>`
        SELECT ticket_id, direction FROM scans WHERE result = 'valid' ORDER BY seq`
        const inside = new Set<number>()
        for (const { direction, ticket_id } of moves) {
          assert.strictEqual(inside.has(ticket_id), direction === "exit")
          if (direction === "exit") inside.delete(ticket_id)
          else inside.add(ticket_id)
          assert.isAtMost(inside.size, places)
        }
        assert.isAbove(moves.length, 200)
        const entered = moves.filter(({ direction }) => direction === "entry").length
        assert.deepStrictEqual(yield* Effect.provide(occupancy(1), context), {
          inside: inside.size,
          entered,
          tickets: inside.size
        })
      }),
    60_000
  )
})
