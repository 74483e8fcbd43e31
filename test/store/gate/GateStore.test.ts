/**
 * The gate as it is watched.
 * Guards whose removal turns this file red: both ends of each rate, the limit of listed gates, the order, event and
 * bounds of the journal, the usual rules.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Exit, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { rateMinutes } from "../../../rpc/Gate.ts"
import { usualRules } from "../../../rpc/Scan.ts"
import { EventStore } from "../../../src/store/EventStore.ts"
import { GateStore, lookLimit } from "../../../src/store/gate/GateStore.ts"
import { activation, GateStores, publish, scanOf } from "../../support/GateFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Stores = Layer.provideMerge(Layer.merge(GateStores, GateStore.layer), TestDatabase.layer)

const gateOf = (eventId: number) => Effect.flatMap(activation, (client) => client(String(eventId)))

const look = (eventId: number, after: number | null = null) =>
  Effect.flatMap(GateStore, (store) => Effect.map(store.look(eventId, after), Option.getOrThrow))

const viewOf = (eventId: number) => Effect.map(look(eventId), ({ view }) => view)

layer(Stores)("the gate as it is watched", (it) => {
  it.effect("counts by gate and by reason, and knows the house", () =>
    Effect.gen(function* () {
      const [first, second] = yield* publish(1, 2, { max_attendees: 7 })
      yield* publish(2, 1)
      const gate = yield* gateOf(1)
      yield* Effect.forEach([
        scanOf(1, first!.code),
        scanOf(1, first!.code, { gate: "B" }),
        scanOf(1, second!.code, { gate: "B" }),
        scanOf(1, first!.code, { gate: "B", direction: "exit" }),
        scanOf(1, "TKT-001-NOBODY")
      ], gate.Admit)
      const { as_of, gates, last_seq, rate: _, ...view } = yield* viewOf(1)
      assert.deepStrictEqual(view, {
        event_id: 1,
        status: "active",
        max_attendees: 7,
        inside: 1,
        entered: 2,
        exited: 1,
        refused: { total: 2, by_reason: { already_used: 1, unknown_ticket: 1 } },
        annulled: 0
      })
      assert.deepStrictEqual(gates, [
        {
          gate: "A",
          entered: 1,
          exited: 0,
          refused: { total: 1, by_reason: { unknown_ticket: 1 } },
          annulled: 0
        },
        {
          gate: "B",
          entered: 1,
          exited: 1,
          refused: { total: 1, by_reason: { already_used: 1 } },
          annulled: 0
        }
      ])
      assert.deepStrictEqual(as_of, yield* DateTime.now)
      assert.strictEqual(last_seq, (yield* look(1, 0)).scans.at(-1)!.seq)
      assert.deepInclude(yield* viewOf(2), { inside: 0, entered: 0, last_seq: 0, gates: [] })
      assert.isTrue(Option.isNone(yield* (yield* GateStore).look(999, null)))
    }))

  it.effect("knows the last minute to ten seconds, and the last thirty minutes each", () =>
    Effect.gen(function* () {
      const hour = Math.ceil(DateTime.toEpochMillis(yield* DateTime.now) / 3_600_000) * 3_600_000
      const at = (minutes: number, seconds: number) =>
        TestClock.setTime(hour + minutes * 60_000 + seconds * 1_000)
      yield* at(0, 9)
      const [ticket] = yield* publish(3, 1)
      const gate = yield* gateOf(3)
      yield* gate.Admit(scanOf(3, ticket!.code))
      yield* at(1, 0)
      yield* gate.Admit(scanOf(3, ticket!.code, { direction: "exit" }))
      yield* gate.Admit(scanOf(3, "TKT-003-NOBODY"))
      const rate = Effect.map(viewOf(3), ({ rate }) => rate)
      const recent = Effect.map(rate, (rate) => [
        rate.entered_last_minute,
        rate.exited_last_minute,
        rate.refused_last_minute
      ])
      assert.deepStrictEqual(yield* recent, [1, 1, 1])
      yield* at(1, 0.001)
      assert.deepStrictEqual(yield* recent, [0, 1, 1])
      yield* at(29, 59.999)
      const zeros = Array.from({ length: rateMinutes - 2 }, () => 0)
      assert.deepStrictEqual((yield* rate).per_minute, {
        from: DateTime.makeUnsafe(hour),
        entered: [1, 0, ...zeros],
        exited: [0, 1, ...zeros],
        refused: [0, 1, ...zeros]
      })
      yield* at(30, 0)
      assert.deepStrictEqual((yield* rate).per_minute.exited, [1, 0, ...zeros])
      assert.deepStrictEqual((yield* rate).per_minute.entered, [0, 0, ...zeros])
    }))

  it.effect("counts what a faster clock decided as of the running minute", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const now = DateTime.toEpochMillis(yield* DateTime.now)
      yield* publish(8, 1)
      yield* sql`INSERT INTO gate_moments (event_id, at, entered, exited, refused)
        VALUES (8, ${new Date(now + 90_000)}, 3, 2, 1)`
      const { rate } = yield* viewOf(8)
      assert.deepStrictEqual([rate.entered_last_minute, rate.per_minute.entered.at(-1)], [3, 3])
    }))

  it.effect("lists the 200 gates that scan most, whatever devices make up", () =>
    Effect.gen(function* () {
      yield* publish(4, 1)
      const gate = yield* gateOf(4)
      const gates = Array.from({ length: 201 }, (_, at) => `door ${String(at).padStart(3, "0")}`)
      yield* gate.AdmitAll({
        scans: gates.slice(0, 101).map((gate) => scanOf(4, "TKT-004-NOBODY", { gate }))
      })
      yield* gate.AdmitAll({ scans: gates.slice(101).map((gate) => scanOf(4, "TKT-004-NOBODY", { gate })) })
      yield* gate.Admit(scanOf(4, "TKT-004-NOBODY", { gate: gates[200]! }))
      const view = yield* viewOf(4)
      assert.deepStrictEqual(view.gates.map(({ gate }) => gate), [...gates.slice(0, 199), gates[200]])
      assert.strictEqual(view.refused.total, 202)
    }))

  it.effect("shows the journal after a place, in its order, 500 at most, and nobody else's", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(5, 1)
      yield* publish(6, 1)
      const [gate, other] = [yield* gateOf(5), yield* gateOf(6)]
      const seen = DateTime.makeUnsafe("1970-01-01T00:00:00.5Z")
      const first = scanOf(5, ticket!.code, { deviceTime: seen, context: { section: "VIP" } })
      yield* gate.Admit(first)
      const annulment = { scanId: first.scanId, deviceId: first.deviceId, operatorId: "operator-1" }
      yield* gate.Annul({ ...annulment, claimedOperator: null, reason: null })
      for (let round = 0; round < 5; round++) {
        yield* gate.AdmitAll({ scans: Array.from({ length: 100 }, () => scanOf(5, "TKT-005-NOBODY")) })
        yield* other.Admit(scanOf(6, "TKT-006-NOBODY"))
      }
      const { scans, view } = yield* look(5, 0)
      assert.lengthOf(scans, lookLimit)
      const now = yield* DateTime.now
      assert.deepStrictEqual(scans[0], {
        seq: scans[0]!.seq,
        scan_id: first.scanId,
        gate: "A",
        direction: "entry",
        result: "valid",
        signals: [],
        ticket_id: ticket!.id,
        device_id: "scanner-1",
        source: "client",
        device_time: seen,
        received_at: now,
        annulled_at: now
      })
      const rest = (yield* look(5, scans.at(-1)!.seq)).scans
      assert.deepStrictEqual(rest.map(({ seq }) => seq), [view.last_seq])
      const all = [...scans, ...rest].map(({ seq }) => seq)
      assert.deepStrictEqual(all, [...new Set(all)].sort((one, other) => one - other))
      assert.deepStrictEqual((yield* look(5, view.last_seq)).scans, [])
      assert.deepStrictEqual((yield* look(5)).scans, [])
      assert.lengthOf((yield* look(6, 0)).scans, 5)
    }))

  it.effect("has the usual rules until its organiser sets others", () =>
    Effect.gen(function* () {
      const store = yield* GateStore
      const events = yield* EventStore
      yield* publish(7, 1)
      assert.deepStrictEqual(yield* store.rules(7), Option.some(usualRules))
      const rules = { ...usualRules, copy_window_seconds: 0, on_suspicion: "refuse" as const }
      yield* events.setGateRules(7, rules)
      assert.deepStrictEqual(yield* store.rules(7), Option.some(rules))
      assert.isTrue(Option.isNone(yield* store.rules(999)))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(events.setGateRules(999, rules))))
    }))
})
