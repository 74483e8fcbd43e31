/** Logs on standard error, and traces, metrics and logs to OpenTelemetry where an endpoint is given. */
import {
  Config,
  type Duration,
  Effect,
  Layer,
  Logger,
  Option,
  References,
  Schema,
  String,
  Tracer
} from "effect"
import { Otlp } from "effect/observability"
import process from "node:process"
import * as Platform from "../Platform.ts"
import { type Sampling, sampling, SamplingTracer } from "./Sampling.ts"

/** How logs are written, from which level on, where telemetry goes, and which traces. */
export const observabilitySettings = {
  format: Config.withDefault(
    Config.Literals(["json", "pretty"], "LOG_FORMAT"),
    process.stderr.isTTY ? "pretty" : "json"
  ),
  level: Config.withDefault(
    Config.Literals(["trace", "debug", "info", "warn", "error"], "LOG_LEVEL"),
    "info"
  ),
  endpoint: Config.option(Config.schema(
    Schema.String.check(
      Schema.isPattern(/^https?:\/\/[^\s/]+/, { message: "Expected a URL such as http://localhost:4318" })
    ),
    "OTEL_EXPORTER_OTLP_ENDPOINT"
  )),
  serviceName: Config.withDefault(Config.NonEmptyString("OTEL_SERVICE_NAME"), "guichet"),
  sampling
}

/** JSON lines for machines, colours for a terminal: `LOG_FORMAT` chooses, the kind of output otherwise. */
const layerLogger = Layer.unwrap(Effect.gen(function* () {
  const format = yield* observabilitySettings.format
  const level = yield* observabilitySettings.level
  return Layer.mergeAll(
    Logger.layer([
      format === "json" ? Logger.withConsoleError(Logger.formatJson) : Logger.consolePretty({ mode: "tty" })
    ]),
    Layer.succeed(Logger.LogToStderr, true),
    Layer.succeed(References.MinimumLogLevel, String.capitalize(level))
  )
}))

/** The tracer that is there, without the traces that are not sampled. */
const layerSampled = (sampling: Sampling) =>
  Layer.effect(
    Tracer.Tracer,
    Effect.map(Effect.tracer, (tracer) => new SamplingTracer(tracer, sampling))
  )

/** `exportAtEnd`: how long a stopping process tries to export what is left, also to a collector that is away. */
const layerOtlp = (exportAtEnd: Duration.Input) =>
  Layer.unwrap(Effect.gen(function* () {
    const endpoint = yield* observabilitySettings.endpoint
    const sampling = yield* observabilitySettings.sampling
    if (Option.isNone(endpoint)) return Layer.empty
    const serviceName = yield* observabilitySettings.serviceName
    const layer = Otlp.layerJson({
      baseUrl: endpoint.value,
      resource: { serviceName },
      loggerMergeWithExisting: true,
      shutdownTimeout: exportAtEnd
    }).pipe(Layer.provide(Platform.httpClient))
    return sampling === undefined ? layer : Layer.provideMerge(layerSampled(sampling), layer)
  }))

/** The variables that are read. */
export const observabilityVariables: ReadonlyArray<string> = [
  "LOG_FORMAT",
  "LOG_LEVEL",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_SERVICE_NAME",
  "OTEL_TRACES_SAMPLER",
  "OTEL_TRACES_SAMPLER_ARG"
]

/** Logs, traces and metrics of a process. */
export const layer: Layer.Layer<never, Config.ConfigError> = Layer.provideMerge(
  layerOtlp("3 seconds"),
  layerLogger
)

/** The same for a render thread: its process waits for it at the end, so it exports at once what it can. */
export const layerThread: Layer.Layer<never, Config.ConfigError> = Layer.provideMerge(
  layerOtlp("300 millis"),
  layerLogger
)

/** The START, CALL and COMPLETE lines of a flow. */
export * as OrchestrationLog from "./OrchestrationLog.ts"
