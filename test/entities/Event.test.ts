/**
 * The gate of an event, one activation.
 * Guards whose removal turns this file red: the answer stored under a scan id (Batch), the in-batch state of a
 * ticket (Batch), the isolation of a defect (Gatekeeper), every check of Decision, the journal of refusals.
 */
import { assert, layer } from "@effect/vitest"
import { Cause, DateTime, Effect, Exit, Layer } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql"
import type { AdmitRequest, ScanResult } from "../../rpc/Scan.ts"
import { activation, eventData, GateStores, occupancy, publish, scanOf } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const Stores = Layer.provideMerge(GateStores, TestDatabase.layer)

const gateOf = (eventId: number) => Effect.flatMap(activation, (client) => client(String(eventId)))

const nobody = { operatorId: "operator-1", events: null, gates: null, known: false }

layer(Stores)("the gate of an event", (it) => {
  it.effect("answers every result with its reason and stores refusals too", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const now = yield* DateTime.now
      const [used, voided, unpaid, other] = yield* publish(1, 4, { max_attendees: 1 })
      const [foreign] = yield* publish(2, 1)
      yield* publish(3, 1, { status: "draft" })
      yield* publish(4, 1, { doors_open_at: DateTime.add(now, { minutes: 1 }) })
      yield* publish(5, 1, { doors_close_at: DateTime.subtract(now, { minutes: 1 }) })
      yield* sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${voided!.id}`
      yield* sql`UPDATE tickets SET payment_state = 'pending' WHERE ticket_id = ${unpaid!.id}`
      const operator = (changes: Partial<AdmitRequest["operator"]>) => ({
        operator: { ...nobody, known: true, ...changes }
      })
      const cases: ReadonlyArray<readonly [ScanResult, AdmitRequest]> = [
        ["operator_forbidden", scanOf(1, used!.code, { operator: nobody })],
        ["operator_forbidden", scanOf(1, used!.code, operator({ events: [2] }))],
        ["gate_forbidden", scanOf(1, used!.code, operator({ gates: ["B"] }))],
        ["event_inactive", scanOf(3, used!.code)],
        ["unknown_event", scanOf(999, used!.code)],
        ["not_yet_valid", scanOf(4, used!.code)],
        ["expired", scanOf(5, used!.code)],
        ["forged", scanOf(1, used!.code, { forged: "unsigned" })],
        ["unknown_ticket", scanOf(1, "TKT-001-UNKNOWN")],
        ["unknown_ticket", scanOf(1, used!.code, { ticketId: other!.id })],
        ["wrong_event", scanOf(1, foreign!.code)],
        ["voided", scanOf(1, voided!.code)],
        ["unpaid", scanOf(1, unpaid!.code)],
        ["not_inside", scanOf(1, used!.code, { direction: "exit" })],
        ["valid", scanOf(1, used!.code.toLowerCase())],
        ["already_used", scanOf(1, null, { ticketId: used!.id })],
        ["capacity_reached", scanOf(1, other!.code)]
      ]
      for (const [expected, scan] of cases) {
        const gate = yield* gateOf(scan.eventId)
        const verdict = yield* gate.Admit(scan)
        assert.strictEqual(verdict.result, expected)
        const rows =
          yield* sql`SELECT result FROM scans WHERE event_id = ${scan.eventId} AND scan_id = ${scan.scanId}`
        assert.deepStrictEqual(rows, [{ result: expected }])
      }
      assert.deepStrictEqual(yield* occupancy(1), { inside: 1, entered: 1, tickets: 1 })
    }))

  it.effect("names the guest, and when and where a used ticket came in", () =>
    Effect.gen(function* () {
      const now = yield* DateTime.now
      const [ticket] = yield* publish(10, 1)
      const gate = yield* gateOf(10)
      const first = yield* gate.Admit(scanOf(10, ticket!.code))
      assert.strictEqual(first.guest_first_name, "Jean")
      assert.strictEqual(first.ticket_type, "standard")
      assert.strictEqual(first.ticket_id, ticket!.id)
      assert.isNull(first.first_use)
      yield* TestClock.adjust("2 seconds")
      const copy = yield* gate.Admit(scanOf(10, ticket!.code, { gate: "B" }))
      assert.strictEqual(copy.result, "already_used")
      assert.deepStrictEqual(copy.first_use, { at: now, gate: "A" })
      assert.deepStrictEqual(copy.signals, ["seen_at_another_gate"])
      yield* TestClock.adjust("2 seconds")
      const late = yield* gate.Admit(scanOf(10, ticket!.code, { gate: "B" }))
      assert.deepStrictEqual(late.signals, [])
    }))

  it.effect("lets people leave, and come back only where the event allows it", () =>
    Effect.gen(function* () {
      const [strict] = yield* publish(11, 1)
      const [free] = yield* publish(12, 1, { reentry: true })
      const story = Effect.fnUntraced(function* (eventId: number, code: string) {
        const gate = yield* gateOf(eventId)
        return yield* Effect.forEach(["entry", "exit", "exit", "entry"] as const, (direction) =>
          Effect.map(gate.Admit(scanOf(eventId, code, { direction })), (verdict) =>
            verdict.result))
      })
      assert.deepStrictEqual(yield* story(11, strict!.code), ["valid", "valid", "not_inside", "already_used"])
      assert.deepStrictEqual(yield* story(12, free!.code), ["valid", "valid", "not_inside", "valid"])
      assert.deepStrictEqual(yield* occupancy(11), { inside: 0, entered: 1, tickets: 0 })
      assert.deepStrictEqual(yield* occupancy(12), { inside: 1, entered: 2, tickets: 1 })
    }))

  it.effect("lets people leave after the doors have closed", () =>
    Effect.gen(function* () {
      const now = yield* DateTime.now
      const [ticket] = yield* publish(13, 1, { doors_close_at: now })
      const gate = yield* gateOf(13)
      assert.strictEqual((yield* gate.Admit(scanOf(13, ticket!.code))).result, "valid")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* gate.Admit(scanOf(13, ticket!.code, { direction: "exit" }))).result, "valid")
    }))

  it.effect("gives the same verdict under the same scan id, and never for another ticket or direction", () =>
    Effect.gen(function* () {
      const [ticket, other] = yield* publish(14, 2)
      const gate = yield* gateOf(14)
      const refused = scanOf(14, ticket!.code, { direction: "exit" })
      const admitted = scanOf(14, ticket!.code)
      const first = [yield* gate.Admit(refused), yield* gate.Admit(admitted)]
      const later = yield* gateOf(14)
      assert.deepStrictEqual(yield* later.Admit({ ...refused, gate: "B" }), first[0])
      const turned = yield* later.Admit({ ...refused, direction: "entry" })
      assert.deepInclude(turned, { result: "scan_id_reused", guest_first_name: null })
      assert.deepStrictEqual(yield* later.Admit({ ...admitted, gate: "B" }), first[1])
      for (const ticketCode of [other!.code, "TKT-014-UNKNOWN"]) {
        const reused = yield* later.Admit({ ...admitted, ticketCode })
        assert.deepInclude(reused, { result: "scan_id_reused", ticket_id: null, guest_first_name: null })
      }
      const twins = scanOf(14, other!.code)
      const both = yield* Effect.all([gate.Admit(twins), gate.Admit(twins)], { concurrency: "unbounded" })
      assert.deepStrictEqual(both[0], both[1])
      assert.strictEqual(both[0].result, "valid")
      assert.deepStrictEqual(yield* occupancy(14), { inside: 2, entered: 2, tickets: 2 })
    }))

  it.effect("keeps both times and the device's claim, and does not believe the claim", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const now = yield* DateTime.now
      yield* publish(15, 1)
      const gate = yield* gateOf(15)
      const seen = DateTime.makeUnsafe("2025-06-15T10:30:00Z")
      const scan = scanOf(15, "TKT-015-NOBODY", {
        claimed: "valid",
        deviceTime: seen,
        context: { section: "VIP" }
      })
      assert.strictEqual((yield* gate.Admit(scan)).result, "unknown_ticket")
      const rows = yield* sql`
        SELECT claimed_result, device_time, received_at, context, ticket_code FROM scans WHERE event_id = 15`
      assert.deepStrictEqual(rows, [{
        claimed_result: "valid",
        device_time: DateTime.toDateUtc(seen),
        received_at: DateTime.toDateUtc(now),
        context: { section: "VIP" },
        ticket_code: "TKT-015-NOBODY"
      }])
    }))

  it.effect("admits 50 tickets once when 200 scans of them arrive together", () =>
    Effect.gen(function* () {
      const tickets = yield* publish(16, 50)
      const gate = yield* gateOf(16)
      const scans = Array.from({ length: 200 }, (_, at) => scanOf(16, tickets[(at * 7) % 50]!.code))
      const verdicts = yield* Effect.forEach(scans, (scan) => gate.Admit(scan), { concurrency: "unbounded" })
      const valid = verdicts.filter((verdict) => verdict.result === "valid")
      assert.strictEqual(valid.length, 50)
      assert.strictEqual(new Set(valid.map((verdict) => verdict.ticket_id)).size, 50)
      assert.strictEqual(verdicts.filter((verdict) => verdict.result === "already_used").length, 150)
      assert.deepStrictEqual(yield* occupancy(16), { inside: 50, entered: 50, tickets: 50 })
    }))

  it.effect("fills an event to its last place and no further, and an exit makes room", () =>
    Effect.gen(function* () {
      const tickets = yield* publish(17, 40, { max_attendees: 25 })
      const gate = yield* gateOf(17)
      const scans = tickets.map(({ code }) => scanOf(17, code))
      const verdicts = yield* Effect.forEach(scans, (scan) => gate.Admit(scan), { concurrency: "unbounded" })
      assert.strictEqual(verdicts.filter((verdict) => verdict.result === "valid").length, 25)
      assert.strictEqual(verdicts.filter((verdict) => verdict.result === "capacity_reached").length, 15)
      const refused = tickets.find((_, at) => verdicts[at]!.result === "capacity_reached")!
      const inside = tickets.find((_, at) => verdicts[at]!.result === "valid")!
      const [left, entered] = yield* Effect.all([
        gate.Admit(scanOf(17, inside.code, { direction: "exit" })),
        gate.Admit(scanOf(17, refused.code))
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual([left.result, entered.result], ["valid", "valid"])
      assert.deepStrictEqual(yield* occupancy(17), { inside: 25, entered: 26, tickets: 25 })
    }))

  it.effect("answers the others when one scan of a batch cannot be stored, and goes on", () =>
    Effect.gen(function* () {
      const tickets = yield* publish(18, 3)
      const gate = yield* gateOf(18)
      const scans = [
        scanOf(18, tickets[0]!.code),
        scanOf(18, tickets[1]!.code, { gate: "A\u0000" }),
        scanOf(18, tickets[2]!.code)
      ]
      const exits = yield* Effect.forEach(scans, (scan) => Effect.exit(gate.Admit(scan)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
      assert.isTrue(Exit.isFailure(exits[1]!) && Cause.hasDies(exits[1].cause))
      assert.strictEqual((yield* gate.Admit(scanOf(18, tickets[1]!.code))).result, "valid")
      assert.deepStrictEqual(yield* occupancy(18), { inside: 3, entered: 3, tickets: 3 })
    }))

  it.effect("notes a device that was refused 20 times within a minute, and still admits with it", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(19, 1)
      const gate = yield* gateOf(19)
      yield* Effect.forEach(Array.from({ length: 20 }), () => gate.Admit(scanOf(19, "TKT-019-GUESS")))
      const verdict = yield* gate.Admit(scanOf(19, ticket!.code))
      assert.deepStrictEqual([verdict.result, verdict.signals], ["valid", ["device_often_refused"]])
    }))

  it.effect("publishes, registers and issues for its owner alone", () =>
    Effect.gen(function* () {
      const event = yield* gateOf(20)
      yield* event.Publish({ owner: "a", event: eventData(20, { max_attendees: 2 }) })
      const theft = yield* Effect.flip(event.Publish({ owner: "b", event: eventData(20) }))
      assert.strictEqual(theft._tag, "EventNotYours")
      const guest = (guest_id: number) => ({
        guest_id,
        name: "A B",
        email: `${guest_id}@example.com`,
        ticket_type: "vip"
      })
      assert.deepStrictEqual(
        yield* event.RegisterGuests({ flowId: null, guests: [guest(1), guest(2)] }),
        { registered: 2 }
      )
      const full = yield* Effect.flip(event.RegisterGuests({ flowId: null, guests: [guest(3)] }))
      assert.strictEqual(full._tag, "EventFull")
      const request = { flowId: null, templateId: 1, guestIds: [1, 2], paymentPending: true }
      const ids = yield* event.IssueTickets(request)
      assert.deepStrictEqual(yield* event.IssueTickets(request), ids)
      const missing = yield* gateOf(21)
      assert.strictEqual((yield* Effect.flip(missing.IssueTickets(request)))._tag, "EventNotFound")
    }))
})
