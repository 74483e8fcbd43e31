/**
 * What devices decided alone, uploaded through the real route: a verdict for each scan, and the conflicts between them.
 * Guards whose removal turns this file red: the order of the scans' times, the order of the answer, the claim of a
 * device that refused, the earlier of device time and now, the entries that a conflict names, the names that an answer
 * leaves out, and the owner of the event.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { occupancy, publish, voidTicket } from "../../support/GateFixture.ts"
import { OfflineDevice, steward, tokenFor } from "../../support/OfflineDevice.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import { entry, live, minute, results, sent, upload } from "../../support/Uploads.ts"

const iso = (at: number) => DateTime.formatIso(minute(at))

layer(TestAppLayer.layer, { excludeTestServices: true })("an upload", (it) => {
  it.effect("of two devices that let in the same ticket names both gates and both times", () =>
    Effect.gen(function* () {
      const [ticket, other] = yield* publish(1, 3)
      const north = new OfflineDevice(yield* steward(1, ["North"]), 1, "North", "north-1")
      const south = new OfflineDevice(yield* steward(1, ["South"]), 1, "South", "south-1")
      for (const device of [north, south]) yield* device.sync()
      assert.strictEqual(north.scan({ ticketCode: ticket!.code, at: minute(5) }), "valid")
      assert.strictEqual(north.scan({ ticketCode: other!.code, at: minute(6) }), "valid")
      assert.strictEqual(south.scan({ ticketCode: ticket!.code, at: minute(2) }), "valid")
      const first = yield* north.send()
      assert.deepStrictEqual([results(first), first.conflicts], [["valid", "valid"], []])
      const second = yield* south.send()
      assert.deepStrictEqual(results(second), ["already_used"])
      assert.deepStrictEqual(second.conflicts, [{
        kind: "double_entry",
        scan_id: "south-1-1",
        ticket_id: ticket!.id,
        reason: "already_used",
        entries: [
          { gate: "North", at: iso(5), scan_id: "north-1-1", device_id: "north-1" },
          { gate: "South", at: iso(2), scan_id: "south-1-1", device_id: "south-1" }
        ],
        message: "This ticket came in twice: at gate South on 20 June 2025 at 22:02, " +
          "then at gate North on 20 June 2025 at 22:05."
      }])
      const french = yield* sent(south.token, 1, south.scans, { device: "south-1", language: "fr" })
      assert.match(french.conflicts[0].message, /porte South le 20 juin 2025 à 22:02, puis porte North le 20/)
      assert.deepStrictEqual(yield* occupancy(1), { inside: 2, entered: 2, tickets: 2 })
    }))

  it.effect("that comes after a later entry was decided online leaves that one, and names both", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(2, 1)
      const token = yield* steward(2)
      const online = yield* live(token, 2, ticket!.code, "B")
      const { conflicts, verdicts } = yield* sent(token, 2, [entry(ticket!.code, 0)])
      assert.deepInclude(verdicts[0], { result: "already_used", ticket_id: ticket!.id })
      const [counted, uploaded] = conflicts[0].entries
      assert.deepStrictEqual(counted, {
        gate: "B",
        at: online.decided_at,
        scan_id: online.scan_id,
        device_id: "live-1"
      })
      assert.deepInclude(uploaded, { gate: "A", at: iso(0), device_id: "scanner-1" })
    }))

  it.effect("under a scan id of another device is refused and told", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(18, 1)
      const token = yield* steward(18)
      const scan = entry(ticket!.code, 0, { scan_id: "cloned-2" })
      const first = yield* sent(token, 18, [scan])
      assert.deepStrictEqual([results(first), first.conflicts], [["valid"], []])
      const second = yield* sent(token, 18, [{ ...scan, gate: "B" }], { device: "scanner-2" })
      assert.deepStrictEqual(results(second), ["scan_id_reused"])
      assert.deepInclude(second.conflicts[0], {
        kind: "not_admissible",
        scan_id: "cloned-2",
        ticket_id: null,
        reason: "scan_id_reused",
        entries: [{ gate: "B", at: iso(0), scan_id: "cloned-2", device_id: "scanner-2" }]
      })
      assert.deepStrictEqual(yield* sent(token, 18, [scan]), first)
      assert.deepStrictEqual(yield* occupancy(18), { inside: 1, entered: 1, tickets: 1 })
    }))

  it.effect("tells whom a device let in beyond the last place, or without a ticket that opens the gate", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [first, second, voided, unpaid] = yield* publish(3, 4, { max_attendees: 1 })
      yield* voidTicket(voided!.id)
      yield* sql`UPDATE tickets SET payment_state = 'refunded' WHERE ticket_id = ${unpaid!.id}`
      const token = yield* steward(3, ["A"])
      const { conflicts, summary } = yield* sent(token, 3, [
        entry(first!.code, 0),
        entry(second!.code, 1),
        entry(voided!.code, 2),
        entry(unpaid!.code, 3),
        entry("TKT-003-NOBODY", 4),
        entry(first!.code, 5, { qr_data: "{}" }),
        entry(second!.code, 6, { gate: "B" })
      ])
      assert.deepStrictEqual(
        conflicts.map((
          { entries, kind, reason }: { entries: Array<object>; kind: string; reason: string }
        ) => [
          kind,
          reason,
          entries.length
        ]),
        [
          ["over_capacity", "capacity_reached", 1],
          ["not_admissible", "voided", 1],
          ["not_admissible", "unpaid", 1],
          ["not_admissible", "unknown_ticket", 1],
          ["not_admissible", "forged", 1],
          ["not_admissible", "gate_forbidden", 1]
        ]
      )
      assert.strictEqual(
        conflicts[0].message,
        "The house was full at the entry at gate A on 20 June 2025 at 22:01."
      )
      assert.include(conflicts[1].message, "This ticket has been cancelled.")
      assert.strictEqual(summary.valid, 1)
    }))

  it.effect("lets nobody in whom its device refused, and the ticket stays good", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(4, 1)
      const token = yield* steward(4)
      const refused = yield* sent(token, 4, [entry(ticket!.code, 0, { result: "already_used" })])
      assert.deepStrictEqual([results(refused), refused.conflicts], [["refused_offline"], []])
      assert.deepStrictEqual(yield* occupancy(4), { inside: 0, entered: 0, tickets: 0 })
      assert.strictEqual((yield* live(token, 4, ticket!.code)).result, "valid")
    }))

  it.effect("is decided in the order in which it happened and answered in its own", () =>
    Effect.gen(function* () {
      const [ticket, other] = yield* publish(5, 2, { reentry: true, max_attendees: 1 })
      const token = yield* steward(5)
      const scans = [
        entry(other!.code, 20),
        entry(ticket!.code, 10, { direction: "exit" }),
        entry(ticket!.code, 0),
        entry(other!.code, 5, { result: "capacity_reached" })
      ]
      const { conflicts, verdicts } = yield* sent(token, 5, scans)
      assert.deepStrictEqual(
        verdicts.map(({ result, scan_id }: { result: string; scan_id: string }) => [scan_id, result]),
        scans.map(({ scan_id }, at) => [scan_id, at === 3 ? "capacity_reached" : "valid"])
      )
      assert.deepStrictEqual(conflicts, [])
      assert.deepStrictEqual(yield* occupancy(5), { inside: 1, entered: 2, tickets: 1 })
    }))

  it.effect("is judged by the doors as they stood then; a clock that is ahead counts as now", () =>
    Effect.gen(function* () {
      const rows = yield* publish(6, 4, { doors_open_at: minute(0), doors_close_at: minute(60) })
      const token = yield* steward(6)
      const scans = [
        entry(rows[0]!.code, -1),
        entry(rows[1]!.code, 30),
        entry(rows[2]!.code, 61),
        entry(rows[3]!.code, 30, { timestamp: "2999-01-01T00:00:00Z" })
      ]
      const { conflicts, verdicts } = yield* sent(token, 6, scans)
      assert.deepStrictEqual(results({ verdicts }), ["not_yet_valid", "valid", "expired", "expired"])
      assert.deepStrictEqual(conflicts.at(-1).entries[0].at, verdicts[3].decided_at)
    }))

  it.effect("keeps the guests' names to itself, and both times in the journal", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(7, 1)
      const token = yield* steward(7)
      const answer = yield* upload(token, 7, [entry(ticket!.code, 0), entry(ticket!.code, 1)])
      assert.strictEqual(answer.json.conflicts.length, 1)
      for (const name of ["Jean", "Dupont"]) assert.notInclude(answer.text, name)
      const [kept] = yield* sql`
        SELECT source, claimed_result, device_time, received_at > device_time AS later FROM scans
        WHERE event_id = 7 ORDER BY seq LIMIT 1`
      assert.deepInclude(kept, { source: "batch", claimed_result: "valid", later: true })
      assert.strictEqual(Number(kept?.device_time), DateTime.toEpochMillis(minute(0)))
    }))

  it.effect("is no conflict where its device took the scan back itself", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const [ticket] = yield* publish(13, 1)
      const token = yield* steward(13)
      const scans = [entry(ticket!.code, 0, { timestamp: DateTime.formatIso(yield* DateTime.now) })]
      yield* sent(token, 13, scans)
      const body = { event_id: 13, scanner_id: "scanner-1" }
      assert.strictEqual(
        (yield* app.ask(`/api/scans/${scans[0]!.scan_id}/annul`, { token, body })).status,
        200
      )
      const again = yield* sent(token, 13, scans)
      assert.deepStrictEqual([results(again), again.conflicts], [["scan_annulled"], []])
    }))

  it.effect("is for the event's own organiser; of a steward of other events every scan is refused", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const rows = yield* publish(14, 2)
      const owner = yield* tokenFor({ role: "organizer", subject: "organizer-1" })
      assert.deepStrictEqual(results(yield* sent(owner, 14, [entry(rows[0]!.code, 0)])), ["valid"])
      assert.strictEqual((yield* upload(app.organizer, 14, [entry(rows[1]!.code, 0)])).status, 404)
      const elsewhere = yield* sent(yield* steward(1), 14, [entry(rows[1]!.code, 0)])
      assert.deepStrictEqual(results(elsewhere), ["operator_forbidden"])
      assert.strictEqual(elsewhere.conflicts[0].reason, "operator_forbidden")
    }))
})
