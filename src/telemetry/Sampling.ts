/**
 * Which traces are sampled, by OpenTelemetry's own variables and values ("SDK environment variables", general
 * configuration). It is decided where a trace begins, and holds for all of it: from parent to span, in messages,
 * queues and headers, the decision travels as `sampled`.
 */
import { Config, Effect, Option, Schema, Tracer } from "effect"

const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio"
] as const

/** The part of the traces that is sampled; with `parentBased`, a trace that a caller began follows the caller's decision. */
export interface Sampling {
  readonly parentBased: boolean
  readonly ratio: number
}

/** Everything that no caller leaves out: what a tracer does by itself, and OpenTelemetry's default. */
const usual = "parentbased_always_on"

const ratio = Config.withDefault(
  Config.schema(
    Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
    "OTEL_TRACES_SAMPLER_ARG"
  ),
  1
)

/** The sampler that the environment names; undefined for the usual one. */
export const sampling = Effect.gen(function* () {
  const sampler = yield* Config.withDefault(Config.Literals(samplers, "OTEL_TRACES_SAMPLER"), usual)
  if (sampler === usual) return undefined
  const parentBased = sampler.startsWith("parentbased_")
  if (sampler.endsWith("traceidratio")) return { parentBased, ratio: yield* ratio } satisfies Sampling
  return { parentBased, ratio: sampler.endsWith("always_on") ? 1 : 0 } satisfies Sampling
})

/** Where the random half of a trace id lies between 0 and 1; other SDKs compare the same digits. */
const place = (traceId: string): number => parseInt(traceId.slice(-16).slice(0, 13), 16) / 2 ** 52

/** Begins spans by another tracer, and leaves out those of the traces that are not sampled. */
export class SamplingTracer implements Tracer.Tracer {
  readonly sampling: Sampling
  readonly context: Tracer.Tracer["context"]
  readonly #tracer: Tracer.Tracer

  constructor(tracer: Tracer.Tracer, sampling: Sampling) {
    this.sampling = sampling
    this.context = tracer.context
    this.#tracer = tracer
  }

  span(options: Parameters<Tracer.Tracer["span"]>[0]): Tracer.Span {
    const { parentBased, ratio } = this.sampling
    const span = this.#tracer.span({ ...options, sampled: true })
    const sampled = parentBased && Option.isSome(options.parent)
      ? options.parent.value.sampled
      : place(span.traceId) < ratio
    return sampled ? span : Object.assign(span, { sampled })
  }
}

/** Whether this tracer leaves out some traces that begin here, or all of them, having no exporter. */
export const leavesOut = (tracer: Tracer.Tracer): boolean =>
  tracer === Tracer.nativeTracer || (tracer instanceof SamplingTracer && tracer.sampling.ratio < 1)
