/**
 * The write that decides every race at the gate: made from a read that has grown old, it writes nothing.
 * Guards whose removal turns this file red: each condition on the ticket in the commit, its occupancy bound, the
 * unique scan id, and that a batch is written whole.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { AdmitRequest } from "../../rpc/Scan.ts"
import { decideBatch } from "../../src/gate/Batch.ts"
import { ScanStore } from "../../src/store/ScanStore.ts"
import { crowd, GateStores, publish, scanOf } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

/** Reads and decides now; what it answers writes later. */
const prepare = Effect.fnUntraced(function* (eventId: number, ...scans: ReadonlyArray<AdmitRequest>) {
  const store = yield* ScanStore
  const { writes } = decideBatch(eventId, yield* store.load(eventId, scans), scans, yield* DateTime.now)
  return store.commit(eventId, writes)
})

const journal = (eventId: number) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT scan_id FROM scans WHERE event_id = ${eventId}`)

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
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* crowd(1), { inside: 1, entered: 1, tickets: 1 })
      assert.lengthOf(yield* journal(1), 1)
    }))

  it.effect("does not admit a ticket that came in and left meanwhile", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(2, 1)
      const slow = yield* prepare(2, scanOf(2, ticket!.code))
      assert.isTrue(yield* yield* prepare(2, scanOf(2, ticket!.code)))
      assert.isTrue(yield* yield* prepare(2, scanOf(2, ticket!.code, { direction: "exit" })))
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* crowd(2), { inside: 0, entered: 1, tickets: 0 })
    }))

  it.effect("does not count an exit twice", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(3, 1)
      yield* yield* prepare(3, scanOf(3, ticket!.code))
      const slow = yield* prepare(3, scanOf(3, ticket!.code, { direction: "exit" }))
      assert.isTrue(yield* yield* prepare(3, scanOf(3, ticket!.code, { direction: "exit" })))
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* crowd(3), { inside: 0, entered: 1, tickets: 0 })
    }))

  it.effect("does not admit a ticket that was voided or unpaid meanwhile", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [voided, refunded] = yield* publish(4, 2)
      const first = yield* prepare(4, scanOf(4, voided!.code))
      const second = yield* prepare(4, scanOf(4, refunded!.code))
      yield* sql`UPDATE tickets SET status = 'voided' WHERE ticket_id = ${voided!.id}`
      yield* sql`UPDATE tickets SET payment_state = 'refunded' WHERE ticket_id = ${refunded!.id}`
      assert.deepStrictEqual([yield* first, yield* second], [false, false])
      assert.deepStrictEqual(yield* crowd(4), { inside: 0, entered: 0, tickets: 0 })
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
      assert.deepStrictEqual(yield* crowd(5), { inside: 2, entered: 3, tickets: 2 })
    }))

  it.effect("does not answer a scan id a second time, differently", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(6, 1)
      const scan = scanOf(6, ticket!.code)
      const slow = yield* prepare(6, scan)
      assert.isTrue(yield* yield* prepare(6, { ...scan, direction: "exit" }))
      assert.isFalse(yield* slow)
      assert.deepStrictEqual(yield* crowd(6), { inside: 0, entered: 0, tickets: 0 })
    }))

  it.effect("lets people leave a house that is fuller than it may be", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [first, second] = yield* publish(7, 2)
      yield* yield* prepare(7, scanOf(7, first!.code), scanOf(7, second!.code))
      yield* sql`UPDATE events SET max_attendees = 0 WHERE event_id = 7`
      assert.isTrue(yield* yield* prepare(7, scanOf(7, first!.code, { direction: "exit" })))
      assert.deepStrictEqual(yield* crowd(7), { inside: 1, entered: 2, tickets: 1 })
    }))
})
