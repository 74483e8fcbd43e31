/**
 * Spans have the names and attributes of OpenTelemetry's conventions, and what nobody asked for is no trace of its own.
 * Guards whose removal turned this file red: the rule for statements without a parent.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Option, Tracer } from "effect"
import { bodyFor, finished, guestsNamed, start } from "../support/FlowClient.ts"
import { recording } from "../support/SpanRecorder.ts"
import * as TestAppLayer from "../support/TestApp.ts"

class Spans extends Context.Service<Spans, ReturnType<typeof recording>>()("test/Spans") {}

const App = Layer.unwrap(Effect.sync(() => {
  const spans = recording()
  return TestAppLayer.layer.pipe(
    Layer.provide(Layer.succeed(Tracer.Tracer, spans.tracer)),
    Layer.merge(Layer.succeed(Spans, spans))
  )
}))

layer(App, { excludeTestServices: true, timeout: "5 minutes" })("the trace of a flow", (it) => {
  it.effect("names requests by method and route, calls by method and template, statements by verb and table", () =>
    Effect.gen(function* () {
      const recorded = yield* Spans
      const run = yield* Effect.flatMap(
        start(bodyFor(1, { guests: guestsNamed("Zephyrine Quagga") })),
        finished
      )
      const told = recorded.spans.filter(({ sampled }) => sampled)
      const names = (kind: Tracer.SpanKind) =>
        new Set(told.filter((span) => span.kind === kind).map(({ name }) => name))
      const servers = names("server")
      for (const name of ["POST /api/orchestration/complete-flow", "POST /api/notifications/send"]) {
        assert.isTrue(servers.has(name), name)
      }
      const clients = [...names("client")]
      assert.include(clients, "POST /api/payments")
      assert.include(clients, "INSERT flows")
      const requests = told.filter(({ attributes }) => attributes.has("http.request.method"))
      assert.deepStrictEqual(
        requests.filter(({ name }) => !/^[A-Z]+ \//.test(name)).map(({ name }) => name),
        []
      )
      for (const span of requests.filter(({ kind }) => kind === "server")) {
        assert.isString(span.attributes.get("http.route"), span.name)
      }
      for (const span of told.filter(({ attributes }) => attributes.has("db.query.text"))) {
        assert.isString(span.attributes.get("db.operation.name"), span.name)
        assert.isTrue(Option.isSome(span.parent), `${span.name} is a trace of its own`)
      }
      assert.notInclude(clients.join(), run.flow.flow_id)
    }))
})
