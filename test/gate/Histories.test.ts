/**
 * Random histories of a gate against a model of ten lines.
 * Guards whose removal turns this file red: the re-entry rule and the capacity check of Decision, the answer
 * stored under a scan id, the crowd of a batch (Batch), the counter of the commit (ScanStore).
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as fc from "fast-check"
import type { AdmitRequest, Direction, ScanResult } from "../../rpc/Scan.ts"
import { activation, crowd, GateStores, publish, scanOf } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const tickets = 4

const step = fc.record({
  ticket: fc.nat({ max: tickets - 1 }),
  direction: fc.constantFrom("entry" as const, "entry" as const, "exit" as const),
  retries: fc.option(fc.nat({ max: 20 }), { freq: 4 })
})

interface History {
  readonly reentry: boolean
  readonly places: number
  readonly activations: ReadonlyArray<
    ReadonlyArray<{
      readonly ticket: number
      readonly direction: Direction
      readonly retries: number | null
    }>
  >
}

const history: fc.Arbitrary<History> = fc.record({
  reentry: fc.boolean(),
  places: fc.integer({ min: 1, max: tickets }),
  activations: fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 })
})

/** What a gate is: people inside, tickets used, and a memory of what was said. */
const model = (reentry: boolean, places: number) => {
  const inside = new Set<string>()
  const used = new Set<string>()
  const said = new Map<string, ScanResult>()
  const decide = ({ direction, ticketCode }: AdmitRequest): ScanResult => {
    const code = ticketCode ?? ""
    if (direction === "exit") return inside.delete(code) ? "valid" : "not_inside"
    if (inside.has(code) || (used.has(code) && !reentry)) return "already_used"
    if (inside.size >= places) return "capacity_reached"
    inside.add(code)
    used.add(code)
    return "valid"
  }
  const answer = (scan: AdmitRequest): ScanResult => {
    const result = said.get(scan.scanId) ?? decide(scan)
    said.set(scan.scanId, result)
    return result
  }
  return { answer, inside }
}

let events = 0

/** Every inner array is one activation: its scans arrive together, and the next one starts with an empty memory. */
const play = Effect.fnUntraced(function* ({ activations, places, reentry }: History) {
  const eventId = ++events
  const rows = yield* publish(eventId, tickets, { reentry, max_attendees: places })
  const expected = model(reentry, places)
  const sent: Array<AdmitRequest> = []
  for (const steps of activations) {
    const gate = yield* Effect.flatMap(activation, (client) => client(String(eventId)))
    const scans = steps.map(({ direction, retries, ticket }) =>
      retries !== null && sent.length > 0
        ? { ...sent[retries % sent.length]!, direction }
        : scanOf(eventId, rows[ticket]!.code, { direction, gate: ticket % 2 === 0 ? "A" : "B" })
    )
    sent.push(...scans)
    const verdicts = yield* Effect.forEach(scans, (scan) => gate.Admit(scan), { concurrency: "unbounded" })
    assert.deepStrictEqual(verdicts.map((verdict) => verdict.result), scans.map(expected.answer))
    const { inside, tickets: insideTickets } = yield* crowd(eventId)
    assert.deepStrictEqual([inside, insideTickets], [expected.inside.size, expected.inside.size])
  }
})

layer(Layer.provideMerge(GateStores, TestDatabase.layer))("histories of a gate", (it) => {
  it.effect(
    "agree with the model through entries, exits, retries and restarts",
    () =>
      Effect.gen(function* () {
        const services = yield* Effect.context<
          Layer.Success<typeof GateStores> | Layer.Success<typeof TestDatabase.layer>
        >()
        const property = fc.asyncProperty(
          history,
          (one) => Effect.runPromiseWith(services)(Effect.scoped(play(one)))
        )
        yield* Effect.promise(() => fc.assert(property, { seed: 20_250_620, numRuns: 300 }))
      }),
    60_000
  )
})
