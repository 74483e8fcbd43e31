/** Answers for flow 1, and tickets with their files. */
import { Effect } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { type JobRequest, TicketJob } from "../../../rpc/TicketJob.ts"
import { FileStore } from "../../files/FileStore.ts"
import { feedOfJob } from "../../tickets/JobAnnouncer.ts"
import { FeedStore } from "../../store/FeedStore.ts"
import { JobStore } from "../../store/JobStore.ts"
import { TicketStore } from "../../store/TicketStore.ts"
import { Api } from "../Api.ts"
import { requireRole } from "../Caller.ts"
import { Drain } from "../Drain.ts"
import { noStore } from "../NoStore.ts"
import { Conflict, type FieldError, fromCluster, InvalidRequest } from "../Problems.ts"
import { resourceId } from "../ResourceId.ts"
import { visible } from "../Visible.ts"
import { live } from "./Sse.ts"

/** Refuses tickets that do not exist, are not the caller's, are voided, or belong to several events. */
const checked = Effect.fnUntraced(function* (request: JobRequest) {
  const caller = yield* requireRole("admin", "organizer")
  const known = new Map(
    (yield* (yield* TicketStore).owners(request.ticket_ids)).map((row) => [row.ticket_id, row])
  )
  const eventId = known.get(request.ticket_ids[0]!)?.event_id
  const errors = request.ticket_ids.flatMap((id, at): ReadonlyArray<FieldError> => {
    const row = known.get(id)
    const detail = row === undefined || (caller.role !== "admin" && row.owner !== caller.subject)
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

const start = Effect.fn("TicketsHttp.generate")(function* (request: JobRequest) {
  const { eventId, owner } = yield* checked(request)
  const jobId = yield* resourceId("job", request)
  yield* (yield* JobStore).create({
    jobId,
    eventId,
    owner,
    flowId: null,
    options: request.options,
    ticketIds: request.ticket_ids
  })
  yield* fromCluster((yield* TicketJob.client)(jobId).Start({ jobId }, { discard: true }))
  const { status } = yield* Effect.orDie((yield* JobStore).row(jobId))
  const location = `/api/tickets/generation-jobs/${jobId}`
  return HttpApiSchema.withHeaders({
    body: {
      job_id: jobId,
      status,
      total: request.ticket_ids.length,
      status_url: location,
      events_url: `${location}/events`
    },
    headers: { location }
  })
})

const ticketFile = Effect.fn("TicketsHttp.get")(function* (file: string) {
  const ticketId = Number(file.replace(".pdf", ""))
  const ticket = yield* visible("ticket", Effect.option((yield* TicketStore).get(ticketId)))
  if (!file.endsWith(".pdf")) return ticket
  if (ticket.file_key === null) {
    return yield* new Conflict({
      detail: "The ticket's file is not generated yet: ask again when its job is done."
    })
  }
  return (yield* Effect.orDie((yield* FileStore).get(ticket.file_key))).bytes
})

export const TicketsHttpLayer = HttpApiBuilder.group(
  Api,
  "tickets",
  Effect.fn(function* (handlers) {
    const services = yield* Effect.context<
      JobStore | TicketStore | FileStore | FeedStore | Effect.Services<typeof TicketJob.client>
    >()
    const jobs = yield* JobStore
    const feeds = yield* FeedStore
    const drain = yield* Drain
    const own = (jobId: string) => visible("job", Effect.option(jobs.view(jobId)))
    return handlers.handleAll({
      generate: ({ payload }) => Effect.provideContext(start(payload), services),
      job: ({ params }) => own(params.job_id),
      jobEvents: ({ headers, params }) =>
        Effect.map(
          own(params.job_id),
          () => live(drain, feeds.watch(feedOfJob(params.job_id), Number(headers["last-event-id"] ?? 0)))
        ),
      get: ({ params }) => noStore(Effect.provideContext(ticketFile(params.ticket_id), services))
    })
  })
)
