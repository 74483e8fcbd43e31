/** Carries a trace over what waits in a queue, so that one flow stays one trace. */
import { Effect, Option, Schema, Tracer } from "effect"

/** The span that something was put aside under; null when nothing was traced. */
export const TraceParent = Schema.NullOr(
  Schema.Struct({ traceId: Schema.String, spanId: Schema.String, sampled: Schema.Boolean })
)
export type TraceParent = typeof TraceParent.Type

/** The span of now. */
export const current: Effect.Effect<TraceParent> = Effect.map(
  Effect.option(Effect.currentSpan),
  Option.match({
    onNone: () => null,
    onSome: ({ sampled, spanId, traceId }) => ({ traceId, spanId, sampled })
  })
)

/** Runs work as a child of the span it was put aside under. */
export const under = (parent: TraceParent | undefined) => <A, E, R>(work: Effect.Effect<A, E, R>) =>
  parent === null || parent === undefined ? work : Effect.withParentSpan(work, Tracer.externalSpan(parent))
