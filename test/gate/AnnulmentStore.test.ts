/**
 * A scan annulled: the ticket and the occupancy are as before it, and nobody's later step is undone.
 * Guards whose removal turns this file red: each condition of `refusal`, the 15 minutes from when a scan of a device
 * that was alone happened, the event in `find`, annulled scans left out of `moved_since`, the ticket's own state in it,
 * each column that `restore` sets, the first answer kept.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql"
import type { AnnulRefusal } from "../../rpc/Event.ts"
import type { AdmitRequest } from "../../rpc/Scan.ts"
import { AnnulmentStore } from "../../src/gate/AnnulmentStore.ts"
import { activation, GateStores, occupancy, publish, scanOf } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const annul = Effect.fnUntraced(function* ({ deviceId, eventId, scanId }: AdmitRequest) {
  const store = yield* AnnulmentStore
  return yield* store.annul({
    eventId,
    scanId,
    deviceId,
    operatorId: "operator-1",
    claimedOperator: "steward-7",
    reason: "Turnstile stuck"
  })
})

const refused = Effect.fnUntraced(function* (scan: AdmitRequest, reason: AnnulRefusal) {
  const error = yield* Effect.flip(annul(scan))
  assert.deepInclude({ ...error }, { _tag: "AnnulRefused", scan_id: scan.scanId, reason })
})

/** Sends scans one after the other to a fresh activation and answers their results. */
const admit = Effect.fnUntraced(function* (...scans: ReadonlyArray<AdmitRequest>) {
  const gate = yield* Effect.flatMap(activation, (client) => client(String(scans[0]!.eventId)))
  return yield* Effect.forEach(scans, (scan) => Effect.map(gate.Admit(scan), ({ result }) => result))
})

const ticketOf = Effect.fnUntraced(function* (ticketId: number) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`
    SELECT status, inside, entries, first_scan_id, first_admitted_at, first_gate FROM tickets
    WHERE ticket_id = ${ticketId}`
  return row!
})

const unused = {
  status: "issued",
  inside: false,
  entries: 0,
  first_scan_id: null,
  first_admitted_at: null,
  first_gate: null
}

const tallies = Effect.fnUntraced(function* (eventId: number) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`
    SELECT direction, result, scans FROM gate_tallies WHERE event_id = ${eventId} ORDER BY direction, result`
})

const moments = Effect.fnUntraced(function* (eventId: number) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`SELECT entered, exited, refused FROM gate_moments WHERE event_id = ${eventId} ORDER BY at`
})

