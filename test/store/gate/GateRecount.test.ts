/**
 * The counters of a gate, held against a recount of its journal after random histories.
 * Guards whose removal turns this file red: each counter of a commit and of an annulment, the tallies and the moments.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { type GateCounts, rateMinutes } from "../../../rpc/Gate.ts"
import type { AdmitRequest } from "../../../rpc/Scan.ts"
import { GateStore } from "../../../src/store/gate/GateStore.ts"
import { activation, GateStores, occupancy, publish, scanOf } from "../../support/GateFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Stores = Layer.provideMerge(Layer.merge(GateStores, GateStore.layer), TestDatabase.layer)

const viewOf = (eventId: number) =>
  Effect.flatMap(
    GateStore,
    (store) => Effect.map(store.look(eventId, null), (look) => Option.getOrThrow(look).view)
  )

interface Line {
  readonly gate: string
  readonly direction: string
  readonly result: string
  readonly annulled: boolean
  readonly received_at: Date
}

const recount = (lines: ReadonlyArray<Line>): GateCounts => {
  const passed = (direction: string) =>
    lines.filter((line) => line.result === "valid" && !line.annulled && line.direction === direction).length
  const refused = lines.filter(({ result }) => result !== "valid").map(({ result }) => result)
  return {
    entered: passed("entry"),
    exited: passed("exit"),
    refused: {
      total: refused.length,
      by_reason: Object.fromEntries(
        refused.map((reason) => [reason, refused.filter((other) => other === reason).length])
      )
    },
    annulled: lines.filter(({ annulled }) => annulled).length
  }
}

/** Every number of the view, counted again from the journal. */
const agrees = Effect.fnUntraced(function* (eventId: number) {
  const sql = yield* SqlClient.SqlClient
  const lines = yield* sql<Line>`
    SELECT gate, direction, result, annulled_at IS NOT NULL AS annulled, received_at FROM scans
    WHERE event_id = ${eventId} ORDER BY seq`
  const view = yield* viewOf(eventId)
  const { annulled, entered, exited, gates, inside, rate, refused } = view
  assert.deepStrictEqual({ annulled, entered, exited, refused }, recount(lines))
  const names = [...new Set(lines.map(({ gate }) => gate))].sort()
  assert.deepStrictEqual(
    gates.map(({ gate, ...counts }) => [gate, counts]),
    names.map((name) => [name, recount(lines.filter(({ gate }) => gate === name))])
  )
  const counted = yield* occupancy(eventId)
  assert.deepStrictEqual(counted, { inside, entered, tickets: inside })
  assert.strictEqual(inside, entered - exited)
  const since = DateTime.toEpochMillis(rate.per_minute.from)
  const minutes = Array.from(
    { length: rateMinutes },
    (_, at) =>
      recount(
        lines.filter(({ annulled, received_at }) =>
          !annulled && Math.floor((received_at.getTime() - since) / 60_000) === at
        )
      )
  )
  assert.deepStrictEqual(rate.per_minute.entered, minutes.map(({ entered }) => entered))
  assert.deepStrictEqual(rate.per_minute.exited, minutes.map(({ exited }) => exited))
  assert.deepStrictEqual(rate.per_minute.refused, minutes.map(({ refused }) => refused.total))
})

const codes = ["0", "1", "2", "nobody"] as const

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("scan" as const),
      code: fc.constantFrom(...codes),
      gate: fc.constantFrom("A", "B", "C"),
      direction: fc.constantFrom("entry" as const, "exit" as const),
      forged: fc.constantFrom(null, null, null, null, null, "unsigned"),
      times: fc.integer({ min: 1, max: 3 })
    })
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("annul" as const), of: fc.nat({ max: 2 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("wait" as const), seconds: fc.integer({ min: 1, max: 300 }) })
  }
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

let events = 0

const play = Effect.fnUntraced(function* (steps: ReadonlyArray<Step>) {
  const eventId = ++events
  const tickets = yield* publish(eventId, 3, { reentry: true, max_attendees: 2 })
  const gate = yield* Effect.flatMap(activation, (client) => client(String(eventId)))
  const passed: Array<AdmitRequest> = []
  for (const one of steps) {
    if (one.do === "wait") yield* TestClock.adjust(`${one.seconds} seconds`)
    if (one.do === "scan") {
      const { code, direction, forged, times } = one
      const ticketCode = tickets[Number(code)]?.code ?? code
      const scans = Array.from(
        { length: times },
        () => scanOf(eventId, ticketCode, { direction, forged, gate: one.gate })
      )
      const verdicts = yield* gate.AdmitAll({ scans })
      passed.push(...scans.filter((_, at) => verdicts[at]!.result === "valid"))
    }
    if (one.do === "annul" && passed.length > 0) {
      const [{ deviceId, scanId }] = passed.splice(-1 - (one.of % passed.length), 1) as [AdmitRequest]
      yield* gate.Annul({ scanId, deviceId, operatorId: "operator-1", claimedOperator: null, reason: null })
        .pipe(
          Effect.catchTag("AnnulRefused", () => Effect.void)
        )
    }
  }
  yield* agrees(eventId)
  return (yield* viewOf(eventId)).annulled
})

layer(Stores)("the counters of a gate", (it) => {
  it.effect(
    "are what a recount of the journal gives, after any history",
    () =>
      Effect.gen(function* () {
        const services = yield* Effect.context<Layer.Success<typeof Stores>>()
        let annulled = 0
        const property = fc.asyncProperty(
          fc.array(step, { minLength: 5, maxLength: 40, size: "max" }),
          async (steps) => {
            annulled += await Effect.runPromiseWith(services)(Effect.scoped(play(steps)))
          }
        )
        yield* Effect.promise(() => fc.assert(property, { seed: 20_250_620, numRuns: 25 }))
        assert.isAbove(annulled, 50)
      }),
    60_000
  )
})
