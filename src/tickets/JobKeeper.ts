/** Watches over jobs that nobody reports: the generator, its queue or a process lost them, or their end was not announced. */
import { Config, Duration, Effect, Layer } from "effect"
import { TicketJob } from "../../rpc/TicketJob.ts"
import { logFault } from "../telemetry/Faults.ts"
import * as Keeper from "../durable/Keeper.ts"
import { JobIndex, type Patience } from "../store/jobs/JobIndex.ts"

/**
 * `TICKET_JOB_QUIET` without news and the waiting chunks are sent again, under their own ids, after fifteen times that
 * under new ones, if that is before the end; `TICKET_JOB_GIVE_UP` and their tickets fail as `generator_silent`.
 */
export const patienceSettings = {
  quiet: Config.Duration("TICKET_JOB_QUIET").pipe(Config.withDefault(Duration.minutes(5))),
  giveUp: Config.Duration("TICKET_JOB_GIVE_UP").pipe(Config.withDefault(Duration.days(1)))
}

/** One look: what this does, it may do again. */
export const keep = Effect.fnUntraced(function* (patience: Patience) {
  const late = yield* (yield* JobIndex).late(patience)
  const client = yield* TicketJob.client
  yield* Effect.forEach(
    late,
    ({ job_id: jobId, silent }) =>
      client(jobId).Chase({ giveUp: silent }, { discard: true }).pipe(
        Effect.catchCause((cause) => logFault(`JobKeeper did not reach ${jobId}, and looks again`, cause))
      ),
    { discard: true }
  )
})

/** Runs on one process of the cluster, once a minute, or as often as `quiet` when that is less. */
export const JobKeeperLayer = Layer.unwrap(
  Effect.map(
    Config.all(patienceSettings),
    (patience) => Keeper.make("JobKeeper", keep(patience), Duration.min(patience.quiet, Duration.minutes(1)))
  )
)
