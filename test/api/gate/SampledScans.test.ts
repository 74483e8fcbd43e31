/**
 * Scans while a part of the traces is told: the fast path takes those that are not, and whoever answers, a scan is one
 * trace, whole or absent.
 * Guards whose removal turns this file red: the decision before the fast path, the span that the contract takes up
 * and the batch begins under.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Tracer } from "effect"
import { SamplingTracer } from "../../../src/telemetry/Sampling.ts"
import * as GateFixture from "../../support/GateFixture.ts"
import { acquaint, operator, Port, scan } from "../../support/ScanPort.ts"
import { recording } from "../../support/SpanRecorder.ts"
import * as TestAppLayer from "../../support/TestApp.ts"

const { named, spans, tracer } = recording()

const sampling = new SamplingTracer(tracer, { parentBased: true, ratio: 0.5 })

const app = Layer.provideMerge(Port.layer, TestAppLayer.layer).pipe(
  Layer.provideMerge(Layer.succeed(Tracer.Tracer, sampling))
)

const traceOf = (at: number) => (at + 1).toString(16).padStart(32, "0")

const by = (at: number, flags: "00" | "01") => ({
  traceparent: `00-${traceOf(at)}-00000000000000ff-${flags}`
})

/** The spans of a trace that are told. */
const told = (traceId: string) => spans.filter((span) => span.traceId === traceId && span.sampled)

const whole = [
  "POST /api/scans/validate",
  "ScanBatcher.admit",
  "Event.client.Admit",
  "Event.Admit",
  "Event.batch",
  "Gatekeeper.admit"
]

layer(app, { excludeTestServices: true })("a scan of which not all are told", (it) => {
  it.effect("goes the fast path when its caller does not tell it, and the contract's when he does", () =>
    Effect.gen(function* () {
      const { ask, taken } = yield* Port
      const rows = yield* GateFixture.publish(1, 4)
      const token = yield* operator()
      const send = (at: number, flags: "00" | "01") =>
        ask({ token, headers: by(at, flags), body: scan(1, rows[at]!.code) })
      yield* acquaint(token, 1)
      const before = taken()
      for (const [at, flags] of [[0, "00"], [1, "01"], [2, "00"], [3, "01"]] as const) {
        assert.strictEqual((yield* send(at, flags)).json.result, "valid")
      }
      assert.strictEqual(taken() - before, 2)
      for (const at of [0, 2]) assert.deepStrictEqual(told(traceOf(at)), [])
      for (const at of [1, 3]) {
        const names = told(traceOf(at)).map(({ name }) => name)
        assert.deepStrictEqual(names.filter((name) => whole.includes(name)), whole)
      }
    }))

  it.effect("is told or not where it begins, once, and with all that is done for it", () =>
    Effect.gen(function* () {
      const { ask, taken } = yield* Port
      const rows = yield* GateFixture.publish(2, 64)
      const token = yield* operator()
      yield* acquaint(token, 2)
      const [begun, decided, express] = [
        named("POST /api/scans/validate").length,
        named("Gatekeeper.admit").length,
        taken()
      ]
      yield* Effect.forEach(rows, ({ code }) => ask({ token, body: scan(2, code) }), { concurrency: 8 })
      const requests = named("POST /api/scans/validate").slice(begun)
      assert.lengthOf(requests, 64)
      assert.strictEqual(requests.filter(({ sampled }) => !sampled).length, taken() - express)
      const flags = new Map(requests.map(({ sampled, traceId }) => [traceId, sampled]))
      const decisions = named("Gatekeeper.admit").slice(decided)
      assert.deepStrictEqual(decisions.filter(({ traceId }) => !flags.has(traceId)), [])
      for (const { name, sampled, traceId } of spans) {
        if (flags.has(traceId)) assert.strictEqual(sampled, flags.get(traceId), name)
      }
      const batches = named("ScanBatcher.admit").filter(({ traceId }) => flags.has(traceId))
      const callers = batches.filter(({ sampled }) => sampled).flatMap((batch) => [
        batch.traceId,
        ...batch.links.map(({ span }) => span.traceId)
      ])
      assert.sameMembers(callers, requests.filter(({ sampled }) => sampled).map(({ traceId }) => traceId))
    }))

  it.effect("that the contract answers after all goes on under the span it began with", () =>
    Effect.gen(function* () {
      const { ask, taken } = yield* Port
      const [ticket] = yield* GateFixture.publish(3, 1)
      const token = yield* operator()
      yield* acquaint(token, 1)
      const before = taken()
      const answer = yield* ask({ token, headers: by(5, "00"), body: scan(3, ticket!.code) })
      assert.deepStrictEqual([answer.json.result, taken() - before], ["valid", 0])
      const requests = named("POST /api/scans/validate").filter(({ traceId }) => traceId === traceOf(5))
      assert.deepStrictEqual(requests.map(({ kind, status }) => [kind, status._tag]), [["server", "Ended"]])
      assert.deepStrictEqual(told(traceOf(5)), [])
    }))
})
