/** Who wants to know how generation jobs go: the flow that waits, the feed, the notices. */
import { Context, Effect, Layer } from "effect"
import type { JobStatus } from "../../rpc/TicketJob.ts"
import type { JobRow } from "../store/jobs/JobStore.ts"

/** Where a job stands; `ticketIds` are those decided since the last time. */
export interface JobProgress {
  readonly generated: number
  readonly failed: number
  readonly total: number
  readonly ticketIds: ReadonlyArray<number>
}

/**
 * `finished` is called at the end of each attempt, again when the process died before it was recorded, and when a
 * ticket that had failed is reported as generated after the end: it must be safe to repeat. The job's feed
 * closes once `finished` has returned. `progressed` is for the eye: a crash may swallow one, the next carries the whole count.
 */
export class JobListener extends Context.Service<JobListener, {
  readonly finished: (job: JobRow, status: JobStatus) => Effect.Effect<void>
  /** So many tickets of a job were reported as generated, and others are still waited for. Safe to repeat. */
  readonly generated: (job: JobRow, ticketIds: ReadonlyArray<number>) => Effect.Effect<void>
  /** A ticket was reported by itself as generated; with `notify`, its guest is to be told. Safe to repeat. */
  readonly reported: (ticketId: number, notify: boolean) => Effect.Effect<void>
  readonly progressed: (jobId: string, flowId: string | null, progress: JobProgress) => Effect.Effect<void>
}>()("guichet/tickets/JobListener") {
  /** Nobody listens. */
  static readonly layerSilent: Layer.Layer<JobListener> = Layer.succeed(JobListener, {
    finished: () => Effect.void,
    generated: () => Effect.void,
    reported: () => Effect.void,
    progressed: () => Effect.void
  })
}
