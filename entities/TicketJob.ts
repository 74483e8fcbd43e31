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
import { type Applied, type JobRow, JobStore, type Standing } from "../src/store/jobs/JobStore.ts"
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

/** One end of a job: of an attempt, and as good as it turned out by then. */
const endOf = ({ attempt, generated, status }: JobRow): string => `${attempt} ${generated} ${status}`

/** How far a delivery is: the chunks that are done with, how many the generator took, the one tried last, the rounds that left any. */
interface Delivery {
  /** The chunks that wait, where they were just read. */
  known: ReadonlyArray<number> | undefined
  readonly delivered: Set<number>
  taken: number
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
    /** The end that was announced last. */
    let told = ""

    const announce = Effect.fn("TicketJob.announce")(function* (ended: JobRow) {
      yield* OrchestrationLog.within(flowOf(ended))(announcer.finished(ended, ended.status))
      yield* jobs.announced(ended)
      told = endOf(ended)
    })

    /** Answers whether there was an end to announce. */
    const conclude = Effect.fn("TicketJob.conclude")(function* () {
      const ended = yield* jobs.end(jobId)
      if (Option.isSome(ended)) yield* announce(ended.value)
      return Option.isSome(ended)
    }, oneEnd.withPermit)

    /** The same after a report, which knows whether the job ended with it; one that changed nothing knows it not. */
    const concludeAfter = ({ applied, job }: Applied) =>
      applied.length === 0
        ? conclude()
        : job.finished_at === null
        ? Effect.succeed(false)
        : oneEnd.withPermit(
          Effect.as(Effect.suspend(() => told === endOf(job) ? Effect.void : announce(job)), true)
        )

    const report = Effect.fn("TicketJob.report")(
      function* (job: JobRow, reports: ReadonlyArray<GeneratedTicket>) {
        if (reports.length > 0) yield* concludeAfter(yield* jobs.applyBatch(jobId, reports, job.attempt))
      }
    )

    /** Reads the chunk anew each time that it is called: what was canceled or reported meanwhile is not sent. */
    const hand = Effect.fnUntraced(function* (job: JobRow, chunk: number, delivery: Delivery) {
      const { rows, voided } = yield* tickets.ofChunk(job, chunk)
      yield* report(job, failures(voided, "ticket_voided"))
      if (rows.length > 0) {
        yield* generator.generate(chunkIdOf(job, chunk), job, enrich(job, rows))
        delivery.taken++
      }
    })

    /** Why the generator cannot take the chunk now; undefined when it has it, or will never take it. */
    const deliver = Effect.fn("TicketJob.deliver")((job: JobRow, chunk: number, delivery: Delivery) =>
      OrchestrationLog.within(flowOf(job))(hand(job, chunk, delivery)).pipe(
        Effect.as(undefined),
        Effect.catchTag("GeneratorUnavailable", ({ reason, retryable }) =>
          Effect.gen(function* () {
            if (retryable) return reason
            yield* Effect.logWarning("The ticket generator did not take a chunk", { jobId, chunk, reason })
            const refused = yield* jobs.chunk(job, chunk)
            yield* report(job, failures(refused, `generator_unavailable: ${reason}`))
          }))
      )
    )

    /**
     * One try at each chunk that is still on our hands, from behind the last one that was tried, until the generator is
     * away; answers why any is left.
     */
    const round = Effect.fnUntraced(function* (job: JobRow, delivery: Delivery) {
      const known = delivery.known ?? (yield* jobs.waitingChunks(jobId))
      delivery.known = undefined
      const waiting = known.filter((chunk) => !delivery.delivered.has(chunk))
      const after = waiting.filter((chunk) => chunk > delivery.tried)
      let away: string | undefined
      let refusals = 0
      for (const chunk of [...after, ...waiting.slice(0, waiting.length - after.length)]) {
        if (refusals === refusalsInARow) break
        const refused = yield* deliver(job, chunk, delivery)
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
     * is news of the job.
     */
    const deliverAll = Effect.fn("TicketJob.deliverAll")(
      function* (job: JobRow, known?: ReadonlyArray<number>) {
        const delivery: Delivery = { known, delivered: new Set(), taken: 0, tried: -1, inVain: 0 }
        yield* Effect.repeat(round(job, delivery), {
          until: (reason) => reason === undefined,
          schedule: perseverance
        })
        if (delivery.inVain > 0) yield* jobs.heard(jobId)
        return delivery
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
      const isTaken = job.status === "running" && (yield* deliverAll(job, job.waiting)).taken > 0
      // Of what the generator took a report comes: the job ends with the last one.
      if (!isTaken) yield* conclude()
    })

    /** The reports of the job's own tickets; a report of another one is not this job's. */
    const ownOf = Effect.fnUntraced(function* (
      { items }: Standing,
      reports: ReadonlyArray<GeneratedTicket>
    ) {
      const own = new Set(items.map(({ ticket_id }) => ticket_id))
      const others = reports.flatMap(({ ticketId }) => own.has(ticketId) ? [] : [ticketId])
      if (others.length > 0) {
        yield* Effect.logWarning("A report names tickets that are not in its job", { jobId, others })
      }
      return reports.filter(({ ticketId }) => own.has(ticketId))
    })

    /** What was being rendered when the job was canceled changes neither the job nor a ticket, though files may be drawn anew. */
    const take = Effect.fn("TicketJob.take")(function* (batch: Rpc.Payload<typeof BatchGenerated>) {
      const standing = yield* jobs.standing(jobId, batch.tickets.map(({ ticketId }) => ticketId))
      const { job } = standing
      if (job.status === "canceled") return
      const reports = yield* ownOf(standing, batch.tickets)
      yield* tickets.generated(reports, batch.generatedAt)
      const applied = yield* jobs.apply(standing, reports, attemptOf(jobId, batch.webhookId))
      const good = reports.filter(({ status }) => status === "generated")
      if (!(yield* concludeAfter(applied)) && good.length > 0) {
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
      const { delivered, inVain } = yield* deliverAll(renewed)
      if (delivered.size > 0 && inVain === 0) yield* jobs.reminded(renewed)
    })

    /** What is being delivered is not sent again, but given up like the rest. */
    const chase = Effect.fn("TicketJob.chase")(
      function* ({ giveUp }: Rpc.Payload<typeof Chase>, alone: boolean) {
        const job = yield* jobs.begin(jobId)
        if (job.status === "running" && (giveUp || alone)) {
          const { edition, queued } = job
          yield* Effect.logWarning("A job had no news for a while", { jobId, queued, edition, giveUp })
          if (giveUp) yield* jobs.giveUp(jobId, "generator_silent")
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
