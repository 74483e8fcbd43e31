/** What an engineer sees of a flow in OpenTelemetry: one trace, and nobody's name in it. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Tracer } from "effect"
import { bodyFor, guestsNamed, run } from "./support/FlowClient.ts"
import { recording } from "./support/SpanRecorder.ts"
import * as TestAppLayer from "./support/TestApp.ts"

const { spans, tracer } = recording()

const traced = TestAppLayer.layer.pipe(Layer.provide(Layer.succeed(Tracer.Tracer, tracer)))

layer(traced, { timeout: 60_000, excludeTestServices: true })("a flow in OpenTelemetry", (it) => {
  it.effect(
    "is one trace over entities, queue, services and webhooks, and names nobody",
    () =>
      Effect.gen(function* () {
        yield* run(bodyFor(1, { guests: guestsNamed("Canary Marlowe", "Jane Smith") }))
        const started = spans.find((span) => span.name === "FlowsHttp.start")
        const ofFlow = spans.filter((span) => span.traceId === started?.traceId)
        const names = new Set(ofFlow.map((span) => span.name))
        const along = [
          "Event.RegisterGuests",
          "TicketJob.Start",
          "TicketRenderer.render",
          "TicketJob.BatchGenerated",
          "StripeWebhook.take",
          "Payment.ApplyEvent",
          "InvoiceBook.IssueInvoice",
          "Notifier.deliver",
          "reminders"
        ]
        assert.deepStrictEqual(along.filter((name) => !names.has(name)), [])
        const told = JSON.stringify(spans.map((span) => [span.name, [...span.attributes]]))
        for (const secret of ["Canary", "Marlowe", "@example.com", "+336"]) assert.notInclude(told, secret)
      }),
    30_000
  )
})
