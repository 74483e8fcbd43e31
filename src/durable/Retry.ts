/** Durable work outlasts the database's bad moments: a fault of the connection is tried again, not recorded. */
import { Cause, type Duration, Effect, Schedule, Schema } from "effect"
import { Activity, DurableClock } from "effect/workflow"
import { isTransient } from "../database/TransientFault.ts"
import { logFault } from "../telemetry/Faults.ts"

const passing = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) =>
    Cause.isDieReason(reason)
      ? isTransient(reason.defect)
      : Cause.isFailReason(reason) && isTransient(reason.error)
  )

/** Ever longer up to this, for ever. */
const everLonger = (most: Duration.Input) =>
  Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced(most)])

/** How durable work waits for what is away for a moment: ever longer up to five seconds, for about ten minutes. */
export const patience = Schedule.max([everLonger("5 seconds"), Schedule.recurs(125)])

/** How work that somebody else ends waits for a service that is away: ever longer up to about half a minute. */
export const perseverance = Schedule.jittered(everLonger("30 seconds"))

/**
 * Tries again, with `patience`, while the database is away or asks for it. For handlers and
 * activities that may run twice: their first answer is stored for good, so it must not be a passing fault.
 * A defect that remains is logged here, once.
 */
export const retryTransient = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  work.pipe(
    Effect.sandbox,
    Effect.retry({ while: passing, schedule: patience }),
    Effect.catch((cause) => Effect.failCause(cause)),
    Effect.tapCause((cause) =>
      Cause.hasDies(cause) ? logFault("Durable work failed for good", cause) : Effect.void
    )
  )

/** Whether a round's work is done with, be it done or refused for good. */
const Round = Schema.Struct({ done: Schema.Boolean })

/** Money is not kept because a service was away: for a day, every twenty minutes, after the patience of each round. */
const rounds = 72

/** Rounds of a workflow's work, until one of them is done with; `name` names its activities. */
export const forADay = Effect.fnUntraced(function* <R>(
  name: string,
  round: Effect.Effect<typeof Round.Type, never, R>
) {
  for (let nth = 1; nth <= rounds; nth++) {
    const { done } = yield* Activity.make({
      name: `${name}/${nth}`,
      success: Round,
      execute: retryTransient(round)
    })
    if (done) return
    yield* DurableClock.sleep({ name: `${name}/${nth}/pause`, duration: "20 minutes" })
  }
})
