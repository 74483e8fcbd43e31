/** What an engineer sees of a flow in OpenTelemetry: one trace, and nobody's name in it. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Tracer } from "effect"
import { SamplingTracer } from "../../src/telemetry/Sampling.ts"
import { bodyFor, follow, guestsNamed, run, start } from "../support/FlowClient.ts"
import { recording } from "../support/SpanRecorder.ts"
import * as TestAppLayer from "../support/TestApp.ts"

const { spans, tracer } = recording()

const along = [
  "Event.RegisterGuests",
  "TicketJob.Start",
  "TicketRenderer.render",
  "TicketJob.BatchGenerated",
  "StripeWebhook.take",
  "Payment.ApplyEvent",
  "InvoiceStore.issue",
  "Notifier.send",
  "reminders"
]

const traced = TestAppLayer.layer.pipe(Layer.provide(Layer.succeed(Tracer.Tracer, tracer)))

layer(traced, { excludeTestServices: true })("a flow in OpenTelemetry", (it) => {
  it.effect(
    "is one trace over entities, queue, services and webhooks, and names nobody",
    () =>
      Effect.gen(function* () {
        yield* run(bodyFor(1, { guests: guestsNamed("Canary Marlowe", "Jane Smith") }))
        const started = spans.find((span) => span.name === "FlowsHttp.start")
        const ofFlow = spans.filter((span) => span.traceId === started?.traceId)
        const names = new Set(ofFlow.map((span) => span.name))
        assert.deepStrictEqual(along.filter((name) => !names.has(name)), [])
        const told = JSON.stringify(spans.map((span) => [span.name, [...span.attributes]]))
        for (const secret of ["Canary", "Marlowe", "@example.com", "+336"]) assert.notInclude(told, secret)
      }),
    30_000
  )
})

const part = recording()

const sampled = TestAppLayer.layer.pipe(
  Layer.provide(
    Layer.succeed(Tracer.Tracer, new SamplingTracer(part.tracer, { parentBased: true, ratio: 0 }))
  )
)

layer(sampled, { excludeTestServices: true })("a flow of which its caller decides", (it) => {
  it.effect.each(["00", "01"])("is told whole or not at all: %s", (flags) =>
    Effect.gen(function* () {
      const traceId = `${flags}${"a".repeat(30)}`
      const traceparent = `00-${traceId}-00000000000000ff-${flags}`
      const accepted = yield* start(bodyFor(Number(flags) + 1), { traceparent })
      yield* follow(accepted.json.events_url)
      const ofFlow = part.spans.filter((span) => span.traceId === traceId)
      const names = new Set(ofFlow.map((span) => span.name))
      assert.deepStrictEqual(along.filter((name) => !names.has(name)), [])
      assert.deepStrictEqual(
        ofFlow.filter(({ sampled }) => sampled !== (flags === "01")).map(({ name }) => name),
        []
      )
    }), 30_000)
})
