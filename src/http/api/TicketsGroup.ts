/** Flow 1 over HTTP, and tickets read back. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { JobId } from "../../../rpc/Ids.ts"
import { TicketView } from "../../../rpc/Ticket.ts"
import { JobRequest, JobStatus, JobView } from "../../../rpc/TicketJob.ts"
import { Authorization } from "../Authorization.ts"
import { Idempotency } from "../Idempotency.ts"
import { Conflict, Forbidden, InvalidRequest, NotFound, Unavailable } from "../Problems.ts"
import { ProblemMiddleware } from "../ProblemMiddleware.ts"
import { FeedStream, lastEventId, Location, Pdf } from "./Shapes.ts"

export const JobAccepted = Schema.Struct({
  job_id: JobId,
  status: JobStatus,
  total: Schema.Int,
  status_url: Schema.String,
  events_url: Schema.String
})

const job = { job_id: JobId }

/** `12`, or `12.pdf` for the printable ticket. */
export const TicketFile = Schema.String.check(
  Schema.isPattern(/^[1-9]\d{0,15}(\.pdf)?$/, {
    message: "Expected a ticket number, or one followed by .pdf"
  })
)

export class TicketsGroup extends HttpApiGroup.make("tickets").add(
  HttpApiEndpoint.post("generate", "/tickets/generation-jobs", {
    payload: JobRequest,
    success: HttpApiSchema.WithHeaders(JobAccepted.pipe(HttpApiSchema.status(202)), Location),
    error: [Forbidden, InvalidRequest, Unavailable]
  }).annotateMerge(OpenApi.annotations({ summary: "Generate the files of tickets" })),
  HttpApiEndpoint.get("job", "/tickets/generation-jobs/:job_id", {
    params: job,
    success: JobView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "A generation job, ticket by ticket" })),
  HttpApiEndpoint.get("jobEvents", "/tickets/generation-jobs/:job_id/events", {
    params: job,
    headers: lastEventId,
    success: FeedStream,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "A generation job, live; resumes after Last-Event-ID" })),
  HttpApiEndpoint.get("get", "/tickets/:ticket_id", {
    params: { ticket_id: TicketFile },
    success: [TicketView, Pdf],
    error: [Forbidden, NotFound, Conflict]
  }).annotateMerge(OpenApi.annotations({ summary: "A ticket; with .pdf, the printable ticket" }))
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(OpenApi.annotations({
    title: "Tickets",
    description: "Flow 1: generation jobs, and tickets with their files."
  })) {}
