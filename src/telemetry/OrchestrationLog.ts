/**
 * The log lines of the flows document (Monitoring & Logging): START, CALL and COMPLETE, each with its flow
 * id as a field. They say what was called and how long it took, never for whom: no name, address or number
 * of a person goes into them.
 */
import { Duration, Effect } from "effect"

const line = (flowId: string, message: string, fields: Record<string, unknown>): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logInfo(`[ORCHESTRATION] ${message}`), { flowId, ...fields })

/** A flow of this type has begun; `counts` says how much there is to do. */
export const start = (
  flowId: string,
  flowType: string,
  counts: Readonly<Record<string, number>> = {}
): Effect.Effect<void> =>
  line(flowId, `START ${flowId}: ${flowType}`, { phase: "START", flowType, ...counts })

/** A service has answered, or failed with `outcome` (a status or an error's tag), after `duration`. */
export const call = (
  flowId: string,
  service: string,
  endpoint: string,
  duration: Duration.Input,
  outcome: number | string = 200
): Effect.Effect<void> => {
  const took = Math.round(Duration.toMillis(Duration.fromInputUnsafe(duration)))
  return line(flowId, `CALL ${flowId}: ${service}${endpoint} (${took}ms)`, {
    phase: "CALL",
    service,
    endpoint,
    duration: took,
    outcome
  })
}

/** A flow has ended after `duration`; `errors` are codes or error tags, never messages about a person. */
export const complete = (
  flowId: string,
  success: boolean,
  duration: Duration.Input,
  errors: string | ReadonlyArray<string> = []
): Effect.Effect<void> => {
  const took = Math.round(Duration.toMillis(Duration.fromInputUnsafe(duration)))
  return line(flowId, `COMPLETE ${flowId}: ${success} (${took}ms)`, {
    phase: "COMPLETE",
    success,
    duration: took,
    errors: typeof errors === "string" ? [errors] : errors
  })
}
