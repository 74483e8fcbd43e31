/**
 * The log lines of the flows document (Monitoring & Logging): START, CALL and COMPLETE, each with its flow
 * id as a field. They say what was called and how long it took, never for whom: no name, address or number
 * of a person goes into them.
 */
import { Effect } from "effect"

const line = (flowId: string, message: string, fields: Record<string, unknown>): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logInfo(`[ORCHESTRATION] ${message}`), { flowId, ...fields })

/** A flow of this type has begun; `counts` says how much there is to do. */
export const start = (
  flowId: string,
  flowType: string,
  counts: Readonly<Record<string, number>> = {}
): Effect.Effect<void> =>
  line(flowId, `START ${flowId}: ${flowType}`, { phase: "START", flowType, ...counts })

/** A service has answered, or failed with `outcome` (a status or an error's tag), after `duration` ms. */
export const call = (
  flowId: string,
  service: string,
  endpoint: string,
  duration: number,
  outcome: number | string = 200
): Effect.Effect<void> =>
  line(flowId, `CALL ${flowId}: ${service}${endpoint} (${duration}ms)`, {
    phase: "CALL",
    service,
    endpoint,
    duration,
    outcome
  })

/** A flow has ended after `duration` ms; `errors` are codes or error tags, never messages about a person. */
export const complete = (
  flowId: string,
  success: boolean,
  duration: number,
  errors: ReadonlyArray<string> = []
): Effect.Effect<void> =>
  line(flowId, `COMPLETE ${flowId}: ${success} (${duration}ms)`, {
    phase: "COMPLETE",
    success,
    duration,
    errors
  })
