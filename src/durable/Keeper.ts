/** A check that one process of the cluster repeats; one that fails is logged and repeated all the same. */
import { type Duration, Effect, Schedule } from "effect"
import { Singleton } from "effect/cluster"
import { isOutage, logFault } from "../telemetry/Faults.ts"

/** Checks are not traced: they would outnumber the flows. */
export const make = <A, E, R>(name: string, look: Effect.Effect<A, E, R>, every: Duration.Input) =>
  Singleton.make(
    name,
    look.pipe(
      Effect.tapCause((cause) =>
        isOutage(cause)
          ? Effect.logWarning(`${name} looks again: the database could not answer`)
          : logFault(`${name} failed, and is tried again`, cause)
      ),
      Effect.exit,
      Effect.withTracerEnabled(false),
      Effect.repeat(Schedule.spaced(every))
    )
  )
