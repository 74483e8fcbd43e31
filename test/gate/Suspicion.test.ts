/**
 * What looks odd about a scan, each rule at its boundary, and what follows.
 * Guards whose removal turns this file red: each rule's window, count and 0; that whoever left may come back; that a
 * device's time is heard; that refusing spares exits, other refusals and uploads.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { type AdmitRequest, type GateRules, type ScanResult, usualRules } from "../../rpc/Scan.ts"
import { decideBatch } from "../../src/gate/Batch.ts"
import { decide } from "../../src/gate/Decision.ts"
import type { GateTicket } from "../../src/gate/GateState.ts"
import { GateStore } from "../../src/store/gate/GateStore.ts"
import { activation, GateStores, occupancy, publish, scanOf } from "../support/GateFixture.ts"
import { gateSnapshot } from "../support/GateSnapshot.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const now = DateTime.makeUnsafe("2025-06-20T09:00:00Z")
const ago = (millis: number) => DateTime.subtract(now, { milliseconds: millis })

const house = gateSnapshot({ maxAttendees: 2, reentry: true, tickets: 1 })
const unused = house.tickets[0]!

/** A ticket that came in at gate A so long ago and is inside. */
const inside = (millis: number, changes: Partial<GateTicket> = {}): GateTicket => ({
  ...unused,
  status: "admitted",
  inside: true,
  entries: 1,
  firstUse: { at: ago(millis), gate: "A" },
  lastEntry: { at: ago(millis), gate: "A" },
  ...changes
})

/** The same, who has left again. */
const outside = (millis: number, changes: Partial<GateTicket> = {}) =>
  inside(millis, { inside: false, ...changes })

interface Case {
  readonly rules?: Partial<GateRules>
  readonly scan?: Partial<AdmitRequest>
  readonly people?: number
  readonly deviceRefusals?: number
}

const judge = (ticket: GateTicket, { deviceRefusals = 0, people = 1, rules, scan }: Case = {}) =>
  decide({
    eventId: 1,
    event: { ...house.event!, rules: { ...usualRules, ...rules } },
    inside: people,
    ticket,
    now,
    deviceRefusals
  }, scanOf(1, unused.code, scan))

const signals = (ticket: GateTicket, one: Case = {}) => judge(ticket, one).signals

const refuse = { on_suspicion: "refuse" } as const
const atB = { gate: "B" }

describe("a used ticket at another gate", () => {
  it("is noted within the window, to its last millisecond", () => {
    assert.deepStrictEqual(signals(inside(0), { scan: atB }), ["seen_at_another_gate"])
    assert.deepStrictEqual(signals(inside(3_000), { scan: atB }), ["seen_at_another_gate"])
    assert.deepStrictEqual(signals(inside(3_001), { scan: atB }), [])
    assert.deepStrictEqual(signals(inside(3_000)), [])
    assert.deepStrictEqual(signals(inside(3_000), { scan: { ...atB, direction: "exit" } }), [])
  })

  it("is not looked at with a window of 0", () => {
    assert.deepStrictEqual(signals(inside(0), { scan: atB, rules: { copy_window_seconds: 0 } }), [])
  })

  it("is nobody's fault who left and comes back by another door", () => {
    const back = judge(outside(60_000), { scan: atB, rules: { copy_window_seconds: 600, ...refuse } })
    assert.deepInclude(back, { result: "valid", signals: [] })
  })

  it("is known by when a device saw it that uploads later", () => {
    const upload = (millis: number) => ({ ...atB, source: "batch" as const, deviceTime: ago(millis) })
    assert.deepStrictEqual(signals(inside(3_600_000), { scan: upload(3_603_000) }), ["seen_at_another_gate"])
    assert.deepStrictEqual(signals(inside(3_600_000), { scan: upload(3_597_000) }), ["seen_at_another_gate"])
    assert.deepStrictEqual(signals(inside(3_600_000), { scan: upload(3_603_001) }), [])
    assert.deepStrictEqual(signals(inside(1_000), { scan: upload(3_600_000) }), [])
  })
})

