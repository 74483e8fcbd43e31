/** A flow's log lines are those of the flows document, as fields, in one JSON line each. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, ConfigProvider, Effect, Layer, Logger, Tracer } from "effect"
import { FetchHttpClient } from "effect/http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Observability from "../../src/telemetry/Observability.ts"
import { spent } from "../support/PassingTime.ts"

const { OrchestrationLog } = Observability

const traceId = "0af7651916cd43dd8448eb211c80319c"

describe("the log", () => {
  it.effect("says START, CALL and COMPLETE with the flow id as a field", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const capture = Logger.make((options) => lines.push(Logger.formatJson.log(options)))
      yield* Effect.gen(function* () {
        yield* OrchestrationLog.start("flow-1", "complete_event_flow", { guests: 2 })
        yield* OrchestrationLog.call("flow-1", "ticket-generator", "/api/tickets/generate", 12)
        yield* OrchestrationLog.complete("flow-1", false, "3 seconds", "timeout")
      }).pipe(Effect.provide(Logger.layer([capture])))
      const entries = lines.map((line) => JSON.parse(line))
      assert.deepStrictEqual(entries.map(({ message }) => message), [
        "[ORCHESTRATION] START flow-1: complete_event_flow",
        "[ORCHESTRATION] CALL flow-1: ticket-generator/api/tickets/generate (12ms)",
        "[ORCHESTRATION] COMPLETE flow-1: false (3000ms)"
      ])
      assert.deepStrictEqual(entries.map(({ annotations }) => annotations), [
        { flowId: "flow-1", phase: "START", flowType: "complete_event_flow", guests: 2 },
        {
          flowId: "flow-1",
          phase: "CALL",
          service: "ticket-generator",
          endpoint: "/api/tickets/generate",
          duration: 12,
          outcome: 200
        },
        { flowId: "flow-1", phase: "COMPLETE", success: false, duration: 3000, errors: ["timeout"] }
      ])
    }))

  it.effect("refuses a level that does not exist when it starts", () =>
    Effect.gen(function* () {
      const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { LOG_LEVEL: "loud" } }))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(Observability.layer, env))))
      assert.strictEqual(error._tag, "ConfigError")
    }))

  it.effect("keeps nobody who ends a thread waiting for a collector that does not answer", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const silent: typeof fetch = (input) => {
        asked.push(String(input instanceof Request ? input.url : input))
        return new Promise(() => {})
      }
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.test" }
      const wordsOf = (layer: typeof Observability.layer) =>
        Effect.andThen(Effect.logInfo("a line"), Effect.withSpan(Effect.void, "a group of tickets")).pipe(
          Effect.provide(
            Layer.provide(layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env }))),
            { local: true }
          ),
          Effect.provideService(FetchHttpClient.Fetch, silent),
          spent("100 millis"),
          Effect.andThen(Clock.currentTimeMillis)
        )
      const thread = yield* wordsOf(Observability.layerThread)
      assert.includeMembers(asked, ["http://collector.test/v1/traces", "http://collector.test/v1/logs"])
      assert.isAtMost(thread, 1_000)
      const whole = (yield* wordsOf(Observability.layer)) - thread
      assert.isAtLeast(whole, 3_000, "a process tells what it has to tell")
    }))

  it.live("sends spans to the OpenTelemetry endpoint, those that the sampler keeps, and nowhere without one", () =>
    Effect.gen(function* () {
      const paths: Array<string> = []
      const server = createServer((request, response) => {
        paths.push(request.url ?? "")
        request.resume().once("end", () => response.end("{}"))
      })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => {
          server.listen(0, "127.0.0.1", () => resume(Effect.void))
        }),
        () => Effect.sync(() => server.close().closeAllConnections())
      )
      const { port } = server.address() as AddressInfo
      const traced = (env: Record<string, string>, options?: Tracer.SpanOptions) =>
        Effect.withSpan(Effect.withSpan(Effect.void, "a step"), "a flow", options).pipe(
          Effect.provide(
            Layer.provide(Observability.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
          )
        )
      yield* traced({})
      assert.deepStrictEqual(paths, [])
      yield* traced({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` })
      assert.include(paths, "/v1/traces")
      const parent = (sampled: boolean) =>
        Tracer.externalSpan({ traceId, spanId: "00000000000000ff", sampled })
      const kept = Effect.fnUntraced(function* (OTEL_TRACES_SAMPLER: string, options?: Tracer.SpanOptions) {
        paths.length = 0
        yield* traced(
          { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_TRACES_SAMPLER },
          options
        )
        return paths.includes("/v1/traces")
      })
      assert.isTrue(yield* kept("always_on", { parent: parent(false) }))
      assert.isFalse(yield* kept("always_off", { parent: parent(true) }))
      assert.isFalse(yield* kept("parentbased_always_on", { parent: parent(false) }))
      assert.isTrue(yield* kept("parentbased_always_off", { parent: parent(true) }))
      assert.isFalse(yield* kept("parentbased_always_off"))
    }))
})
