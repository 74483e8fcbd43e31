/** Takes chunks, renders their tickets and reports them: a chunk is done when the core has the report, or will never take it. */
import { Cause, Clock, DateTime, Effect, Layer, Schedule } from "effect"
import type { BatchTicket } from "../../../rpc/TicketWebhookBodies.ts"
import * as TraceParent from "../../telemetry/TraceParent.ts"
import { CoreClient, type CoreUnavailable } from "./CoreClient.ts"
import { GeneratorQueue, type QueuedChunk } from "./GeneratorQueue.ts"
import type { FileStoreError } from "../../files/FileStore.ts"
import * as FairPlaces from "../../durable/FairPlaces.ts"
import type { ThreadBroken } from "../../durable/ThreadPool.ts"
import { RenderPool } from "./RenderPool.ts"

/** How many chunks are under way at the same time: one is reported or asked about while others are rendered. */
const workers = 3

/** How many chunks of a priority are taken from its queue and wait for a worker: so far one event's crowd is seen past. */
const inSight = 12

/** About two minutes; then the chunk goes back to its queue, which waits longer. */
const insistence = {
  times: 8,
  while: ({ retryable }: CoreUnavailable) => retryable,
  schedule: Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("30 seconds")]).pipe(
    Schedule.jittered
  )
}

const isForGood = (error: FileStoreError | ThreadBroken | CoreUnavailable): error is CoreUnavailable =>
  error._tag === "CoreUnavailable" && !error.retryable

const failed = (ticketId: number, reason: string): BatchTicket => ({
  ticket_id: ticketId,
  status: "failed",
  reason,
  generation_data: null,
  metadata: {}
})

/** Whose turn a chunk takes: event numbers are an organiser's own, and two may have the same. */
const ownerOf = ({ job, owner }: QueuedChunk): string => owner ?? `event ${job.event_id}`

const make = Effect.gen(function* () {
  const queue = yield* GeneratorQueue
  const core = yield* CoreClient
  const pool = yield* RenderPool
  const inPlace = FairPlaces.make({ places: workers })

  const render = Effect.fn("GeneratorWorker.render")(
    function* ({ chunk_id, job, queued_at }: QueuedChunk, began: number) {
      const ids = job.tickets.map((ticket) => ticket.id)
      const details = yield* core.printDetails(`print_${chunk_id}`, { job_id: job.job_id, ticket_ids: ids })
      const byId = new Map(details.tickets.map((detail) => [detail.id, detail]))
      const printable = job.tickets.flatMap((ticket) => {
        const detail = byId.get(ticket.id)
        return detail === undefined ? [] : [{ ticket, detail }]
      })
      const queue_processing_time_ms = Math.max(0, began - DateTime.toEpochMillis(queued_at))
      const rendered = (yield* pool.render(printable, job.options)).values()
      return ids.map((id) => {
        if (!byId.has(id)) return failed(id, "ticket_voided")
        const report = rendered.next().value!
        return { ...report, metadata: { ...report.metadata, queue_processing_time_ms } }
      })
    }
  )

  const report = Effect.fn("GeneratorWorker.report")(
    function* ({ chunk_id, job }: QueuedChunk, began: number, tickets: ReadonlyArray<BatchTicket>) {
      const generatedAt = yield* DateTime.now
      yield* core.report({
        event_type: "tickets.generated",
        webhook_id: `wh_${chunk_id}`,
        job_id: job.job_id,
        event_id: job.event_id,
        generated_at: generatedAt,
        processing_time_ms: Math.max(0, DateTime.toEpochMillis(generatedAt) - began),
        tickets
      }).pipe(Effect.retry(insistence))
    }
  )

  /** Rendering again mends no refusal: the tickets fail, and where that is refused too the core goes after its job. */
  const work = Effect.fn("GeneratorWorker.work")(function* (chunk: QueuedChunk) {
    const began = yield* Clock.currentTimeMillis
    yield* render(chunk, began).pipe(
      Effect.flatMap((tickets) => report(chunk, began, tickets)),
      Effect.catchIf(isForGood, ({ reason, route }) =>
        Effect.andThen(
          Effect.logError("The core refuses a chunk for good: its tickets fail", { route, reason }),
          report(chunk, began, chunk.job.tickets.map(({ id }) => failed(id, `core_refused: ${reason}`)))
        )),
      Effect.catchIf(
        isForGood,
        ({ reason, route }) =>
          Effect.logError("The core takes no report of a chunk: it is left", { route, reason })
      )
    )
  })

  const takeOne = (priority: typeof FairPlaces.priorities[number]) =>
    queue.take(
      priority,
      (chunk) =>
        inPlace({ owner: ownerOf(chunk), priority }, TraceParent.under(chunk.trace)(work(chunk)))
          .pipe(
            Effect.tapCause((cause) =>
              Cause.hasInterruptsOnly(cause)
                ? Effect.void
                : Effect.logWarning("A chunk goes back to the queue", cause)
            ),
            Effect.annotateLogs({ chunkId: chunk.chunk_id, jobId: chunk.job.job_id })
          )
    )

  const lines = FairPlaces.priorities.flatMap((priority) => Array.from({ length: inSight }, () => priority))
  yield* Effect.forEach(lines, (priority) =>
    takeOne(priority).pipe(
      Effect.forever,
      Effect.sandbox,
      Effect.retry(Schedule.spaced("1 second")),
      Effect.forkScoped
    ), { discard: true })
})

/** Works as long as its scope is open; what is interrupted is taken again at once. */
export const GeneratorWorkerLayer: Layer.Layer<never, never, GeneratorQueue | CoreClient | RenderPool> = Layer
  .effectDiscard(make)
