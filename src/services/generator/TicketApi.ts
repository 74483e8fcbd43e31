/** The contract of the ticket generator (port 3004): a chunk is taken, queued, and reported by webhook. */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { EventNumber, JobId, TemplateId, TicketId } from "../../../rpc/values/Ids.ts"
import { paced } from "../../../rpc/values/Paced.ts"
import { Priority } from "../../../rpc/TicketJob.ts"
import { Instant, Label, storable } from "../../../rpc/values/Values.ts"
import { parsing, ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { Unavailable } from "../../http/Problems.ts"
import { AllowedServices } from "../../trust/CallingService.ts"
import { ServiceAuth } from "../../trust/ServiceAuth.ts"
import { QrFormat, QrSize } from "../../print/qr/QrImage.ts"

/** One ticket of the flows document, section «Flow 1», «Transformation vers Ticket Generator Service». */
export const JobTicket = Schema.Struct({
  id: TicketId,
  ticket_code: storable(64).check(Schema.isNonEmpty()),
  qr_code_data: storable(512).check(Schema.isNonEmpty()),
  guest: Schema.Struct({
    first_name: storable(200),
    last_name: storable(200),
    email: storable(320),
    phone: Schema.NullOr(storable(64))
  }),
  event: Schema.Struct({
    id: EventNumber,
    title: Label,
    event_date: Schema.toEncoded(Instant),
    location: Label
  }),
  template: Schema.Struct({ id: TemplateId, name: storable(200), design: storable(200) })
})
export type JobTicket = typeof JobTicket.Type

/** How the tickets of a job are rendered. */
export const RenderOptions = Schema.Struct({
  qrFormat: QrFormat,
  qrSize: QrSize,
  pdfFormat: Schema.Boolean,
  includeLogo: Schema.Boolean
})
export type RenderOptions = typeof RenderOptions.Type

/** The documented body; a job of more than 500 tickets comes in several. */
export const GenerationJob = Schema.Struct({
  job_id: JobId,
  event_id: EventNumber,
  tickets: Schema.Array(paced(JobTicket)).check(Schema.isBetweenLength(1, 500)),
  options: RenderOptions
})
export type GenerationJob = typeof GenerationJob.Type

/**
 * The sender's id of a chunk: the same id is one chunk, however often it is sent. Ids of requests and webhooks, of 128
 * characters at most, are made of it.
 */
export const ChunkId = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,121}$/))

/** What the sender calls the organiser whose chunk it is: nothing but a key. */
export const OwnerKey = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9._:-]{1,64}$/))

/** The tickets are queued: a webhook will report them. */
export const Accepted = Schema.Struct({
  job_id: JobId,
  accepted: Schema.Int,
  queued_at: Schema.DateTimeUtcFromString
})
export type Accepted = typeof Accepted.Type

/**
 * `X-Request-ID` is the chunk's id; `X-Job-Priority` says which queue it waits in, `normal` when absent. Those of one
 * `X-Job-Owner` share their turns, those of one event number when it is absent.
 * 503: send the same chunk again, under the same id.
 */
export class TicketsGroup extends HttpApiGroup.make("tickets").add(
  HttpApiEndpoint.post("generate", "/tickets/generate", {
    headers: {
      "x-request-id": ChunkId,
      "x-job-priority": Schema.optionalKey(Priority),
      "x-job-owner": Schema.optionalKey(OwnerKey)
    },
    payload: GenerationJob,
    success: Accepted.pipe(HttpApiSchema.status(202)),
    error: Unavailable
  })
).middleware(ProblemMiddleware).middleware(ServiceAuth).annotate(AllowedServices, ["event-planner-core"]) {}

/** The ticket generator under its prefix. */
export class TicketApi extends HttpApi.make("ticket-generator-service")
  .add(TicketsGroup)
  .prefix("/api")
  .annotateMerge(parsing) {}
