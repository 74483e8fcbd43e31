/** Tells a job's news: to the flow that waits for it, to the feeds, to the sequences of its guests. */
import { Effect, Exit, Layer, Option } from "effect"
import { DurableDeferred, WorkflowEngine } from "effect/workflow"
import { CompleteFlow, ticketsDone } from "../../rpc/CompleteFlow.ts"
import type { JobStatus } from "../../rpc/TicketJob.ts"
import { attemptOf } from "./Plan.ts"
import { Triggers } from "../notifications/Triggers.ts"
import { AudienceStore } from "../store/notifications/AudienceStore.ts"
import { FeedStore } from "../store/flows/FeedStore.ts"
import { feedOf, FlowStore } from "../store/flows/FlowStore.ts"
import { feedOfJob, JobStore } from "../store/jobs/JobStore.ts"
import { JobListener } from "../tickets/JobListener.ts"
import { TicketNotice } from "./TicketNotice.ts"

export const JobAnnouncerLayer = Layer.effect(
  JobListener,
  Effect.gen(function* () {
    const flows = yield* FlowStore
    const feeds = yield* FeedStore
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

    return JobListener.of({
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
      }),
      progressed: Effect.fn("JobAnnouncer.progressed")(
        function* (jobId, flowId, { failed, generated, ticketIds, total }) {
          const entry = { kind: "tickets", data: { generated, failed, total, ticket_ids: ticketIds } }
          yield* feeds.append(feedOfJob(jobId), entry)
          if (flowId !== null) yield* feeds.append(feedOf(flowId), entry)
        }
      )
    })
  })
).pipe(Layer.provide(TicketNotice.layer))
