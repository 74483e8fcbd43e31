/** A generation job: which tickets to render, how, and how far it is. */
import * as Schema from "effect/Schema"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import { EventId, JobId, TicketId } from "./Ids.ts"
import { GeneratedTicket } from "./Ticket.ts"
import { Instant } from "./Values.ts"

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

export const JobView = Schema.Struct({
  job_id: JobId,
  event_id: EventId,
  flow_id: Schema.NullOr(Schema.String),
  status: JobStatus,
  priority: Priority,
  total: Schema.Int,
  generated: Schema.Int,
  failed: Schema.Int,
  error: Schema.NullOr(Schema.String),
  created_at: Instant,
  finished_at: Schema.NullOr(Instant),
  tickets: Schema.Array(Schema.Struct({
    ticket_id: TicketId,
    status: Schema.Literals(["queued", "generated", "failed"]),
    reason: Schema.NullOr(Schema.String)
  }))
})
export type JobView = typeof JobView.Type

export class JobNotFound extends Schema.TaggedError<JobNotFound>()("JobNotFound", { job_id: JobId }) {}

/** Sends the job to the generator, chunk by chunk. Persisted: a job that was answered 202 is never lost. */
export const Start = Rpc.make("Start", {
  payload: { jobId: JobId },
  error: JobNotFound,
  primaryKey: ({ jobId }) => jobId
}).annotate(ClusterSchema.Persisted, true)

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

export const TicketJob = Entity.make("TicketJob", [Start, BatchGenerated])
