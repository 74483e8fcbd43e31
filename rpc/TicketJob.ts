/** A generation job: which tickets to render, how, and how far it is. */
import * as Schema from "effect/Schema"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import { EventNumber, JobId, TicketId } from "./values/Ids.ts"
import { GeneratedTicket } from "./Ticket.ts"
import { Instant } from "./values/Values.ts"

export const Priority = Schema.Literals(["high", "normal", "low"])
export type Priority = typeof Priority.Type

/** The options of the flows document, section «Flow 1». */
export const JobOptions = Schema.Struct({
  qrFormat: Schema.Literals(["base64", "png", "svg"]),
  qrSize: Schema.Literals(["small", "medium", "large"]),
  pdfFormat: Schema.Boolean,
  includeLogo: Schema.Boolean,
  priority: Priority,
  batch_processing: Schema.Boolean
})
export type JobOptions = typeof JobOptions.Type

/** At most 10,000 different tickets of one event. */
export const JobRequest = Schema.Struct({
  ticket_ids: Schema.Array(TicketId).check(
    Schema.isBetweenLength(1, 10_000),
    Schema.isUnique({ message: "Expected each ticket once" })
  ),
  options: JobOptions
})
export type JobRequest = typeof JobRequest.Type

export const JobStatus = Schema.Literals([
  "queued",
  "running",
  "partially_failed",
  "completed",
  "failed",
  "canceled"
])
export type JobStatus = typeof JobStatus.Type

/** Where each state stands: `open` while tickets are still to be generated, otherwise how the job has ended. */
export const jobPhase: Readonly<Record<JobStatus, "open" | "succeeded" | "failed" | "canceled">> = {
  queued: "open",
  running: "open",
  partially_failed: "failed",
  completed: "succeeded",
  failed: "failed",
  canceled: "canceled"
}

/** The states of a job that has not ended. */
export const openJobs = JobStatus.literals.filter((status) => jobPhase[status] === "open")

/** How far one ticket of a job is. */
export const ItemStatus = Schema.Literals(["queued", "generated", "failed", "canceled"])
export type ItemStatus = typeof ItemStatus.Type

/**
 * A job without its tickets. `total` is `queued + generated + failed + canceled`; `attempt` counts from 1 and grows
 * with each retry; `error` is a reason of the failures when every ticket failed.
 */
export const JobSummary = Schema.Struct({
  job_id: JobId,
  event_id: EventNumber,
  flow_id: Schema.NullOr(Schema.String),
  status: JobStatus,
  priority: Priority,
  attempt: Schema.Int,
  total: Schema.Int,
  queued: Schema.Int,
  generated: Schema.Int,
  failed: Schema.Int,
  canceled: Schema.Int,
  error: Schema.NullOr(Schema.String),
  created_at: Instant,
  started_at: Schema.NullOr(Instant),
  finished_at: Schema.NullOr(Instant)
})
export type JobSummary = typeof JobSummary.Type

export const JobView = Schema.Struct({
  ...JobSummary.fields,
  tickets: Schema.Array(Schema.Struct({
    ticket_id: TicketId,
    status: ItemStatus,
    reason: Schema.NullOr(Schema.String)
  }))
})
export type JobView = typeof JobView.Type

export class JobNotFound extends Schema.TaggedError<JobNotFound>()("JobNotFound", { job_id: JobId }) {}

/** The job is not in a state in which this can be asked of it. */
export class JobConflict extends Schema.TaggedError<JobConflict>()("JobConflict", {
  job_id: JobId,
  status: JobStatus
}) {}

/**
 * Sends what the job's attempt waits for to the generator, chunk by chunk, and waits for one that is away. Persisted: a
 * job that was answered 202 is never lost; the next owner goes on. Without `attempt` it is the first one.
 */
export const Start = Rpc.make("Start", {
  payload: { jobId: JobId, attempt: Schema.optionalKey(Schema.Int) },
  error: JobNotFound,
  primaryKey: ({ attempt = 1, jobId }) => attempt === 1 ? jobId : `${jobId}.${attempt}`
}).annotate(ClusterSchema.Persisted, true).annotate(ClusterSchema.InterruptOnTermination, true)

/** Takes the generator's report of a chunk. Persisted: a webhook is answered once it is in the mailbox. */
export const BatchGenerated = Rpc.make("BatchGenerated", {
  payload: {
    webhookId: Schema.String,
    generatedAt: Schema.DateTimeUtc,
    tickets: Schema.Array(GeneratedTicket)
  },
  error: JobNotFound,
  primaryKey: ({ webhookId }) => webhookId
}).annotate(ClusterSchema.Persisted, true)

/** Has nothing more generated. Volatile: a guarded update, which answers a repeat alike. */
export const Cancel = Rpc.make("Cancel", { error: Schema.Union([JobNotFound, JobConflict]) })

/**
 * Begins this attempt with the failures of the one before. Volatile: a guarded update, which answers a repeat alike
 * until the attempt has ended with failures: then another one is to be asked for. What it queues is sent by a persisted
 * `Start`.
 */
export const Retry = Rpc.make("Retry", {
  payload: { attempt: Schema.Int },
  error: Schema.Union([JobNotFound, JobConflict])
})

/**
 * Sends again what nobody reported, after reminders in vain under new ids, or fails it when `giveUp` is set; announces
 * an end that nobody announced. Volatile: the keeper of jobs comes again.
 */
export const Chase = Rpc.make("Chase", { payload: { giveUp: Schema.Boolean }, error: JobNotFound })
  .annotate(ClusterSchema.InterruptOnTermination, true)

export const TicketJob = Entity.make("TicketJob", [Start, BatchGenerated, Cancel, Retry, Chase])
