/**
 * The log lines of the flows document (Monitoring & Logging): START, CALL and COMPLETE, each with its flow id as a field.
 * They say what was called and how long it took, never for whom: no name, address or number of a person goes into them.
 *
 * START and COMPLETE are written by whoever made the change of state that they tell of, after its guarded statement has
 * answered that it was the one: a run that is repeated changes nothing, and says nothing. CALL is written where services
 * are called, with the flow that the caller is part of (`within`).
 */
import { Duration, Effect, References } from "effect"
import * as WorkMetrics from "./metrics/WorkMetrics.ts"

type Fields = Readonly<Record<string, unknown>>

const line = (flowId: string, message: string, fields: Fields): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logInfo(`[ORCHESTRATION] ${message}`), { ...fields, flowId })

const millis = (duration: Duration.Input): number =>
  Math.round(Duration.toMillis(Duration.fromInputUnsafe(duration)))

/** The flow that this is part of: `within` says so; undefined outside of one. */
export const currentFlow: Effect.Effect<string | undefined> = Effect.map(
  References.CurrentLogAnnotations,
  ({ flowId }) => typeof flowId === "string" ? flowId : undefined
)

/** Makes work part of a flow: every line of it has the flow's id. What is part of one already stays so. */
export const within = (flowId: string) => <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    currentFlow,
    (current) => current === undefined ? Effect.annotateLogs(work, { flowId }) : work
  )

/** A flow of this type has begun; `fields` say how much there is to do. */
export const start = (flowId: string, flowType: string, fields: Fields = {}): Effect.Effect<void> =>
  Effect.suspend(() => {
    WorkMetrics.flowStarted(flowType)
    return line(flowId, `START ${flowId}: ${flowType}`, { phase: "START", flowType, ...fields })
  })

/** A service has answered, or failed with `outcome` (a status or an error's tag), after `duration`. */
export const call = (
  flowId: string,
  service: string,
  endpoint: string,
  duration: Duration.Input,
  outcome: number | string = 200,
  fields: Fields = {}
): Effect.Effect<void> => {
  const took = millis(duration)
  return line(flowId, `CALL ${flowId}: ${service}${endpoint} (${took}ms)`, {
    phase: "CALL",
    service,
    endpoint,
    duration: took,
    outcome,
    ...fields
  })
}

/** A flow has ended after `duration`; `errors` are codes or error tags, never messages about a person. */
export const complete = (
  flowId: string,
  success: boolean,
  duration: Duration.Input,
  errors: string | ReadonlyArray<string> = [],
  fields: Fields & { readonly flowType?: string } = {}
): Effect.Effect<void> => {
  const took = millis(duration)
  const codes = typeof errors === "string" ? [errors] : errors
  return Effect.suspend(() => {
    WorkMetrics.flowEnded(
      fields.flowType ?? "complete_event_flow",
      success ? "completed" : codes[0] ?? "failed",
      took
    )
    return line(flowId, `COMPLETE ${flowId}: ${success} (${took}ms)`, {
      phase: "COMPLETE",
      success,
      duration: took,
      errors: codes,
      ...fields
    })
  })
}
