/** A look that one process of the cluster takes again and again; one that fails is logged and taken again. */
import { type Duration, Effect, Schedule } from "effect"
import { Singleton } from "effect/cluster"
import { logFault } from "../telemetry/Faults.ts"

/** Looks are not traced: they would bury the flows. */
export const make = <A, E, R>(name: string, look: Effect.Effect<A, E, R>, every: Duration.Input) =>
  Singleton.make(
    name,
    look.pipe(
      Effect.tapCause((cause) => logFault(`${name} failed, and looks again`, cause)),
      Effect.exit,
      Effect.withTracerEnabled(false),
      Effect.repeat(Schedule.spaced(every))
    )
  )
