/**
 * The journal in pages, while scans arrive between them.
 * Guards whose removal turns this file red: the order and the strictness of each comparison with `after`, the event of
 * the page, each filter, the event of a ticket whose code is told, the one line more that is read, and (on PostgreSQL)
 * that a batch without a passage takes the lock of the occupancy too (ScanStore).
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { DateTime, Deferred, Effect, Fiber, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { decideBatch } from "../../../src/gate/Batch.ts"
import { Cursor } from "../../../src/api/gate/JournalApi.ts"
import {
  type JournalRequest,
  type JournalRow,
  ScanJournalStore
} from "../../../src/store/gate/ScanJournalStore.ts"
import type { AdmitRequest } from "../../../rpc/Scan.ts"
import { ScanStore } from "../../../src/gate/ScanStore.ts"
import { activation, GateStores, publish, scanOf } from "../../support/GateFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Stores = Layer.provideMerge(Layer.merge(GateStores, ScanJournalStore.layer), TestDatabase.layer)

const admit = Effect.fnUntraced(function* (...scans: ReadonlyArray<AdmitRequest>) {
  const gate = yield* Effect.flatMap(activation, (client) => client(String(scans[0]!.eventId)))
  yield* gate.AdmitAll({ scans })
})

const strangers = (eventId: number, count: number) =>
  Array.from({ length: count }, () => scanOf(eventId, "TKT-001-NOBODY"))

const idsOf = (lines: ReadonlyArray<JournalRow>) => lines.map(({ scan_id }) => scan_id)

/** Every page from the beginning to the last one; `between` runs after each but the last. */
const walk = Effect.fnUntraced(function* <R>(
  request: Omit<JournalRequest, "after">,
  between: Effect.Effect<unknown, never, R>
) {
  const journal = yield* ScanJournalStore
  const seen: Array<string> = []
  for (let after: number | undefined, more = true; more;) {
    const page = yield* journal.page({ ...request, after })
    assert.isAtMost(page.lines.length, request.limit)
    seen.push(...idsOf(page.lines))
    after = page.lines.at(-1)?.seq
    more = page.more
    if (more) yield* between
  }
  return seen
})

const page = (eventId: number, filters: Partial<JournalRequest> = {}) =>
  Effect.flatMap(
    ScanJournalStore,
    (journal) => journal.page({ eventId, order: "asc", after: undefined, limit: 500, ...filters })
  )

