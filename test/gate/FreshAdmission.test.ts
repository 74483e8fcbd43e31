/**
 * First entries in one statement. Every condition of `FreshAdmission` is a guard: removing one turns this file red, and so
 * does an index that asks what an admission changes; the lock of the occupancy row is held by `test/gate/TwoActivations.test.ts`.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { ScanStore } from "../../src/gate/ScanStore.ts"
import { areOrdinary } from "../../src/gate/FreshScans.ts"
import * as GateFixture from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const { crowd, GateStores, publish, scanOf } = GateFixture
const now = DateTime.makeUnsafe("2025-06-20T09:00:00Z")

const admitted = Effect.fnUntraced(
  function* (eventId: number, scans: ReadonlyArray<ReturnType<typeof scanOf>>) {
    const store = yield* ScanStore
    return (yield* store.admitFresh(eventId, scans, now)).map(({ scanId }) => scanId).sort()
  }
)

layer(Layer.provideMerge(GateStores, TestDatabase.layer))("first entries at once", (it) => {
  it.effect("are admitted with their journal, crowd, tallies and first use", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* publish(1, 3)
      const scans = rows.map(({ code }) => scanOf(1, code))
      assert.deepStrictEqual(yield* admitted(1, scans), scans.map(({ scanId }) => scanId).sort())
      assert.deepStrictEqual(yield* crowd(1), { inside: 3, entered: 3, tickets: 3 })
      const journal = yield* sql`
        SELECT s.scan_id, s.result, s.direction FROM scans s JOIN tickets t ON t.first_scan_id = s.scan_id
        WHERE s.event_id = 1 AND t.status = 'admitted' AND t.entries = 1 AND t.first_gate = 'A'
          AND t.first_admitted_at = s.received_at AND s.ticket_id = t.ticket_id ORDER BY s.scan_id`
      assert.lengthOf(journal, 3)
      const [counts] = yield* sql`
        SELECT (SELECT sum(scans)::int FROM gate_tallies WHERE event_id = 1 AND result = 'valid') AS tallied,
          (SELECT sum(entered)::int FROM gate_moments WHERE event_id = 1) AS timed`
      assert.deepStrictEqual(counts, { tallied: 3, timed: 3 })
    }))

  it.effect("rewrite their tickets in place, and write to no index of the tickets", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* publish(4, 5)
      const updates = Effect.map(
        sql<{ tickets: number; in_place: number }>`
          SELECT pg_stat_get_xact_tuples_updated('tickets'::regclass)::int AS tickets,
            pg_stat_get_xact_tuples_hot_updated('tickets'::regclass)::int AS in_place`,
        ([counts]) => counts!
      )
      const [before, after] = yield* sql.withTransaction(
        Effect.all([updates, Effect.andThen(admitted(4, rows.map(({ code }) => scanOf(4, code))), updates)])
      )
      assert.deepStrictEqual([after.tickets - before.tickets, after.in_place - before.in_place], [5, 5])
    }))

  it.effect("leave out what is not simply good, and admit the others", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* publish(2, 8)
      const [stranger] = yield* publish(3, 1)
      const spoilt = [
        "status = 'voided', voided_at = now()",
        "payment_state = 'pending'",
        "inside = true",
        "entries = 1",
        "first_scan_id = 'x'",
        "status = 'admitted'"
      ]
      for (const [at, change] of spoilt.entries()) {
        yield* sql.unsafe(`UPDATE tickets SET ${change} WHERE ticket_id = ${rows[at]!.id}`)
      }
      const scans = [...rows, stranger!].map(({ code }) => scanOf(2, code)).concat(
        scanOf(2, "TKT-002-NOBODY")
      )
      assert.deepStrictEqual(yield* admitted(2, scans), [scans[6]!.scanId, scans[7]!.scanId].sort())
      assert.strictEqual((yield* crowd(2)).entered, 2)
    }))

  it.effect("leave everything to the ordinary way while the event, its doors or its room speak against it", () =>
    Effect.gen(function* () {
      const closed: ReadonlyArray<Parameters<typeof publish>[2]> = [
        { status: "canceled" },
        { doors_open_at: DateTime.addDuration(now, 1) },
        { doors_close_at: DateTime.subtractDuration(now, 1) },
        { max_attendees: 1 }
      ]
      for (const [at, changes] of closed.entries()) {
        const rows = yield* publish(10 + at, 2, changes)
        assert.deepStrictEqual(yield* admitted(10 + at, rows.map(({ code }) => scanOf(10 + at, code))), [])
        assert.deepStrictEqual(yield* crowd(10 + at), { inside: 0, entered: 0, tickets: 0 })
      }
      assert.deepStrictEqual(yield* admitted(99, [scanOf(99, "TKT-099-NOBODY")]), [])
    }))

  it.effect("leave everything to it when a scan id is known", () =>
    Effect.gen(function* () {
      const [one, two] = yield* publish(20, 2)
      const first = scanOf(20, one!.code)
      assert.lengthOf(yield* admitted(20, [first]), 1)
      assert.deepStrictEqual(yield* admitted(20, [{ ...first, ticketCode: two!.code }]), [])
      assert.deepStrictEqual(yield* crowd(20), { inside: 1, entered: 1, tickets: 1 })
    }))

  it.effect("are only what depends on no order and on nothing scanned before", () =>
    Effect.sync(() => {
      const plain = scanOf(1, "TKT-001-A")
      const nobody = () => false
      assert.isTrue(areOrdinary(1, [plain, scanOf(1, "TKT-001-B")], nobody))
      const others = [
        { direction: "exit" as const },
        { source: "batch" as const },
        { forged: "malformed" },
        { ticketId: 1 },
        { ticketCode: null },
        { ticketCode: "tkt-001-c" },
        { ticketCode: "TKT-001-A" },
        { scanId: plain.scanId },
        { operator: { ...plain.operator, known: false } }
      ]
      for (const change of others) {
        assert.isFalse(
          areOrdinary(1, [plain, scanOf(1, "TKT-001-B", change)], nobody),
          JSON.stringify(change)
        )
      }
      assert.isFalse(areOrdinary(1, [plain], () => true))
    }))
})
