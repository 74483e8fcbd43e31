/** Answers for flow 1, and tickets with their files. */
import { DateTime, Effect, Option, type Schema } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { isFlowOver } from "../../../rpc/CompleteFlow.ts"
import { JobConflict, jobPhase, type JobRequest, type JobStatus, TicketJob } from "../../../rpc/TicketJob.ts"
import { unprintableOf } from "../../../rpc/Ticket.ts"
import { managers } from "../../../rpc/values/Caller.ts"
import { currentLink, FileLinks } from "../../files/FileLinks.ts"
import { TicketLinks } from "../../files/TicketLinks.ts"
import { FileStore } from "../../files/FileStore.ts"
import { OrderPrinter } from "../../tickets/OrderPrinter.ts"
import type { TicketFormat } from "../../print/tickets/TicketTemplates.ts"
import { FeedStore } from "../../store/flows/FeedStore.ts"
import { JobIndex } from "../../store/jobs/JobIndex.ts"
import { FlowStore } from "../../store/flows/FlowStore.ts"
import { feedOfJob, type JobRow, JobStore } from "../../store/jobs/JobStore.ts"
import { shownJob } from "../../store/jobs/JobRows.ts"
import type { TicketRow } from "../../store/tickets/TicketRows.ts"
import { TicketStore } from "../../store/tickets/TicketStore.ts"
import { TicketsGroup } from "./TicketsApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import type { JobsQuery } from "./TicketsApi.ts"
import { CurrentCaller, requireRole } from "../rules/CurrentCaller.ts"
import { Drain } from "../../http/Drain.ts"
import { pdfNamed } from "../../http/FileNamed.ts"
import { fileStoreAway, storedBytes } from "../rules/FileStoreAway.ts"
import { printerBusy } from "../rules/PrinterBusy.ts"
import { nextPage, pageSize } from "../rules/NextPage.ts"
import { noStore } from "../../http/NoStore.ts"
import { Conflict, type FieldError, fromCluster, InvalidRequest } from "../../http/Problems.ts"
import { Limits } from "../../limits/Limits.ts"
import { Seats } from "../../limits/Seats.ts"
import { resourceId } from "../rules/ResourceId.ts"
import { seated } from "../rules/Seated.ts"
import { mayRead, missing, ownerOf, visible } from "../rules/Visible.ts"
import { live } from "../../http/Sse.ts"

/** Refuses tickets that do not exist, are not the caller's, are voided, or belong to several events. */
const checked = Effect.fnUntraced(function* (request: JobRequest) {
  const caller = yield* requireRole(...managers)
  const known = new Map(
    (yield* (yield* TicketStore).owners(request.ticket_ids)).map((row) => [row.ticket_id, row])
  )
  const eventId = known.get(request.ticket_ids[0]!)?.event_id
  const errors = request.ticket_ids.flatMap((id, at): ReadonlyArray<FieldError> => {
    const row = known.get(id)
    const detail = row === undefined || !mayRead(caller, row.owner)
      ? `There is no ticket ${id}.`
      : row.status === "voided"
      ? `Ticket ${id} is voided.`
      : row.event_id !== eventId
      ? `Ticket ${id} belongs to another event than the first one.`
      : undefined
    return detail === undefined ? [] : [{ pointer: `/ticket_ids/${at}`, detail }]
  })
  if (errors.length > 0 || eventId === undefined) {
    return yield* new InvalidRequest({
      detail: "Some tickets cannot be generated in this job.",
      errors: errors.slice(0, 1_000)
    })
  }
  return { eventId, owner: known.get(request.ticket_ids[0]!)!.owner }
})

const accepted = (job: JobRow) => {
  const location = `/api/tickets/generation-jobs/${job.job_id}`
  return HttpApiSchema.withHeaders({
    body: {
      job_id: job.job_id,
      status: job.status,
      total: job.total,
      status_url: location,
      events_url: `${location}/events`
    },
    headers: { location }
  })
}