layer(Stores)("the journal of an event", (it) => {
  it.effect("shows every line once, from the latest to the first, while scans arrive", () =>
    Effect.gen(function* () {
      yield* publish(1, 1)
      yield* publish(2, 1)
      const there = strangers(1, 7)
      yield* admit(...there)
      let arrived = 0
      const arrive = Effect.suspend(() => {
        arrived++
        return Effect.andThen(admit(...strangers(1, 2)), admit(...strangers(2, 1)))
      })
      const seen = yield* walk({ eventId: 1, order: "desc", limit: 2 }, arrive)
      assert.deepStrictEqual(seen, idsOf((yield* page(1)).lines).slice(0, 7).reverse())
      assert.deepStrictEqual(seen, there.map(({ scanId }) => scanId).reverse())
      assert.strictEqual(arrived, 3)
    }))

  it.effect("shows every line once, from the first to the latest, those that arrive meanwhile too", () =>
    Effect.gen(function* () {
      yield* publish(3, 1)
      const sent = strangers(3, 5)
      yield* admit(...sent)
      const arrive = Effect.suspend(() => {
        const next = sent.length < 9 ? strangers(3, 2) : []
        sent.push(...next)
        return next.length === 0 ? Effect.void : admit(...next)
      })
      const seen = yield* walk({ eventId: 3, order: "asc", limit: 2 }, arrive)
      assert.deepStrictEqual(seen, sent.map(({ scanId }) => scanId))
      assert.lengthOf(seen, 9)
    }))

  it.effect("has a last page that may be full, and a page of nothing", () =>
    Effect.gen(function* () {
      const journal = yield* ScanJournalStore
      yield* publish(4, 1)
      const nothing = yield* journal.page({ eventId: 4, order: "desc", after: undefined, limit: 3 })
      assert.deepStrictEqual(nothing, { lines: [], more: false })
      yield* admit(...strangers(4, 3))
      const full = yield* journal.page({ eventId: 4, order: "desc", after: undefined, limit: 3 })
      assert.deepStrictEqual([full.lines.length, full.more], [3, false])
      assert.isTrue((yield* journal.page({ eventId: 4, order: "desc", after: undefined, limit: 2 })).more)
    }))

  it.effect("is filtered by result, gate, device, ticket and signal, each and together", () =>
    Effect.gen(function* () {
      const [first, second] = yield* publish(5, 2)
      const scans = {
        in: scanOf(5, first!.code),
        copied: scanOf(5, first!.code, { gate: "B", deviceId: "scanner-2" }),
        other: scanOf(5, second!.code, { gate: "B" }),
        unknown: scanOf(5, "TKT-001-NOBODY", { deviceId: "scanner-2" })
      }
      yield* admit(scans.in)
      yield* admit(scans.copied, scans.other, scans.unknown)
      const names = Object.entries(scans)
      const found = (filters: Partial<JournalRequest>) =>
        Effect.map(
          page(5, filters),
          ({ lines }) => idsOf(lines).map((id) => names.find(([, { scanId }]) => scanId === id)![0])
        )
      assert.deepStrictEqual(yield* found({}), ["in", "copied", "other", "unknown"])
      assert.deepStrictEqual(yield* found({ result: "valid" }), ["in", "other"])
      assert.deepStrictEqual(yield* found({ gate: "B" }), ["copied", "other"])
      assert.deepStrictEqual(yield* found({ deviceId: "scanner-2" }), ["copied", "unknown"])
      assert.deepStrictEqual(yield* found({ ticketId: first!.id }), ["in", "copied"])
      assert.deepStrictEqual(yield* found({ signal: "seen_at_another_gate" }), ["copied"])
      assert.deepStrictEqual(yield* found({ result: "valid", gate: "B", ticketId: second!.id }), ["other"])
      assert.deepStrictEqual(yield* found({ result: "valid", ticketId: first!.id, gate: "B" }), [])
    }))

  it.effect("tells the code of this event's tickets alone, whatever was scanned", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [own] = yield* publish(6, 1)
      const [foreign] = yield* publish(7, 1)
      const nobody = { operatorId: "operator-1", events: [], gates: [], known: true }
      const byNumber = scanOf(6, null, { ticketId: own!.id })
      yield* admit(
        byNumber,
        scanOf(6, foreign!.code),
        scanOf(6, foreign!.code, { forged: "unsigned" }),
        scanOf(6, foreign!.code, { operator: nobody }),
        scanOf(6, foreign!.code, { ticketId: own!.id })
      )
      const codes = Effect.map(
        page(6),
        ({ lines }) => lines.map(({ result, ticket_code }) => [result, ticket_code])
      )
      const told = [
        ["valid", own!.code],
        ["wrong_event", null],
        ["forged", null],
        ["operator_forbidden", null],
        ["unknown_ticket", null]
      ]
      assert.deepStrictEqual(yield* codes, told)
      yield* sql`UPDATE scans SET ticket_id = ${foreign!.id} WHERE event_id = 6 AND result = 'wrong_event'`
      assert.deepStrictEqual(yield* codes, told)
    }))

  it.effect("has both times, the claim, the signals and the annulment of a scan", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(8, 1)
      const deviceTime = DateTime.makeUnsafe("2025-06-20T09:00:00Z")
      const scan = scanOf(8, ticket!.code, { deviceTime, claimed: "invalid" })
      yield* admit(scan)
      const received_at = yield* DateTime.now
      yield* sql`
        UPDATE scans SET annulled_at = received_at, annulled_by = 'operator-1', annul_reason = 'stuck'
        WHERE event_id = 8`
      const [{ seq, ...line }] = (yield* page(8)).lines as [JournalRow]
      assert.isAbove(seq, 0)
      assert.deepStrictEqual(line, {
        scan_id: scan.scanId,
        ticket_id: ticket!.id,
        ticket_code: ticket!.code,
        gate: "A",
        direction: "entry",
        result: "valid",
        signals: [],
        device_id: "scanner-1",
        operator_id: "operator-1",
        claimed_result: "invalid",
        source: "client",
        device_time: deviceTime,
        received_at,
        annulled_at: received_at,
        annulled_by: "operator-1",
        annul_operator: null,
        annul_reason: "stuck"
      })
    }))

  it.effect("knows the gate of a scan of the event, and of no other", () =>
    Effect.gen(function* () {
      const journal = yield* ScanJournalStore
      yield* publish(9, 1)
      const [scan] = strangers(9, 1)
      yield* admit(scan!)
      assert.deepStrictEqual(yield* journal.gateOf(9, scan!.scanId), Option.some("A"))
      assert.isTrue(Option.isNone(yield* journal.gateOf(8, scan!.scanId)))
    }))
})