describe("a used ticket that is shown again and again", () => {
  const shown = (...millis: ReadonlyArray<number>) => ({ refusals: millis.map(ago) })

  it("is noted at its third time within the hour, to the hour's last millisecond", () => {
    assert.deepStrictEqual(signals(inside(4_000_000, shown(1))), [])
    assert.deepStrictEqual(signals(inside(4_000_000, shown(1, 3_600_000))), ["copied_ticket"])
    assert.deepStrictEqual(signals(inside(4_000_000, shown(1, 3_600_001))), [])
  })

  it("is noted at its third time in one batch", () => {
    const scans = ["entry", "entry", "entry", "entry"].map(() => scanOf(1, unused.code))
    const { verdicts } = decideBatch(1, house, scans, now)
    assert.deepStrictEqual(verdicts.map((verdict) => [verdict.result, ...verdict.signals]), [
      ["valid"],
      ["already_used"],
      ["already_used"],
      ["already_used", "copied_ticket"]
    ])
  })

  it("is noted when its holder comes back after three, and not after two", () => {
    assert.deepStrictEqual(signals(outside(9_000, shown(1, 2))), [])
    assert.deepStrictEqual(signals(outside(9_000, shown(1, 2, 3))), ["copied_ticket"])
  })

  it("is not looked at with a count of 0", () => {
    assert.deepStrictEqual(signals(inside(9_000, shown(1, 2, 3)), { rules: { copy_presentations: 0 } }), [])
  })
})

describe("a device that is often refused", () => {
  it("is noted from the scan after its twentieth refusal, at entries and exits", () => {
    assert.deepStrictEqual(signals(unused, { deviceRefusals: 19 }), [])
    assert.deepStrictEqual(signals(unused, { deviceRefusals: 20 }), ["device_often_refused"])
    const leaving = judge(inside(9_000), { deviceRefusals: 20, scan: { direction: "exit" }, rules: refuse })
    assert.deepInclude(leaving, { result: "valid", signals: ["device_often_refused"] })
  })

  it("is not looked at with a count of 0, nor in what it decided alone", () => {
    assert.deepStrictEqual(signals(unused, { deviceRefusals: 999, rules: { device_refusals: 0 } }), [])
    assert.deepStrictEqual(signals(unused, { deviceRefusals: 999, scan: { source: "batch" } }), [])
  })

  it("is asked about for as long as the rules say", () => {
    const asked: Array<readonly [string, number]> = []
    decideBatch(1, house, [scanOf(1, unused.code)], now, (...question) => asked.push(question) && 0)
    assert.deepStrictEqual(asked, [["scanner-1", 60]])
  })
})

describe("rules that refuse", () => {
  const copies = { refusals: [ago(1), ago(2), ago(3)] }
  const suspect = [
    ["seen_at_another_gate", inside(0), { scan: atB }],
    ["copied_ticket", inside(9_000, copies), {}],
    ["copied_ticket", outside(9_000, copies), {}],
    ["device_often_refused", unused, { deviceRefusals: 20 }],
    ["device_often_refused", inside(9_000), { deviceRefusals: 20 }]
  ] as const

  it("admit nobody who looks odd, and leave the ticket as it was", () => {
    for (const [signal, ticket, one] of suspect) {
      const verdict = judge(ticket, { ...one, rules: refuse })
      assert.deepStrictEqual(verdict, {
        result: "suspected_fraud",
        shownAgain: ticket.inside,
        ticket,
        after: null,
        signals: [signal]
      })
    }
  })

  it("are not the usual ones, which only note", () => {
    for (const [signal, ticket, one] of suspect) {
      const { result, signals } = judge(ticket, one)
      assert.deepStrictEqual([result, signals], [ticket.inside ? "already_used" : "valid", [signal]])
    }
  })

  it("leave every other refusal its own reason", () => {
    const often = { deviceRefusals: 20, rules: refuse }
    const reasons: ReadonlyArray<readonly [ScanResult, GateTicket, Case]> = [
      ["voided", { ...unused, status: "voided" }, often],
      ["unpaid", { ...unused, paymentState: "pending" }, often],
      ["capacity_reached", unused, { ...often, people: 2 }],
      ["not_inside", unused, { ...often, scan: { direction: "exit" } }]
    ]
    for (const [reason, ticket, one] of reasons) {
      assert.deepInclude(judge(ticket, one), { result: reason, signals: ["device_often_refused"] })
    }
  })

  it("come too late for whom a device let in alone", () => {
    const upload = { scan: { source: "batch" as const, deviceTime: ago(0), claimed: "valid", gate: "B" } }
    const back = judge(outside(9_000, copies), { ...upload, rules: refuse })
    assert.deepInclude(back, { result: "valid", signals: ["copied_ticket"] })
    assert.strictEqual(back.after?.inside, true)
    const twice = judge(inside(0), { ...upload, rules: refuse })
    assert.deepInclude(twice, { result: "already_used", signals: ["seen_at_another_gate"] })
  })
})

