/**
 * The checks of one scan in their order, and what a device that decided alone may say.
 * Guards whose removal turns this file red: each check of Decision and its place among the others, the exit of whoever
 * is inside, the device's time of an upload and its bound, the refusal of a device that was alone, the limits of a
 * supervisor's token.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { AdmitRequest, ScanResult } from "../../rpc/Scan.ts"
import { decideBatch } from "../../src/gate/Batch.ts"
import { decide } from "../../src/gate/Decision.ts"
import type { GateEvent, GateTicket } from "../../src/gate/GateState.ts"
import { scanOf } from "../support/GateFixture.ts"
import { gateSnapshot } from "../support/GateSnapshot.ts"

const now = DateTime.makeUnsafe("2025-06-20T09:00:00Z")
const minutes = (count: number) => DateTime.add(now, { minutes: count })

const house = gateSnapshot({ maxAttendees: 2, reentry: false, tickets: 3 })
const unused = house.tickets[0]!
const inside: GateTicket = { ...unused, status: "admitted", inside: true, entries: 1 }

interface Case {
  readonly event?: Partial<GateEvent> | null
  readonly ticket?: Partial<GateTicket> | null
  readonly people?: number
  readonly scan?: Partial<AdmitRequest>
}

const judge = ({ event = {}, people = 0, scan = {}, ticket = {} }: Case) =>
  decide({
    eventId: 1,
    event: event === null ? null : { ...house.event!, ...event },
    inside: people,
    ticket: ticket === null ? undefined : { ...unused, ...ticket },
    now,
    deviceRefusals: 0
  }, scanOf(1, unused.code, scan))

const result = (one: Case) => judge(one).result

const operator = scanOf(1, null).operator

/** What is wrong with a scan, one thing after the other in the order of the checks. */
const wrongs: ReadonlyArray<readonly [ScanResult, Case]> = [
  ["operator_forbidden", { scan: { operator: { ...operator, known: false } } }],
  ["operator_forbidden", { scan: { operator: { ...operator, events: [2] } } }],
  ["gate_forbidden", { scan: { operator: { ...operator, gates: ["B"] } } }],
  ["event_inactive", { event: { status: "draft" } }],
  ["not_yet_valid", { event: { doorsOpenAt: minutes(1) } }],
  ["forged", { scan: { forged: "unsigned" } }],
  ["wrong_event", { ticket: { eventId: 2 } }],
  ["voided", { ticket: { status: "voided" } }],
  ["unpaid", { ticket: { paymentState: "refunded" } }],
  ["already_used", { ticket: { inside: true, entries: 1 } }],
  ["capacity_reached", { people: 2 }]
]

const both = (one: Case, other: Case): Case => ({
  event: { ...one.event, ...other.event },
  ticket: { ...one.ticket, ...other.ticket },
  people: Math.max(one.people ?? 0, other.people ?? 0),
  scan: { ...other.scan, ...one.scan }
})