layer(Layer.provideMerge(GateStores, TestDatabase.layer))("a scan annulled", (it) => {
  it.effect("leaves ticket and occupancy as before it, and its mark in the journal", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(1, 1)
      const scan = scanOf(1, ticket!.code)
      assert.deepStrictEqual(yield* admit(scan), ["valid"])
      const annulled_at = yield* DateTime.now
      assert.deepStrictEqual(yield* annul(scan), {
        scan_id: scan.scanId,
        event_id: 1,
        ticket_id: ticket!.id,
        gate: "A",
        direction: "entry",
        annulled_at
      })
      assert.deepStrictEqual(yield* ticketOf(ticket!.id), unused)
      assert.deepStrictEqual(yield* occupancy(1), { inside: 0, entered: 0, tickets: 0 })
      assert.deepStrictEqual(yield* tallies(1), [
        { direction: "entry", result: "annulled", scans: 1 },
        { direction: "entry", result: "valid", scans: 0 }
      ])
      assert.deepStrictEqual(yield* moments(1), [{ entered: 0, exited: 0, refused: 0 }])
      const rows = yield* sql`
        SELECT result, annulled_at, annulled_by, annul_operator, annul_reason FROM scans WHERE event_id = 1`
      assert.deepStrictEqual(rows, [{
        result: "valid",
        annulled_at: DateTime.toDateUtc(annulled_at),
        annulled_by: "operator-1",
        annul_operator: "steward-7",
        annul_reason: "Turnstile stuck"
      }])
    }))

  it.effect("admits nobody under its own id, and the ticket under a new one", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(2, 1)
      const scan = scanOf(2, ticket!.code)
      yield* admit(scan)
      yield* annul(scan)
      const again = scanOf(2, ticket!.code)
      assert.deepStrictEqual(yield* admit(scan, again), ["scan_annulled", "valid"])
      assert.deepInclude(yield* ticketOf(ticket!.id), {
        status: "admitted",
        entries: 1,
        first_scan_id: again.scanId
      })
      assert.deepStrictEqual(yield* occupancy(2), { inside: 1, entered: 1, tickets: 1 })
    }))

  it.effect("is annulled once: asked again, also much later, it gets the first answer", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(3, 1)
      const [scan, again] = [scanOf(3, ticket!.code), scanOf(3, ticket!.code)]
      yield* admit(scan)
      const first = yield* annul(scan)
      yield* admit(again)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* annul(scan), first)
      assert.deepStrictEqual(yield* occupancy(3), { inside: 1, entered: 1, tickets: 1 })
      yield* refused({ ...scan, deviceId: "scanner-2" }, "another_device")
    }))

  it.effect("is unknown under the number of another event, or under none", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(4, 1)
      yield* publish(5, 1)
      const scan = scanOf(4, ticket!.code)
      yield* admit(scan)
      for (const other of [{ ...scan, eventId: 5 }, { ...scan, eventId: 999 }, { ...scan, scanId: "none" }]) {
        const error = yield* Effect.flip(annul(other))
        assert.deepInclude({ ...error }, { _tag: "ScanNotFound", scan_id: other.scanId })
      }
      assert.deepStrictEqual(yield* occupancy(4), { inside: 1, entered: 1, tickets: 1 })
    }))

  it.effect("stays for another device, and when it let nobody in", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(6, 1)
      const [scan, second] = [scanOf(6, ticket!.code), scanOf(6, ticket!.code)]
      assert.deepStrictEqual(yield* admit(scan, second), ["valid", "already_used"])
      yield* refused({ ...scan, deviceId: "scanner-2" }, "another_device")
      yield* refused(second, "not_admitted")
      assert.deepStrictEqual(yield* occupancy(6), { inside: 1, entered: 1, tickets: 1 })
    }))

  it.effect("is annulled in the fifteenth minute and not after it", () =>
    Effect.gen(function* () {
      const [first, second] = yield* publish(7, 2)
      const scans = [scanOf(7, first!.code), scanOf(7, second!.code)] as const
      yield* admit(...scans)
      yield* TestClock.adjust("15 minutes")
      yield* annul(scans[0])
      yield* TestClock.adjust("1 millis")
      yield* refused(scans[1], "too_late")
      assert.deepStrictEqual(yield* occupancy(7), { inside: 1, entered: 1, tickets: 1 })
    }))

  it.effect("made by a device that was alone counts from when it happened, never from a time to come", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 day")
      const now = yield* DateTime.now
      const rows = yield* publish(8, 3)
      const offline = (at: number, deviceTime: DateTime.Utc | null) =>
        scanOf(8, rows[at]!.code, { source: "batch", claimed: "valid", deviceTime })
      const scans = [
        offline(0, DateTime.subtract(now, { minutes: 16 })),
        offline(1, DateTime.subtract(now, { minutes: 14 })),
        offline(2, DateTime.add(now, { hours: 1 }))
      ] as const
      assert.deepStrictEqual(yield* admit(...scans), ["valid", "valid", "valid"])
      yield* refused(scans[0], "too_late")
      yield* annul(scans[1])
      yield* TestClock.adjust("16 minutes")
      yield* refused(scans[2], "too_late")
      assert.deepStrictEqual(yield* occupancy(8), { inside: 2, entered: 2, tickets: 2 })
    }))

  it.effect("is the ticket's latest passage: several are annulled from the last to the first", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(9, 1, { reentry: true })
      const scans = (["entry", "exit", "entry"] as const).map((direction, at) =>
        scanOf(9, ticket!.code, { direction, gate: `G${at}` })
      )
      yield* admit(...scans)
      const first = { first_scan_id: scans[0]!.scanId, first_gate: "G0" }
      yield* refused(scans[0]!, "moved_since")
      yield* refused(scans[1]!, "moved_since")
      yield* annul(scans[2]!)
      assert.deepInclude(yield* ticketOf(ticket!.id), {
        ...first,
        status: "admitted",
        inside: false,
        entries: 1
      })
      assert.deepStrictEqual(yield* occupancy(9), { inside: 0, entered: 1, tickets: 0 })
      yield* annul(scans[1]!)
      assert.deepInclude(yield* ticketOf(ticket!.id), {
        ...first,
        status: "admitted",
        inside: true,
        entries: 1
      })
      assert.deepStrictEqual(yield* occupancy(9), { inside: 1, entered: 1, tickets: 1 })
      yield* annul(scans[0]!)
      assert.deepStrictEqual(yield* ticketOf(ticket!.id), unused)
      assert.deepStrictEqual(yield* occupancy(9), { inside: 0, entered: 0, tickets: 0 })
      assert.deepStrictEqual(yield* moments(9), [{ entered: 0, exited: 0, refused: 0 }])
    }))

  it.effect("that let someone out takes a free place, and none that is taken", () =>
    Effect.gen(function* () {
      const [left, other] = yield* publish(10, 2, { max_attendees: 1 })
      const out = scanOf(10, left!.code, { direction: "exit" })
      const came = scanOf(10, other!.code)
      assert.deepStrictEqual(yield* admit(scanOf(10, left!.code), out, came), ["valid", "valid", "valid"])
      yield* refused(out, "capacity_reached")
      assert.deepStrictEqual(yield* occupancy(10), { inside: 1, entered: 2, tickets: 1 })
      yield* annul(came)
      yield* annul(out)
      assert.deepStrictEqual(yield* occupancy(10), { inside: 1, entered: 1, tickets: 1 })
      assert.deepStrictEqual(yield* admit(scanOf(10, left!.code, { direction: "exit" })), ["valid"])
    }))

  it.effect("of a ticket that was voided meanwhile gives the place back and no new life", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(11, 1)
      const [scan, out] = [scanOf(11, ticket!.code), scanOf(11, ticket!.code, { direction: "exit" })]
      yield* admit(scan)
      yield* sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${ticket!.id}`
      yield* admit(out)
      yield* annul(out)
      assert.deepInclude(yield* ticketOf(ticket!.id), { status: "voided", inside: true, entries: 1 })
      yield* annul(scan)
      assert.deepStrictEqual(yield* ticketOf(ticket!.id), { ...unused, status: "voided" })
      assert.deepStrictEqual(yield* occupancy(11), { inside: 0, entered: 0, tickets: 0 })
      assert.deepStrictEqual(yield* admit(scanOf(11, ticket!.code)), ["voided"])
    }))

  it.effect("stays when the ticket is not where the scan left it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(12, 1)
      const scan = scanOf(12, ticket!.code)
      yield* admit(scan)
      yield* sql`UPDATE tickets SET inside = false WHERE ticket_id = ${ticket!.id}`
      yield* refused(scan, "moved_since")
    }))
})