layer(Layer.provideMerge(Layer.provideMerge(GateStore.layer, GateStores), TestDatabase.layer))(
  "a gate whose rules refuse",
  (it) => {
    const gateOf = Effect.fnUntraced(function* (eventId: number, rules: Partial<GateRules>) {
      const gate = yield* Effect.flatMap(activation, (client) => client(String(eventId)))
      yield* gate.SetGateRules({ rules: { ...usualRules, ...refuse, ...rules } })
      return gate
    })

    const lastOf = Effect.fnUntraced(function* (eventId: number) {
      const look = yield* (yield* GateStore).look(eventId, 0)
      return Effect.succeed(
        look._tag === "Some" ? look.value.scans.at(-1)! : assert.fail("There is no such event")
      )
    }, Effect.flatten)

    it.effect("stores the signal with the scan, tells it in the feed, and moves neither ticket nor occupancy", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const [ticket] = yield* publish(1, 1, { reentry: true })
        const gate = yield* gateOf(1, {})
        yield* gate.Admit(scanOf(1, ticket!.code))
        const state =
          sql`SELECT inside, entries, status, first_scan_id, first_gate FROM tickets WHERE event_id = 1`
        const before = yield* state
        const verdict = yield* gate.Admit(scanOf(1, ticket!.code, atB))
        assert.deepInclude(verdict, { result: "suspected_fraud", signals: ["seen_at_another_gate"] })
        assert.deepStrictEqual(yield* state, before)
        assert.deepStrictEqual(yield* occupancy(1), { inside: 1, entered: 1, tickets: 1 })
        assert.deepInclude(yield* lastOf(1), {
          scan_id: verdict.scan_id,
          result: "suspected_fraud",
          signals: ["seen_at_another_gate"],
          ticket_id: ticket!.id
        })
      }))

    it.effect("frees a copied ticket an hour after it was last shown in vain, however often its holder tried since", () =>
      Effect.gen(function* () {
        const [ticket] = yield* publish(3, 1, { reentry: true })
        const gate = yield* gateOf(3, { copy_presentations: 2 })
        const show = (changes: Partial<AdmitRequest> = {}) =>
          Effect.map(gate.Admit(scanOf(3, ticket!.code, changes)), ({ result }) => result)
        assert.deepStrictEqual([yield* show(), yield* show(), yield* show(), yield* show()], [
          "valid",
          "already_used",
          "suspected_fraud",
          "suspected_fraud"
        ])
        assert.strictEqual(yield* show({ direction: "exit" }), "valid")
        for (let quarter = 0; quarter < 4; quarter++) {
          yield* TestClock.adjust("15 minutes")
          assert.strictEqual(yield* show(), "suspected_fraud")
        }
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* show(), "valid")
      }))

    it.effect("frees a device once its real refusals are old, however often it was blocked since", () =>
      Effect.gen(function* () {
        const tickets = yield* publish(2, 8)
        const gate = yield* gateOf(2, { device_refusals: 3 })
        yield* Effect.forEach([1, 2, 3], () => gate.Admit(scanOf(2, "TKT-002-GUESS")))
        for (const { code } of tickets.slice(0, 6)) {
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual((yield* gate.Admit(scanOf(2, code))).result, "suspected_fraud")
        }
        yield* TestClock.adjust("1 millis")
        const freed = yield* gate.Admit(scanOf(2, tickets[0]!.code))
        assert.deepStrictEqual([freed.result, freed.signals], ["valid", []])
        assert.deepStrictEqual(yield* occupancy(2), { inside: 1, entered: 1, tickets: 1 })
      }))
  }
)