const start = Effect.fn("TicketsHttp.generate")(function* (request: JobRequest) {
  const jobs = yield* JobStore
  const { eventId, owner } = yield* checked(request)
  const jobId = yield* resourceId("job", request, (yield* JobIndex).current)
  yield* jobs.create({
    jobId,
    eventId,
    owner,
    flowId: null,
    options: request.options,
    ticketIds: request.ticket_ids
  })
  yield* fromCluster((yield* TicketJob.client)(jobId).Start({ jobId }, { discard: true }))
  return accepted(yield* Effect.orDie(jobs.row(jobId)))
})

const own = (jobId: string) =>
  Effect.flatMap(JobStore, (jobs) => visible("job", Effect.option(jobs.row(jobId))))

const read = Effect.fn("TicketsHttp.job")(function* (jobId: string) {
  yield* own(jobId)
  return yield* Effect.orDie((yield* JobStore).view(jobId))
})

const list = Effect.fn("TicketsHttp.jobs")(function* (query: Query) {
  const { cursor, limit = pageSize, ...filters } = query
  const page = yield* (yield* JobIndex).page({ owner: yield* ownerOf, before: cursor, limit }, filters)
  const { headers, next_cursor } = yield* nextPage("/api/tickets/generation-jobs", page)
  return HttpApiSchema.withHeaders({ body: { jobs: page.rows.map(shownJob), next_cursor }, headers })
})

/** Why a job in this state is neither canceled nor tried again. */
const refusals: Readonly<Record<JobStatus, string>> = {
  queued: "The job has not begun: only a job that has ended with failures is tried again.",
  running: "The job is running: only a job that has ended with failures is tried again.",
  completed: "The job is completed: every ticket of it has its files.",
  partially_failed: "The job has ended, some of its tickets failed: retry it instead.",
  failed: "The job has ended, all of its tickets failed: retry it instead.",
  canceled: "The job was canceled: start another one for the tickets that it left out."
}

const conflict = ({ status }: { readonly status: JobStatus }) => new Conflict({ detail: refusals[status] })

const cancel = Effect.fn("TicketsHttp.cancel")(function* (jobId: string) {
  yield* own(jobId)
  yield* fromCluster((yield* TicketJob.client)(jobId).Cancel()).pipe(
    Effect.catchTags({
      JobConflict: (refused) => Effect.fail(conflict(refused)),
      JobNotFound: () => Effect.fail(missing("job"))
    })
  )
  return yield* read(jobId)
})

/** A flow reads what its job has failed, and may try that again in a job of its own. */
const flowIsOver = Effect.fn("TicketsHttp.flowIsOver")(function* (flowId: string) {
  const flow = yield* (yield* FlowStore).view(flowId)
  return Option.isNone(flow) || isFlowOver[flow.value.status]
})

/** A retry that is under way is asked for again by whoever missed its answer: it is the same attempt. */
const attemptAsked = ({ attempt, status }: JobRow) =>
  status === "running" && attempt > 1 ? attempt : attempt + 1

const retried = Effect.fnUntraced(function* (jobId: string) {
  const attempt = attemptAsked(yield* own(jobId))
  yield* fromCluster((yield* TicketJob.client)(jobId).Retry({ attempt }))
})

/** The attempt that was asked for ended with failures after it was read which one that is. */
const endedMeanwhile = (error: unknown) => error instanceof JobConflict && jobPhase[error.status] === "failed"

const retry = Effect.fn("TicketsHttp.retry")(function* (jobId: string) {
  const { flow_id: flowId } = yield* own(jobId)
  if (flowId !== null && !(yield* flowIsOver(flowId))) {
    return yield* new Conflict({ detail: "The job belongs to a flow that is not over: retry it when it is." })
  }
  yield* retried(jobId).pipe(
    Effect.retry({ times: 2, while: endedMeanwhile }),
    Effect.catchTags({
      JobConflict: (refused) => Effect.fail(conflict(refused)),
      JobNotFound: () => Effect.fail(missing("job"))
    })
  )
  return accepted(yield* own(jobId))
})

