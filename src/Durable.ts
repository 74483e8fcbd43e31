/** Durable work outlasts the database's bad moments: a fault of the connection is tried again, not recorded. */
import { Cause, Effect, Schedule } from "effect"
import { SqlError } from "effect/sql"
import { logFault } from "./Faults.ts"

const isPassing = (fault: unknown): boolean => SqlError.isSqlError(fault) && fault.isRetryable

const passing = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) =>
    Cause.isDieReason(reason)
      ? isPassing(reason.defect)
      : Cause.isFailReason(reason) && isPassing(reason.error)
  )

/** How durable work waits for what is away for a moment: ever longer up to five seconds, for about ten minutes. */
export const patience = Schedule.max([
  Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]),
  Schedule.recurs(125)
])

/**
 * Tries again, with `patience`, while the database is away or asks for it. For handlers and
 * activities that may run twice: their first answer is stored for good, so it must not be a passing fault.
 * A defect that remains is logged here, once.
 */
export const outlast = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  work.pipe(
    Effect.sandbox,
    Effect.retry({ while: passing, schedule: patience }),
    Effect.catch((cause) => Effect.failCause(cause)),
    Effect.tapCause((cause) =>
      Cause.hasDies(cause) ? logFault("Durable work failed for good", cause) : Effect.void
    )
  )
