/** Flow 1 over HTTP, and tickets read back. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { JobId } from "../../../rpc/values/Ids.ts"
import { TicketView } from "../../../rpc/Ticket.ts"
import { JobRequest, JobStatus, JobSummary, JobView } from "../../../rpc/TicketJob.ts"
import { TicketFormat } from "../../print/tickets/TicketTemplates.ts"
import { JobFilters } from "../../store/jobs/JobIndex.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Idempotency } from "../rules/Idempotency.ts"
import { PageQuery } from "../rules/NextPage.ts"
import { Conflict, Forbidden, InvalidRequest, NotFound, Unavailable } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { FeedStream, lastEventId, Link, Location, Pdf } from "../../http/Shapes.ts"

export const JobAccepted = Schema.Struct({
  job_id: JobId,
  status: JobStatus,
  total: Schema.Int,
  status_url: Schema.String,
  events_url: Schema.String
})

const job = { job_id: JobId }

/** Which page, and which jobs; a job must fit every filter. */
export const JobsQuery = { ...PageQuery, ...JobFilters }

/** Newest first; `next_cursor` is null on the last page. */
export const JobsPage = Schema.Struct({
  jobs: Schema.Array(JobSummary),
  next_cursor: Schema.NullOr(Schema.String)
})

const noTicketFile = { message: "Expected a ticket number, or one followed by .pdf" }

/** `12`, or `12.pdf` for the printable ticket; no ticket has a number that JavaScript cannot tell from its neighbour. */
export const TicketFile = Schema.String.check(
  Schema.isPattern(/^[1-9]\d{0,15}(\.pdf)?$/, noTicketFile).abort(),
  Schema.makeFilter((text: string) =>
    Number.parseInt(text, 10) <= Number.MAX_SAFE_INTEGER || noTicketFile.message
  )
)

export class TicketsGroup extends HttpApiGroup.make("tickets").add(
  HttpApiEndpoint.post("generate", "/tickets/generation-jobs", {
    payload: JobRequest,
    success: HttpApiSchema.WithHeaders(JobAccepted.pipe(HttpApiSchema.status(202)), Location),
    error: [Forbidden, InvalidRequest, Unavailable]
  }).annotate(LimitedAs, "work").annotateMerge(OpenApi.annotations({
    summary: "Generate the files of tickets",
    description:
      "Under one Idempotency-Key it is one job for ever. Without a key, the same body is the same job " +
      "until that has ended, and for a minute after it was asked for; then, or as soon as the job was canceled, it " +
      "renders the tickets anew, in a job of its own. A job sends no message by itself: notification sequences with a " +
      "`ticket_creation` step notify guests as their tickets come."
  })),
  HttpApiEndpoint.get("jobs", "/tickets/generation-jobs", {
    query: JobsQuery,
    success: HttpApiSchema.WithHeaders(JobsPage, Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({ summary: "Your generation jobs, newest first, in pages" })),
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
  HttpApiEndpoint.post("cancel", "/tickets/generation-jobs/:job_id/cancel", {
    params: job,
    success: JobView,
    error: [Forbidden, NotFound, Conflict, Unavailable]
  }).annotateMerge(OpenApi.annotations({ summary: "Generate nothing more of a job" })),
  HttpApiEndpoint.post("retry", "/tickets/generation-jobs/:job_id/retry", {
    params: job,
    success: HttpApiSchema.WithHeaders(JobAccepted.pipe(HttpApiSchema.status(202)), Location),
    error: [Forbidden, NotFound, Conflict, Unavailable]
  }).annotate(LimitedAs, "work").annotateMerge(
    OpenApi.annotations({
      summary: "Generate the tickets of a job that failed again",
      description: "Repeated while the new attempt is under way, it is accepted alike and begins no other."
    })
  ),
  HttpApiEndpoint.get("get", "/tickets/:ticket_id", {
    params: { ticket_id: TicketFile },
    query: { format: Schema.optionalKey(TicketFormat) },
    success: [TicketView, Pdf],
    error: [Forbidden, NotFound, Conflict, Unavailable]
  }).annotateMerge(
    OpenApi.annotations({
      summary: "A ticket; with .pdf, the printable ticket",
      description:
        "The file that its job generated, or with `format` the ticket drawn anew, on A4, Letter, or a roll of 80 or 58 mm. Links are made anew at each read, and live until the event is over; a voided ticket has no links and no PDF. `generation` is what its generator reported last of a success and of a failure; `unprintable` are the characters that no font has, for which the file has boxes."
    })
  )
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Tickets",
    description: "Flow 1: generation jobs, and tickets with their files."
  })) {}
