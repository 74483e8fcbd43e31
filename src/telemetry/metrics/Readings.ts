/**
 * What is read when somebody asks, and not counted as it happens: rows in SQL. A reading has a deadline and is kept for a
 * few seconds, so that many scrapes are one read, and none waits for a database that is away; what could not be read keeps
 * its last values, and says so in `guichet.readings.failures`.
 */
import { Clock, Context, Effect, Exit, Semaphore } from "effect"
import * as Instruments from "./Instruments.ts"

/** How old a reading may be, and how long one may take, in milliseconds. */
const [fresh, patience] = [5_000, 2_000]

const failures = Instruments.counter("guichet.readings.failures", {
  description: "Readings of the database for these metrics that failed or took longer than two seconds",
  unit: "{reading}",
  labels: []
})

const took = Instruments.gauge("guichet.readings.duration", {
  description: "How long the last reading of the database for these metrics took",
  unit: "s",
  labels: []
})

/** What this process reads before it shows its metrics; nothing by default. */
export const Readings = Context.Reference<Effect.Effect<void>>("guichet/telemetry/Readings", {
  defaultValue: () => Effect.void
})

/** Reads at most every few seconds, whoever asks; never fails. */
export const paced = <E>(read: Effect.Effect<void, E>): Effect.Effect<Effect.Effect<void>> =>
  Effect.map(Semaphore.make(1), (one) => {
    let last: number | undefined
    failures.update(0)
    const again = Effect.gen(function* () {
      const began = yield* Clock.currentTimeMillis
      const exit = yield* Effect.exit(Effect.timeout(read, patience))
      last = yield* Clock.currentTimeMillis
      took.update((last - began) / 1_000)
      if (Exit.isFailure(exit)) failures.update(1)
    })
    const isOld = Effect.map(Clock.currentTimeMillis, (now) => last === undefined || now - last >= fresh)
    return one.withPermit(Effect.flatMap(isOld, (old) => old ? again : Effect.void)).pipe(
      Effect.withTracerEnabled(false)
    )
  })