const voided = new Conflict({ detail: "The ticket is voided: it is not printed any more." })

/** The ticket on a page of this format, drawn now. */
const printed = Effect.fn("TicketsHttp.print")(
  function* (ticketId: number, format: TicketFormat) {
    yield* (yield* Limits).take(yield* CurrentCaller, "documents")
    const bytes = yield* (yield* OrderPrinter).print([ticketId], format)
    return bytes ?? (yield* voided)
  },
  Effect.catchTags({
    TicketUnprintable: ({ code, reason }) =>
      new Conflict({ detail: `Ticket ${code} cannot be printed. ${reason}` }),
    FileStoreError: fileStoreAway,
    ...printerBusy
  })
)

/** The ticket as it is stored, with links that open from now on; a voided one's files are not handed out. */
const viewOf = Effect.fnUntraced(function* (row: TicketRow) {
  const page_url = (yield* TicketLinks).make({ ticketId: row.ticket_id, code: row.ticket_code })
  const ticket = { ...row, page_url, unprintable: unprintableOf(row.generation) }
  if (ticket.status === "voided") return { ...ticket, file_url: null, qr_url: null }
  const links = yield* FileLinks
  const eventAt = DateTime.toDateUtc(row.starts_at)
  return {
    ...ticket,
    file_url: yield* currentLink(links, ticket.file_key, ticket.file_url, eventAt),
    qr_url: yield* currentLink(links, ticket.qr_key, ticket.qr_url, eventAt)
  }
})

const ticketFile = Effect.fn("TicketsHttp.get")(function* (file: string, format: TicketFormat | undefined) {
  const ticketId = Number(file.replace(".pdf", ""))
  const ticket = yield* visible("ticket", Effect.option((yield* TicketStore).get(ticketId)))
  if (!file.endsWith(".pdf")) return yield* viewOf(ticket)
  if (ticket.status === "voided") return yield* voided
  if (format !== undefined) return yield* printed(ticketId, format)
  if (ticket.file_key === null) {
    return yield* new Conflict({
      detail: ticket.file_url === null
        ? "The ticket's file is not generated yet: ask again when its job is done."
        : "The ticket's file is kept elsewhere: open its file_url, or ask for a format to have it drawn here."
    })
  }
  return yield* storedBytes(
    yield* FileStore,
    ticket.file_key,
    "Ask for a format to have the ticket drawn here, or start a generation job for it."
  )
})

type Query = Schema.Struct<typeof JobsQuery>["Type"]

export const TicketsHttpLayer = HttpApiBuilder.group(
  apiOf(TicketsGroup),
  "tickets",
  Effect.fn(function* (handlers) {
    const services = yield* Effect.context<
      | FlowStore
      | JobIndex
      | JobStore
      | TicketStore
      | FileLinks
      | FileStore
      | OrderPrinter
      | Limits
      | Effect.Services<typeof TicketJob.client>
    >()
    const feeds = yield* FeedStore
    const drain = yield* Drain
    const seats = yield* Seats
    const within = Effect.provideContext(services)
    return handlers.handleAll({
      generate: ({ payload }) => within(start(payload)),
      jobs: ({ query }) => within(list(query)),
      job: ({ params }) => within(read(params.job_id)),
      jobEvents: ({ headers, params }) =>
        live(
          drain,
          seated(
            seats,
            Effect.map(
              within(own(params.job_id)),
              () => feeds.watch(feedOfJob(params.job_id), Number(headers["last-event-id"] ?? 0))
            )
          )
        ),
      cancel: ({ params }) => within(cancel(params.job_id)),
      retry: ({ params }) => within(retry(params.job_id)),
      get: ({ params, query }) =>
        pdfNamed(`ticket-${params.ticket_id}`, noStore(within(ticketFile(params.ticket_id, query.format))))
    })
  })
)
