/** A generation job: its chunks go to the generator, its webhooks come back, and the end of each attempt is told once. */
import { Effect, Option, Schedule, Semaphore } from "effect"
import { Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import type { GeneratedTicket } from "../rpc/Ticket.ts"
import { type BatchGenerated, TicketJob } from "../rpc/TicketJob.ts"
import { outlast, patience } from "../src/Durable.ts"
import { TicketClient } from "../src/services/tickets/TicketClient.ts"
import { type Applied, type JobRow, JobStore } from "../src/store/JobStore.ts"
import { TicketStore } from "../src/store/TicketStore.ts"
import { enrich } from "../src/tickets/Enrichment.ts"
import { attemptOf, chunkIdOf } from "../src/tickets/JobChunks.ts"
import { JobListener } from "../src/tickets/JobListener.ts"

const failures = (ticketIds: ReadonlyArray<number>, reason: string): ReadonlyArray<GeneratedTicket> =>
  ticketIds.map((ticketId) => ({ ticketId, status: "failed", reason, data: null, metadata: {} }))

/** Holds no truth: every handler may run again after a crash, beside another, or late. */
export const TicketJobLayer = TicketJob.toLayer(
  Effect.gen(function* () {
    const { entityId: jobId } = yield* Entity.CurrentAddress
    const jobs = yield* JobStore
    const tickets = yield* TicketStore
    const generator = yield* TicketClient
    const listener = yield* JobListener
    const self = (yield* TicketJob.client)(jobId)
    const oneEnd = yield* Semaphore.make(1)
    let deliveries = 0

    const tell = Effect.fnUntraced(function* (job: JobRow, { applied, failed, generated, total }: Applied) {
      if (applied.length === 0) return
      yield* listener.progressed(jobId, job.flow_id, { generated, failed, total, ticketIds: applied })
    })

    const report = Effect.fn("TicketJob.report")(
      function* (job: JobRow, reports: ReadonlyArray<GeneratedTicket>, attempt: number | null) {
        if (reports.length > 0) yield* tell(job, yield* jobs.applyBatch(jobId, reports, attempt))
      }
    )

    const conclude = Effect.fn("TicketJob.conclude")(function* () {
      const ended = yield* jobs.end(jobId)
      if (Option.isNone(ended)) return
      yield* listener.finished(ended.value, ended.value.status)
      yield* jobs.announced(ended.value)
    }, oneEnd.withPermit)

    /** Reads the chunk anew each time that it is called: what was canceled or reported meanwhile is not sent. */
    const hand = Effect.fnUntraced(function* (job: JobRow, chunk: number) {
      const ticketIds = yield* jobs.chunk(job, chunk)
      const rows = yield* tickets.forJob(ticketIds)
      const live = new Set(rows.map((row) => row.ticket_id))
      yield* report(job, failures(ticketIds.filter((id) => !live.has(id)), "ticket_voided"), job.attempt)
      if (rows.length > 0) {
        yield* generator.generate(chunkIdOf(job, chunk), job.priority, enrich(job, rows))
      }
    })

    const deliver = Effect.fn("TicketJob.deliver")((job: JobRow, chunk: number) =>
      hand(job, chunk).pipe(
        Effect.retry({
          while: (error) => error._tag === "GeneratorUnavailable" && error.retryable,
          schedule: patience
        }),
        Effect.catchTag("GeneratorUnavailable", ({ reason }) =>
          Effect.gen(function* () {
            yield* Effect.logWarning("The ticket generator did not take a chunk", { jobId, chunk, reason })
            const refused = yield* jobs.chunk(job, chunk)
            yield* report(job, failures(refused, `generator_unavailable: ${reason}`), job.attempt)
          }))
      )
    )

    const deliverAll = Effect.fn("TicketJob.deliverAll")(function* (job: JobRow) {
      deliveries++
      yield* Effect.ensuring(
        Effect.flatMap(
          jobs.waitingChunks(jobId),
          (waiting) => Effect.forEach(waiting, (chunk) => deliver(job, chunk), { discard: true })
        ),
        Effect.sync(() => deliveries--)
      )
    })

    const start = Effect.fn("TicketJob.start")(function* () {
      const job = yield* jobs.begin(jobId)
      if (job.status === "running") yield* deliverAll(job)
      yield* conclude()
    })

    const take = Effect.fn("TicketJob.take")(function* (batch: Rpc.Payload<typeof BatchGenerated>) {
      const job = yield* jobs.row(jobId)
      yield* tickets.generated(batch.tickets, batch.generatedAt)
      yield* report(job, batch.tickets, attemptOf(jobId, batch.webhookId))
      yield* conclude()
    })

    const cancel = Effect.fn("TicketJob.cancel")(function* () {
      yield* conclude()
      yield* jobs.cancel(jobId)
      yield* conclude()
    })

    const retry = Effect.fn("TicketJob.retry")(function* (attempt: number) {
      yield* conclude()
      yield* jobs.retry(jobId, attempt)
      yield* self.Start({ jobId, attempt }, { discard: true }).pipe(
        Effect.retry({ times: 8, schedule: Schedule.exponential("100 millis") }),
        Effect.orDie
      )
    })

    const chase = Effect.fn("TicketJob.chase")(function* (giveUp: boolean) {
      const job = yield* jobs.begin(jobId)
      if (job.status === "running" && deliveries === 0) {
        yield* Effect.logWarning("A job had no news for a while", { jobId, queued: job.queued, giveUp })
        if (giveUp) yield* tell(job, yield* jobs.giveUp(jobId, "generator_silent"))
        else yield* deliverAll(job)
      }
      yield* conclude()
    })

    return TicketJob.of({
      Start: () => Rpc.fork(outlast(start())),
      BatchGenerated: ({ payload }) => outlast(take(payload)),
      Cancel: () => outlast(cancel()),
      Retry: ({ payload }) => outlast(retry(payload.attempt)),
      Chase: ({ payload }) => Rpc.fork(outlast(chase(payload.giveUp)))
    })
  }),
  { maxIdleTime: "2 minutes", disableFatalDefects: true }
)