describe("a cursor", () => {
  const decode = Schema.decodeUnknownOption(Cursor)
  const encode = Schema.encodeSync(Cursor)

  it("is what it was made of", () => {
    for (
      const place of [{ order: "asc", seq: 1 }, { order: "desc", seq: Number.MAX_SAFE_INTEGER }] as const
    ) {
      assert.deepStrictEqual(decode(encode(place)), Option.some(place))
    }
  })

  it("is nothing else", () => {
    const made = (text: string) => Buffer.from(text).toString("base64url")
    const bad = ["", "1", "asc 1", made("asc 0"), made("asc -1"), made("up 1"), made("asc 1 OR 1=1"), "%"]
    for (const text of [...bad, made("asc 9999999999999999"), made("asc 1").repeat(20)]) {
      assert.isTrue(Option.isNone(decode(text)), text)
    }
  })
})

/** A scan decided on what is there, to be written later. */
const prepare = Effect.fnUntraced(function* (scan: AdmitRequest, now: DateTime.Utc) {
  const store = yield* ScanStore
  const snapshot = yield* store.load(scan.eventId, [scan])
  return store.commit(scan.eventId, decideBatch(scan.eventId, snapshot, [scan], now).writes)
})

/** Passes once the fiber waits for a lock of this database, or has ended without one. */
const blocked = Effect.fnUntraced(function* (fiber: Fiber.Fiber<unknown>) {
  const sql = yield* SqlClient.SqlClient
  while (fiber.pollUnsafe() === undefined) {
    const waiting = yield* sql`
      SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    if (waiting.length > 0) return
  }
})

describe.skipIf(TestDatabase.serverUrl === undefined)("on PostgreSQL the journal", () => {
  it.live("shows nothing before what is still being written", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* publish(1, 1)
      const [slow, quick] = [scanOf(1, "TKT-001-NOBODY"), scanOf(1, "TKT-001-NOBODY", { gate: "B" })]
      const now = yield* DateTime.now
      const [written, mayEnd] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const first = yield* (yield* prepare(slow, now)).pipe(
        Effect.tap(Deferred.succeed(written, undefined)),
        Effect.tap(Deferred.await(mayEnd)),
        sql.withTransaction,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Deferred.await(written)
      const later = yield* prepare(quick, DateTime.add(now, { minutes: 1 }))
      const second = yield* Effect.forkScoped(later, { startImmediately: true })
      yield* blocked(second)
      assert.deepStrictEqual((yield* page(1)).lines, [])
      yield* Deferred.succeed(mayEnd, undefined)
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], [true, true])
      assert.deepStrictEqual(idsOf((yield* page(1)).lines), [slow.scanId, quick.scanId])
    }).pipe(Effect.scoped, Effect.provide(Stores)))
})
