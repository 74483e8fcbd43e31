/** Durable work outlasts the database's bad moments: a fault that passes is tried again, not recorded. */
import { Cause, Clock, Duration, Effect, Exit, Schedule, Schema } from "effect"
import { Activity, DurableClock } from "effect/workflow"
import type { Fate } from "../database/SqlStates.ts"
import { fateOf } from "../database/TransientFault.ts"
import { diedOfCluster } from "./ClusterFailure.ts"
import { faultsOf, logFault } from "../telemetry/Faults.ts"

/** Ever longer up to this, for ever. */
const everLonger = (most: Duration.Input) =>
  Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced(most)])

/** How durable work waits for what is away for a moment: ever longer up to five seconds, for about ten minutes. */
export const patience = Schedule.max([everLonger("5 seconds"), Schedule.recurs(125)])

/** How work that somebody else ends waits for a service that is away: ever longer up to about half a minute. */
export const perseverance = Schedule.jittered(everLonger("30 seconds"))

/** A fault of which nobody knows whether it passes is waited out for so long, then it is final. */
const longestDoubt = Duration.toMillis("1 hour")

const warnEvery = Duration.toMillis("1 minute")

/** What becomes of a cause: a failure of the cluster that nobody caught is of unknown length. */
const fateOfCause = (cause: Cause.Cause<unknown>): Fate | undefined =>
  fateOf(cause) ?? (diedOfCluster(cause) ? "doubtful" : undefined)

/** How long a fault of this kind is waited out, in milliseconds. */
const longest: Readonly<Record<Fate, number>> = { passes: Infinity, doubtful: longestDoubt, final: 0 }

/**
 * Tries again, ever longer up to `most` apart, while the cause is a fault of the database or of the cluster that passes:
 * as long as it takes for one that is known, for an hour for one that is not. A warning a minute says so.
 */
export const waitOut =
  (most: Duration.Input) => <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const began = clock.currentTimeMillisUnsafe()
      let warned = began
      const passesStill = (cause: Cause.Cause<E>) => {
        const fate = fateOfCause(cause)
        const now = clock.currentTimeMillisUnsafe()
        if (fate === undefined || now - began >= longest[fate]) return Effect.succeed(false)
        if (now - warned < warnEvery) return Effect.succeed(true)
        warned = now
        const faults = faultsOf(cause).map(({ error }) => error)
        return Effect.as(Effect.logWarning("Waiting for the database", { fate, faults }), true)
      }
      return yield* work.pipe(
        Effect.sandbox,
        Effect.retry({ while: passesStill, schedule: everLonger(most) }),
        Effect.catch((cause) => Effect.failCause(cause))
      )
    })

/**
 * Waits out what passes. For handlers and activities that may run twice: their first answer is stored for good, so it
 * must not be a passing fault. A defect that remains is logged here, once.
 */
export const retryTransient = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  work.pipe(
    waitOut("5 seconds"),
    Effect.tapCause((cause) =>
      Cause.hasDies(cause) ? logFault("Durable work failed for good", cause) : Effect.void
    )
  )

/**
 * The body of a workflow, waiting out what passes wherever it arose: in the engine itself, or in what is no activity. It
 * runs again from its beginning, as after a crash, and what its activities have done is not done again. A run that is
 * suspended or interrupted is left as it is.
 */
export const outlive = <A, E, R>(body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  body.pipe(
    Effect.exit,
    Effect.flatMap((exit) =>
      Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause)
        ? Effect.failCause(exit.cause)
        : Effect.succeed(exit)
    ),
    waitOut("5 seconds"),
    Effect.flatMap((exit) => exit)
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
