/** Which faults of the database pass by themselves. */
import { Predicate } from "effect"
import { isSqlError } from "effect/sql/SqlError"

/** The server starts, stops or is full (PostgreSQL, appendix A): the client's own classes know none of these. */
const states = new Set(["57P01", "57P02", "57P03", "57P05", "53300"])

const stateOf = (cause: unknown): unknown => Predicate.hasProperty(cause, "code") ? cause.code : undefined

/** Whether it may be otherwise in a moment: the connection was lost or refused, or the database asks to try again. */
export const isTransient = (fault: unknown): boolean =>
  isSqlError(fault) && (fault.isRetryable || states.has(String(stateOf(fault.reason.cause))))
