/**
 * Which traces are told, as OpenTelemetry's variables say it.
 * Guards whose removal turns this file red: each sampler, the caller's word where it counts and only there, the place
 * of a trace id.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option, Tracer } from "effect"
import * as fc from "fast-check"
import { sentenceOf } from "../../src/cli/Sentence.ts"
import { leavesOut, type Sampling, sampling, SamplingTracer } from "../../src/telemetry/Sampling.ts"
import { recording } from "../support/SpanRecorder.ts"

const named = (env: Record<string, string>) =>
  Effect.provideService(sampling, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

const samplers: ReadonlyArray<readonly [Record<string, string>, Sampling | undefined]> = [
  [{}, undefined],
  [{ OTEL_TRACES_SAMPLER_ARG: "0" }, undefined],
  [{ OTEL_TRACES_SAMPLER: "parentbased_always_on", OTEL_TRACES_SAMPLER_ARG: "none" }, undefined],
  [{ OTEL_TRACES_SAMPLER: "parentbased_always_off" }, { parentBased: true, ratio: 0 }],
  [{ OTEL_TRACES_SAMPLER: "always_on", OTEL_TRACES_SAMPLER_ARG: "0" }, { parentBased: false, ratio: 1 }],
  [{ OTEL_TRACES_SAMPLER: "always_off" }, { parentBased: false, ratio: 0 }],
  [{ OTEL_TRACES_SAMPLER: "traceidratio" }, { parentBased: false, ratio: 1 }],
  [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.01" }, {
    parentBased: false,
    ratio: 0.01
  }],
  [{ OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "1" }, {
    parentBased: true,
    ratio: 1
  }]
]

const wrong: ReadonlyArray<readonly [Record<string, string>, RegExp]> = [
  [
    { OTEL_TRACES_SAMPLER: "sometimes" },
    /^OTEL_TRACES_SAMPLER is wrong: Expected "always_on" or "always_off" or /
  ],
  ...["-0.1", "1.1", "10%", "NaN"].map((OTEL_TRACES_SAMPLER_ARG) =>
    [
      { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG },
      /^OTEL_TRACES_SAMPLER_ARG is wrong: Expected .+\.$/
    ] as const
  )
]

const hex = (length: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
    .map((digits) => digits.join(""))

const caller = fc.record({ traceId: hex(32), spanId: hex(16), sampled: fc.boolean() }).map(
  Tracer.externalSpan
)

const anySampling = fc.record({
  parentBased: fc.boolean(),
  ratio: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }))
})

/** A span, one in it and one in that, as two processes would begin them: the inner ones know ids and the flag alone. */
const spansOf = (sampling: Sampling, parent: Option.Option<Tracer.AnySpan>) => {
  const [here, there] = [sampling, sampling].map((one) => new SamplingTracer(recording().tracer, one))
  const begin = (name: string, tracer: Tracer.Tracer) => Effect.withTracer(Effect.makeSpan(name), tracer)
  return Effect.gen(function* () {
    const first = yield* Option.match(parent, {
      onNone: () => begin("first", here!),
      onSome: (span) => Effect.withParentSpan(begin("first", here!), span)
    })
    const second = yield* Effect.withParentSpan(begin("second", here!), first)
    const { sampled, spanId, traceId } = second
    const sent = Tracer.externalSpan({ traceId, spanId, sampled })
    return [first, second, yield* Effect.withParentSpan(begin("third", there!), sent)]
  })
}

describe("a sampler", () => {
  it.effect.each(samplers)(
    "is what the environment names: %o",
    ([env, expected]) => Effect.map(named(env), (found) => assert.deepStrictEqual(found, expected))
  )

  it.effect.each(wrong)(
    "that cannot be is refused in a sentence: %o",
    ([env, sentence]) =>
      Effect.map(Effect.flip(named(env)), (error) => assert.match(sentenceOf(error), sentence))
  )

  it("tells a trace whole or not at all, in each process, and as its caller says where that counts", () =>
    fc.assert(
      fc.asyncProperty(anySampling, fc.option(caller, { nil: undefined }), async (sampling, parent) => {
        const spans = await Effect.runPromise(spansOf(sampling, Option.fromUndefinedOr(parent)))
        const [first] = spans
        assert.deepStrictEqual(spans.map(({ sampled }) => sampled), spans.map(() => first!.sampled))
        assert.deepStrictEqual(spans.map(({ traceId }) => traceId), spans.map(() => first!.traceId))
        if (parent !== undefined && sampling.parentBased) assert.strictEqual(first!.sampled, parent.sampled)
        else if (sampling.ratio === 0 || sampling.ratio === 1) {
          assert.strictEqual(first!.sampled, sampling.ratio === 1)
        }
      })
    ))

  it("compares the digits of a trace id that OpenTelemetry's SDKs compare", () => {
    const kept = (traceId: string, ratio: number) => {
      const parent = Option.some(Tracer.externalSpan({ traceId, spanId: "00000000000000ff", sampled: false }))
      return Effect.runSync(spansOf({ parentBased: false, ratio }, parent))[0]!.sampled
    }
    const begin = "f".repeat(16)
    assert.isTrue(kept(`${begin}3fffffffffffffff`, 0.25))
    assert.isFalse(kept(`${begin}4000000000000000`, 0.25))
    assert.isTrue(kept("3fffffffffffffff", 0.25))
    assert.isFalse(kept(`${begin}0000000000000000`, 0))
    assert.isTrue(kept(`${begin}ffffffffffffffff`, 1))
  })

  it.effect("tells about as many of the traces that begin here as it was asked to", () =>
    Effect.gen(function* () {
      const tracer = new SamplingTracer(recording().tracer, { parentBased: true, ratio: 0.25 })
      const spans = yield* Effect.forEach(Array.from({ length: 4_000 }), () => Effect.makeSpan("root"))
        .pipe(Effect.withTracer(tracer))
      const told = spans.filter(({ sampled }) => sampled).length
      assert.isTrue(told > 800 && told < 1_200, `${told} of 4,000`)
    }))

  it("leaves nothing out that begins here unless it was asked to", () => {
    const { tracer } = recording()
    assert.deepStrictEqual(
      [
        Tracer.nativeTracer,
        tracer,
        ...[0, 0.5, 1].map((ratio) => new SamplingTracer(tracer, { parentBased: false, ratio }))
      ]
        .map(leavesOut),
      [true, false, true, true, false]
    )
  })
})
