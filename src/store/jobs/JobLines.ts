/** What the log says of a generation job: that an attempt began, and how it ended, once each. */
import { DateTime, Effect } from "effect"
import { jobPhase } from "../../../rpc/TicketJob.ts"
import * as OrchestrationLog from "../../telemetry/OrchestrationLog.ts"
import type { JobRow } from "./JobRows.ts"

/** The flow that a job is of, or the job itself. */
export const flowOf = ({ flow_id, job_id }: Pick<JobRow, "flow_id" | "job_id">): string => flow_id ?? job_id

export const began = (
  job: Pick<JobRow, "flow_id" | "job_id">,
  attempt: number,
  tickets: number
): Effect.Effect<void> =>
  OrchestrationLog.start(flowOf(job), "ticket_generation", { jobId: job.job_id, attempt, tickets })

/** `job` is an attempt that has just ended, or was canceled. */
export const ended = Effect.fnUntraced(function* (job: JobRow) {
  const took = DateTime.distance(job.created_at, job.finished_at ?? (yield* DateTime.now))
  const isDone = jobPhase[job.status] === "succeeded"
  yield* OrchestrationLog.complete(flowOf(job), isDone, took, isDone ? [] : job.status, {
    flowType: "ticket_generation",
    jobId: job.job_id,
    attempt: job.attempt,
    generated: job.generated,
    failed: job.failed
  })
})
