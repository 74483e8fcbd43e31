/**
 * The write that decides every race at the gate: made from a read that has grown old, it writes nothing.
 * Guards whose removal turns this file red: each condition on the ticket in the commit, its occupancy bound, that the
 * event still has the version that was read, the unique scan id, that a batch is written whole or not at all, that a void ticket stays void, that a fault which passes
 * is a lost round, and that a scan id is read of its own event alone.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { AdmitRequest } from "../../rpc/Scan.ts"
import { decideBatch } from "../../src/gate/Batch.ts"
import { AnnulmentStore } from "../../src/gate/AnnulmentStore.ts"
import { ScanStore } from "../../src/gate/ScanStore.ts"
import { GateStores, occupancy, publish, scanOf } from "../support/GateFixture.ts"
import { deadlocked, passing } from "../support/SqlFaults.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

/** Reads and decides now; what it answers writes later. */
const prepare = Effect.fnUntraced(function* (eventId: number, ...scans: ReadonlyArray<AdmitRequest>) {
  const store = yield* ScanStore
  const { writes } = decideBatch(eventId, yield* store.load(eventId, scans), scans, yield* DateTime.now)
  return store.commit(eventId, writes)
})

const journal = (eventId: number) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT scan_id FROM scans WHERE event_id = ${eventId}`)

/** Everything that a batch can write for an event, as text. */
const everything = (eventId: number) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql`
    SELECT string_agg(line, E'\n' ORDER BY line) AS all FROM (
      SELECT 'ticket ' || row_to_json(t)::text AS line FROM tickets t WHERE event_id = ${eventId}
      UNION ALL SELECT 'scan ' || row_to_json(s)::text FROM scans s WHERE event_id = ${eventId}
      UNION ALL SELECT 'occupancy ' || row_to_json(o)::text FROM gates_occupancy o WHERE event_id = ${eventId}
      UNION ALL SELECT 'tally ' || row_to_json(g)::text FROM gate_tallies g WHERE event_id = ${eventId}
      UNION ALL SELECT 'moment ' || row_to_json(m)::text FROM gate_moments m WHERE event_id = ${eventId}
    ) lines`)

layer(Layer.provideMerge(GateStores, TestDatabase.layer))("a batch decided on an old read", (it) => {
  it.effect("does not admit a ticket that someone else admitted, nor anyone else in the batch", () =>
    Effect.gen(function* () {
      const [ticket, other] = yield* publish(1, 2)
      const slow = yield* prepare(
        1,
        scanOf(1, other!.code),
        scanOf(1, ticket!.code),
        scanOf(1, "TKT-001-NOBODY")
      )
      assert.isTrue(yield* yield* prepare(1, scanOf(1, ticket!.code)))
      const before = yield* everything(1)
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* everything(1), before)
      assert.deepStrictEqual(yield* occupancy(1), { inside: 1, entered: 1, tickets: 1 })
      assert.lengthOf(yield* journal(1), 1)
    }))

  it.effect("does not admit a ticket that came in and left meanwhile", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(2, 1)
      const slow = yield* prepare(2, scanOf(2, ticket!.code))
      assert.isTrue(yield* yield* prepare(2, scanOf(2, ticket!.code)))
      assert.isTrue(yield* yield* prepare(2, scanOf(2, ticket!.code, { direction: "exit" })))
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* occupancy(2), { inside: 0, entered: 1, tickets: 0 })
    }))

  it.effect("does not admit a guest who came back and left again meanwhile", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(14, 1, { reentry: true })
      const [entry, exit] = [scanOf(14, ticket!.code), scanOf(14, ticket!.code, { direction: "exit" })]
      yield* yield* prepare(14, entry, exit)
      const slow = yield* prepare(14, scanOf(14, ticket!.code))
      assert.isTrue(
        yield* yield* prepare(14, { ...entry, scanId: "again-in" }, { ...exit, scanId: "again-out" })
      )
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* occupancy(14), { inside: 0, entered: 2, tickets: 0 })
    }))

  it.effect("does not count an exit twice", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(3, 1)
      yield* yield* prepare(3, scanOf(3, ticket!.code))
      const slow = yield* prepare(3, scanOf(3, ticket!.code, { direction: "exit" }))
      assert.isTrue(yield* yield* prepare(3, scanOf(3, ticket!.code, { direction: "exit" })))
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* occupancy(3), { inside: 0, entered: 1, tickets: 0 })
    }))

  it.effect("does not admit a ticket that was voided or unpaid meanwhile", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [voided, refunded] = yield* publish(4, 2)
      const first = yield* prepare(4, scanOf(4, voided!.code))
      const second = yield* prepare(4, scanOf(4, refunded!.code))
      yield* sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${voided!.id}`
      yield* sql`UPDATE tickets SET payment_state = 'refunded' WHERE ticket_id = ${refunded!.id}`
      assert.deepStrictEqual([yield* first, yield* second], [false, false])
      assert.deepStrictEqual(yield* occupancy(4), { inside: 0, entered: 0, tickets: 0 })
    }))

  it.effect("does not admit a ticket that was voided meanwhile, even when its guest leaves again", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(8, 1)
      const slow = yield* prepare(8, scanOf(8, ticket!.code), scanOf(8, ticket!.code, { direction: "exit" }))
      yield* sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${ticket!.id}`
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* occupancy(8), { inside: 0, entered: 0, tickets: 0 })
    }))

  it.effect("lets the guest of a ticket leave that was voided meanwhile, and leaves it void", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(9, 1)
      yield* yield* prepare(9, scanOf(9, ticket!.code))
      const slow = yield* prepare(9, scanOf(9, ticket!.code, { direction: "exit" }))
      yield* sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${ticket!.id}`
      assert.isTrue(yield* slow)
      const rows = yield* sql`SELECT status, inside FROM tickets WHERE ticket_id = ${ticket!.id}`
      assert.deepStrictEqual(rows, [{ status: "voided", inside: false }])
    }))

  it.effect("does not bring back a first use that was annulled meanwhile, and made anew", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const annulments = yield* AnnulmentStore
      const [ticket] = yield* publish(10, 1)
      const [first, second] = [scanOf(10, ticket!.code), scanOf(10, ticket!.code, { gate: "B" })]
      yield* yield* prepare(10, first)
      const slow = yield* prepare(10, scanOf(10, ticket!.code, { direction: "exit" }))
      yield* annulments.annul({
        eventId: 10,
        scanId: first.scanId,
        deviceId: first.deviceId,
        operatorId: first.operator.operatorId,
        claimedOperator: null,
        reason: null
      })
      assert.isTrue(yield* yield* prepare(10, second))
      yield* slow
      const rows = yield* sql`SELECT first_scan_id, first_gate FROM tickets WHERE ticket_id = ${ticket!.id}`
      assert.deepStrictEqual(rows, [{ first_scan_id: second.scanId, first_gate: "B" }])
    }))

  it.effect("does not take a place that was taken meanwhile, even when it gives it back", () =>
    Effect.gen(function* () {
      const [first, second, third] = yield* publish(5, 3, { max_attendees: 2, reentry: true })
      yield* yield* prepare(5, scanOf(5, first!.code))
      const slow = yield* prepare(5, scanOf(5, second!.code), scanOf(5, second!.code, { direction: "exit" }))
      assert.isTrue(yield* yield* prepare(5, scanOf(5, third!.code)))
      assert.isFalse(yield* slow)
      assert.isTrue(yield* yield* prepare(5, scanOf(5, third!.code, { direction: "exit" })))
      assert.isTrue(yield* yield* prepare(5, scanOf(5, second!.code)))
      assert.deepStrictEqual(yield* occupancy(5), { inside: 2, entered: 3, tickets: 2 })
    }))

  it.effect("does not answer a scan id a second time, differently", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(6, 1)
      const scan = scanOf(6, ticket!.code)
      const slow = yield* prepare(6, scan)
      assert.isTrue(yield* yield* prepare(6, { ...scan, direction: "exit" }))
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* occupancy(6), { inside: 0, entered: 0, tickets: 0 })
    }))

  it.effect("knows a scan id in its own event alone", () =>
    Effect.gen(function* () {
      const [here] = yield* publish(11, 1)
      const [there] = yield* publish(12, 1)
      const scan = scanOf(11, here!.code)
      assert.isTrue(yield* yield* prepare(11, scan))
      assert.isTrue(yield* yield* prepare(12, { ...scan, eventId: 12, ticketCode: there!.code }))
      assert.deepStrictEqual([yield* occupancy(11), yield* occupancy(12)], [
        { inside: 1, entered: 1, tickets: 1 },
        { inside: 1, entered: 1, tickets: 1 }
      ])
    }))

  it.effect("is lost, and not a defect, when the database asks to try again", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(13, 1)
      for (const fault of [passing, deadlocked]) {
        yield* fault({ on: "INSERT", table: "scans", when: "NEW.event_id = 13" })
        assert.isFalse(yield* yield* prepare(13, scanOf(13, ticket!.code)))
      }
      assert.deepStrictEqual(yield* occupancy(13), { inside: 0, entered: 0, tickets: 0 })
      assert.isTrue(yield* yield* prepare(13, scanOf(13, ticket!.code)))
    }))

  it.effect("lets nobody in on what an event was before it was canceled or took back its re-entries", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [first, second] = yield* publish(15, 2, { reentry: true })
      yield* yield* prepare(15, scanOf(15, first!.code))
      yield* yield* prepare(15, scanOf(15, first!.code, { direction: "exit" }))
      const again = yield* prepare(15, scanOf(15, first!.code))
      yield* sql`UPDATE events SET reentry = false WHERE event_id = 15`
      assert.isFalse(yield* again)
      const late = yield* prepare(15, scanOf(15, second!.code))
      yield* sql`UPDATE events SET status = 'canceled' WHERE event_id = 15`
      assert.isFalse(yield* late)
      assert.deepStrictEqual(yield* occupancy(15), { inside: 0, entered: 1, tickets: 0 })
    }))

  it.effect("lets people leave a house that is fuller than it may be", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [first, second] = yield* publish(7, 2)
      yield* yield* prepare(7, scanOf(7, first!.code), scanOf(7, second!.code))
      yield* sql`UPDATE events SET max_attendees = 0 WHERE event_id = 7`
      assert.isTrue(yield* yield* prepare(7, scanOf(7, first!.code, { direction: "exit" })))
      assert.deepStrictEqual(yield* occupancy(7), { inside: 1, entered: 2, tickets: 1 })
    }))
})
