/** Announces how generation jobs go: to the flow that waits, and to the sequences of the guests. */
import { Context, Effect, Exit, Layer, Option } from "effect"
import { DurableDeferred, WorkflowEngine } from "effect/workflow"
import { CompleteFlow, ticketsDone } from "../../rpc/CompleteFlow.ts"
import type { JobStatus } from "../../rpc/TicketJob.ts"
import { attemptOf } from "./Plan.ts"
import { Triggers } from "../notifications/Triggers.ts"
import { AudienceStore } from "../store/notifications/AudienceStore.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { type JobRow, JobStore } from "../store/jobs/JobStore.ts"
import { TicketNotice } from "./TicketNotice.ts"

/** Everything is safe to repeat. */
export class JobAnnouncer extends Context.Service<JobAnnouncer, {
  /**
   * The end of an attempt: announced again when the process died before that was recorded, and when a ticket that had
   * failed is reported as generated after the end. The job's feed closes once this has returned.
   */
  readonly finished: (job: JobRow, status: JobStatus) => Effect.Effect<void>
  /** These tickets of a job were reported as generated, and others are still waited for. */
  readonly generated: (job: JobRow, ticketIds: ReadonlyArray<number>) => Effect.Effect<void>
  /** A ticket was reported by itself as generated; with `notify`, its guest gets a message. */
  readonly reported: (ticketId: number, notify: boolean) => Effect.Effect<void>
}>()("guichet/flows/JobAnnouncer") {
  static readonly layer = Layer.effect(
    JobAnnouncer,
    Effect.gen(function* () {
      const flows = yield* FlowStore
      const jobs = yield* JobStore
      const audience = yield* AudienceStore
      const triggers = yield* Triggers
      const notice = yield* TicketNotice
      const engine = yield* WorkflowEngine.WorkflowEngine

      const wake = Effect.fnUntraced(function* (flowId: string, jobId: string, status: JobStatus) {
        const executionId = yield* flows.executionOf(flowId)
        if (Option.isNone(executionId)) return
        const deferred = ticketsDone(attemptOf(jobId))
        yield* DurableDeferred.done(deferred, {
          token: DurableDeferred.tokenFromExecutionId(deferred, {
            workflow: CompleteFlow,
            executionId: executionId.value
          }),
          exit: Exit.succeed(status)
        })
      }, Effect.provideService(WorkflowEngine.WorkflowEngine, engine))

      return JobAnnouncer.of({
        finished: Effect.fn("JobAnnouncer.finished")(function* (job, status) {
          yield* triggers.fire(job.event_id, yield* jobs.guests(job.job_id), "ticket_creation")
          if (job.flow_id !== null) yield* wake(job.flow_id, job.job_id, status)
        }),
        generated: Effect.fn("JobAnnouncer.generated")(function* (job, ticketIds) {
          yield* triggers.fire(job.event_id, yield* jobs.guests(job.job_id, ticketIds), "ticket_creation")
        }),
        reported: Effect.fn("JobAnnouncer.reported")(function* (ticketId, notify) {
          const holder = yield* audience.holder(ticketId)
          if (Option.isNone(holder)) return
          yield* triggers.fire(holder.value.event_id, [holder.value.guest_id], "ticket_creation")
          if (notify) yield* notice.send(ticketId, holder.value)
        })
      })
    })
  ).pipe(Layer.provide(TicketNotice.layer))
}
