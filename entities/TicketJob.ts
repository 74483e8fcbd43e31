/** A generation job: its chunks go to the generator, its webhooks come back, and the end of each attempt is announced once. */
import { Effect, Option, Schedule, Semaphore } from "effect"
import { Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import type { GeneratedTicket } from "../rpc/Ticket.ts"
import { type BatchGenerated, type Chase, TicketJob } from "../rpc/TicketJob.ts"
import { perseverance, retryTransient } from "../src/durable/Retry.ts"
import { GeneratorClient } from "../src/tickets/GeneratorClient.ts"
import * as OrchestrationLog from "../src/telemetry/OrchestrationLog.ts"
import { flowOf } from "../src/store/jobs/JobLines.ts"
import { type Applied, type JobRow, JobStore } from "../src/store/jobs/JobStore.ts"
import { TicketStore } from "../src/store/tickets/TicketStore.ts"
import { attemptOf, chunkIdOf, enrich } from "../src/tickets/GeneratorChunk.ts"
import { JobAnnouncer } from "../src/flows/JobAnnouncer.ts"
import { measured } from "../src/telemetry/metrics/WorkMetrics.ts"

const failures = (ticketIds: ReadonlyArray<number>, reason: string): ReadonlyArray<GeneratedTicket> =>
  ticketIds.map((ticketId) => ({ ticketId, status: "failed", reason, data: null, metadata: {} }))

/** So many chunks that the generator does not take, one after the other, and it is away: the next ones need not try. */
const refusalsInARow = 3

/** A job that waits for its generator says so once in so many rounds, about an hour. */
const roundsALine = 120

/** How far a delivery is: what the generator took, the chunk that was tried last, the rounds that left any. */
interface Delivery {
  readonly delivered: Set<number>
  tried: number
  inVain: number
}

/** Holds no truth: every handler may run again after a crash, beside another, or late. */
export const TicketJobLayer = TicketJob.toLayer(
  Effect.gen(function* () {
    const { entityId: jobId } = yield* Entity.CurrentAddress
    const jobs = yield* JobStore
    const tickets = yield* TicketStore
    const generator = yield* GeneratorClient
    const announcer = yield* JobAnnouncer
    const self = (yield* TicketJob.client)(jobId)
    const oneEnd = yield* Semaphore.make(1)
    let deliveries = 0

    const announce = Effect.fnUntraced(
      function* (job: JobRow, { applied, failed, generated, total }: Applied) {
        if (applied.length === 0) return
        yield* announcer.progressed(jobId, job.flow_id, { generated, failed, total, ticketIds: applied })
      }
    )

    const report = Effect.fn("TicketJob.report")(
      function* (job: JobRow, reports: ReadonlyArray<GeneratedTicket>, attempt: number | null) {
        if (reports.length > 0) yield* announce(job, yield* jobs.applyBatch(jobId, reports, attempt))
      }
    )

    /** Answers whether there was an end to announce. */
    const conclude = Effect.fn("TicketJob.conclude")(function* () {
      const ended = yield* jobs.end(jobId)
      if (Option.isNone(ended)) return false
      yield* OrchestrationLog.within(flowOf(ended.value))(announcer.finished(ended.value, ended.value.status))
      yield* jobs.announced(ended.value)
      return true
    }, oneEnd.withPermit)

    /** Reads the chunk anew each time that it is called: what was canceled or reported meanwhile is not sent. */
    const hand = Effect.fnUntraced(function* (job: JobRow, chunk: number) {
      const ticketIds = yield* jobs.chunk(job, chunk)
      const rows = yield* tickets.forJob(ticketIds)
      const live = new Set(rows.map((row) => row.ticket_id))
      yield* report(job, failures(ticketIds.filter((id) => !live.has(id)), "ticket_voided"), job.attempt)
      if (rows.length > 0) {
        yield* generator.generate(chunkIdOf(job, chunk), job, enrich(job, rows))
      }
    })

    /** Why the generator cannot take the chunk now; undefined when it has it, or will never take it. */
    const deliver = Effect.fn("TicketJob.deliver")((job: JobRow, chunk: number) =>
      OrchestrationLog.within(flowOf(job))(hand(job, chunk)).pipe(
        Effect.as(undefined),
        Effect.catchTag("GeneratorUnavailable", ({ reason, retryable }) =>
          Effect.gen(function* () {
            if (retryable) return reason
            yield* Effect.logWarning("The ticket generator did not take a chunk", { jobId, chunk, reason })
            const refused = yield* jobs.chunk(job, chunk)
            yield* report(job, failures(refused, `generator_unavailable: ${reason}`), job.attempt)
          }))
      )
    )

    /**
     * One try at each chunk that is still on our hands, from behind the last one that was tried, until the generator is
     * away; answers why any is left.
     */
    const round = Effect.fnUntraced(function* (job: JobRow, delivery: Delivery) {
      const waiting = (yield* jobs.waitingChunks(jobId)).filter((chunk) => !delivery.delivered.has(chunk))
      const after = waiting.filter((chunk) => chunk > delivery.tried)
      let away: string | undefined
      let refusals = 0
      for (const chunk of [...after, ...waiting.slice(0, waiting.length - after.length)]) {
        if (refusals === refusalsInARow) break
        const refused = yield* deliver(job, chunk)
        delivery.tried = chunk
        if (refused === undefined) delivery.delivered.add(chunk)
        refusals = refused === undefined ? 0 : refusals + 1
        away = refused ?? away
      }
      if (away !== undefined && delivery.inVain++ % roundsALine === 0) {
        yield* Effect.logWarning("The ticket generator is away: a job waits for it", { jobId, reason: away })
      }
      return away
    })

    /**
     * Ends when nothing waits any more, be it that the job was canceled or given up meanwhile. That a generator is back
     * is news of the job; without having waited it answers whether anything was sent.
     */
    const deliverAll = Effect.fn("TicketJob.deliverAll")(
      function* (job: JobRow) {
        const delivery: Delivery = { delivered: new Set(), tried: -1, inVain: 0 }
        yield* Effect.repeat(round(job, delivery), {
          until: (reason) => reason === undefined,
          schedule: perseverance
        })
        if (delivery.inVain === 0) return delivery.delivered.size > 0
        yield* jobs.heard(jobId)
        return false
      }
    )

    /** Counts as a delivery from its first moment on; learns whether it is the only one. */
    const delivering = <A, E, R>(use: (alone: boolean) => Effect.Effect<A, E, R>) =>
      Effect.acquireUseRelease(
        Effect.sync(() => deliveries++ === 0),
        use,
        () => Effect.sync(() => deliveries--)
      )

    const start = Effect.fn("TicketJob.start")(function* () {
      const job = yield* jobs.begin(jobId)
      if (job.status === "running") yield* deliverAll(job)
      yield* conclude()
    })

    /** The reports of the job's own tickets; a report of another one is not this job's. */
    const ownOf = Effect.fnUntraced(function* (reports: ReadonlyArray<GeneratedTicket>) {
      const items = new Set(yield* jobs.itemsAmong(jobId, reports.map(({ ticketId }) => ticketId)))
      const others = reports.flatMap(({ ticketId }) => items.has(ticketId) ? [] : [ticketId])
      if (others.length > 0) {
        yield* Effect.logWarning("A report names tickets that are not in its job", { jobId, others })
      }
      return reports.filter(({ ticketId }) => items.has(ticketId))
    })

    /** What was being rendered when the job was canceled changes neither the job nor a ticket, though files may be drawn anew. */
    const take = Effect.fn("TicketJob.take")(function* (batch: Rpc.Payload<typeof BatchGenerated>) {
      const job = yield* jobs.row(jobId)
      if (job.status === "canceled") return
      const reports = yield* ownOf(batch.tickets)
      yield* tickets.generated(reports, batch.generatedAt)
      yield* report(job, reports, attemptOf(jobId, batch.webhookId))
      const good = reports.filter(({ status }) => status === "generated")
      if (!(yield* conclude()) && good.length > 0) {
        yield* announcer.generated(job, good.map(({ ticketId }) => ticketId))
      }
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

    const remind = Effect.fnUntraced(function* (job: JobRow) {
      const renewed = yield* jobs.renew(job)
      if (yield* deliverAll(renewed)) yield* jobs.reminded(renewed)
    })

    /** What is being delivered is not sent again, but given up like the rest. */
    const chase = Effect.fn("TicketJob.chase")(
      function* ({ giveUp }: Rpc.Payload<typeof Chase>, alone: boolean) {
        const job = yield* jobs.begin(jobId)
        if (job.status === "running" && (giveUp || alone)) {
          const { edition, queued } = job
          yield* Effect.logWarning("A job had no news for a while", { jobId, queued, edition, giveUp })
          if (giveUp) yield* announce(job, yield* jobs.giveUp(jobId, "generator_silent"))
          else yield* remind(job)
        }
        yield* conclude()
      }
    )

    return measured(
      "TicketJob",
      TicketJob.of({
        Start: () => Rpc.fork(retryTransient(delivering(start))),
        BatchGenerated: ({ payload }) => retryTransient(take(payload)),
        Cancel: () => retryTransient(cancel()),
        Retry: ({ payload }) => retryTransient(retry(payload.attempt)),
        Chase: ({ payload }) => Rpc.fork(retryTransient(delivering((alone) => chase(payload, alone))))
      })
    )
  }),
  { maxIdleTime: "2 minutes", disableFatalDefects: true }
)