describe("the checks of a scan", () => {
  it("each name their result, alone and before every later one", () => {
    for (const [at, [expected, wrong]] of wrongs.entries()) {
      assert.strictEqual(result(wrong), expected)
      for (const [, later] of wrongs.slice(at + 1)) {
        assert.strictEqual(result(both(wrong, later)), expected, JSON.stringify([wrong, later]))
      }
    }
    assert.strictEqual(result({}), "valid")
  })

  it("let a supervisor pass over every rule of the event and its tickets, and over no limit of the token", () => {
    const limits = ["operator_forbidden", "gate_forbidden", "forged", "wrong_event"]
    for (const [at, [expected, wrong]] of wrongs.entries()) {
      const alone = judge(both(wrong, { scan: { overruled: true } }))
      assert.strictEqual(alone.after !== null, !limits.includes(expected), expected)
      for (const [, later] of wrongs.slice(at + 1)) {
        if (!limits.slice(0, 2).includes(expected)) continue
        const { after, result } = judge(both(both(wrong, later), { scan: { overruled: true } }))
        assert.deepStrictEqual([result, after], [expected, null])
      }
    }
    const claimed = { source: "batch", claimed: "valid", deviceTime: now } as const
    const elsewhere = { operator: { ...operator, gates: ["B"] } }
    assert.isNotNull(judge({ scan: { ...claimed, ...elsewhere } }).after)
  })

  it("refuse an event or a ticket that does not exist", () => {
    assert.strictEqual(result({ event: null }), "unknown_event")
    assert.strictEqual(result({ ticket: null }), "unknown_ticket")
    assert.strictEqual(result({ ticket: null, scan: { forged: "unsigned" } }), "forged")
  })

  it("let nobody in twice: not who is inside, nor who left, unless people may come back", () => {
    const left = { ...inside, inside: false }
    const enters = (ticket: GateTicket, reentry: boolean) => result({ ticket, event: { reentry } })
    assert.deepStrictEqual([
      enters(inside, false),
      enters(inside, true),
      enters(left, false),
      enters(left, true)
    ], [
      "already_used",
      "already_used",
      "already_used",
      "valid"
    ])
  })

  it("let people in from the first to the last moment of the doors", () => {
    const doors = (open: number, close: number) =>
      result({ event: { doorsOpenAt: minutes(open), doorsCloseAt: minutes(close) } })
    assert.deepStrictEqual([doors(0, 1), doors(-1, 0), doors(1, 2), doors(-2, -1)], [
      "valid",
      "valid",
      "not_yet_valid",
      "expired"
    ])
  })

  it("let whoever is inside leave: closed doors, a void ticket, a refund and a full house notwithstanding", () => {
    const leaves = (one: Case) =>
      result({ ...one, ticket: { ...inside, ...one.ticket }, scan: { direction: "exit" } })
    assert.strictEqual(leaves({ event: { doorsCloseAt: minutes(-1) } }), "valid")
    assert.strictEqual(leaves({ ticket: { status: "voided" } }), "valid")
    assert.strictEqual(leaves({ ticket: { paymentState: "refunded" } }), "valid")
    assert.strictEqual(leaves({ people: 9 }), "valid")
    const gone = (ticket: Partial<GateTicket>) => result({ ticket, scan: { direction: "exit" } })
    assert.deepStrictEqual([gone({}), gone({ status: "voided" })], ["not_inside", "voided"])
  })

  it("give the place of a void ticket's holder to the next one, once it is left", () => {
    const voided: GateTicket = { ...inside, status: "voided" }
    const snapshot = { ...house, inside: 2, tickets: [voided, ...house.tickets.slice(1)] }
    const scans = [
      scanOf(1, "TKT-001-2"),
      scanOf(1, voided.code),
      scanOf(1, voided.code, { direction: "exit" }),
      scanOf(1, "TKT-001-2"),
      scanOf(1, "TKT-001-3"),
      scanOf(1, voided.code)
    ]
    const { verdicts, writes } = decideBatch(1, snapshot, scans, now)
    assert.deepStrictEqual(verdicts.map(({ result }) => result), [
      "capacity_reached",
      "voided",
      "valid",
      "valid",
      "capacity_reached",
      "voided"
    ])
    assert.deepStrictEqual(writes.occupancy, { delta: 0, entered: 1, peak: 0 })
  })
})

describe("a device that decided alone", () => {
  const upload = (claimed: string | null, changes: Case = {}): Case => ({
    ...changes,
    scan: { source: "batch", claimed, ...changes.scan }
  })

  it("and refused has let nobody in or out: the ticket is as it was", () => {
    for (const claimed of ["capacity_reached", "refused", ""]) {
      const held = judge(upload(claimed))
      assert.deepInclude(held, { result: "refused_offline", after: null })
      assert.strictEqual(held.ticket?.ticketId, unused.ticketId)
    }
    assert.deepInclude(judge(upload("not_inside", { ticket: inside, scan: { direction: "exit" } })), {
      result: "refused_offline",
      after: null
    })
  })

  it("and refused what the gate refuses too is told the gate's reason", () => {
    assert.strictEqual(result(upload("voided", { ticket: { status: "voided" } })), "voided")
    assert.strictEqual(result(upload("refused", { ticket: inside })), "already_used")
  })

  it("and admitted, or said nothing, is decided like any other", () => {
    assert.deepStrictEqual([result(upload("valid")), result(upload(null))], ["valid", "valid"])
    assert.strictEqual(result(upload("valid", { ticket: inside })), "already_used")
  })

  it("is the only one whose claim is heard", () => {
    for (const source of ["client", "internal"] as const) {
      assert.strictEqual(result({ scan: { source, claimed: "refused" } }), "valid")
    }
  })

  it("is judged by the doors as they were when it decided, which is not yet to come", () => {
    const event = { doorsOpenAt: minutes(-60), doorsCloseAt: minutes(-30) }
    const at = (count: number) => result(upload("valid", { event, scan: { deviceTime: minutes(count) } }))
    assert.deepStrictEqual([at(-61), at(-60), at(-45), at(-30), at(-29)], [
      "not_yet_valid",
      "valid",
      "valid",
      "valid",
      "expired"
    ])
    const opensLater = { event: { doorsOpenAt: minutes(5) }, scan: { deviceTime: minutes(10) } }
    assert.strictEqual(result(upload("valid", opensLater)), "not_yet_valid")
    assert.strictEqual(result(upload("valid", { event })), "expired")
  })

  it("says when the guest came in; a connected device's time is only kept", () => {
    const deviceTime = minutes(-45)
    const firstUse = (source: AdmitRequest["source"]) =>
      judge({ scan: { source, deviceTime } }).after?.firstUse
    assert.deepStrictEqual(firstUse("batch"), { at: deviceTime, gate: "A" })
    assert.deepStrictEqual(firstUse("client"), { at: now, gate: "A" })
    assert.deepStrictEqual(firstUse("internal"), { at: now, gate: "A" })
  })
})
