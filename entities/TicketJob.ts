/** A generation job: its chunks go to the generator, its webhooks come back, and its end is told once. */
import { Effect, Option } from "effect"
import { Rpc } from "effect/rpc"
import type { GeneratedTicket } from "../rpc/Ticket.ts"
import { type BatchGenerated, TicketJob } from "../rpc/TicketJob.ts"
import { outlast, patience } from "../src/Durable.ts"
import { TicketClient } from "../src/services/tickets/TicketClient.ts"
import { type JobRow, JobStore } from "../src/store/JobStore.ts"
import { TicketStore } from "../src/store/TicketStore.ts"
import { enrich } from "../src/tickets/Enrichment.ts"
import { JobListener } from "../src/tickets/JobListener.ts"

const failures = (ticketIds: ReadonlyArray<number>, reason: string): ReadonlyArray<GeneratedTicket> =>
  ticketIds.map((ticketId) => ({ ticketId, status: "failed", reason, data: null, metadata: {} }))

/** Holds no truth: every handler may run again after a crash, beside another, or late. */
export const TicketJobLayer = TicketJob.toLayer(
  Effect.gen(function* () {
    const jobs = yield* JobStore
    const tickets = yield* TicketStore
    const generator = yield* TicketClient
    const listener = yield* JobListener

    const report = Effect.fn("TicketJob.report")(
      function* (job: JobRow, reports: ReadonlyArray<GeneratedTicket>) {
        if (reports.length === 0) return
        const { applied, generated, failed, total } = yield* jobs.applyBatch(job.job_id, reports)
        if (applied.length === 0) return
        yield* listener.progressed(job.job_id, job.flow_id, { generated, failed, total, ticketIds: applied })
      }
    )

    const conclude = Effect.fn("TicketJob.conclude")(function* (jobId: string) {
      const ended = yield* jobs.end(jobId)
      if (Option.isNone(ended)) return
      yield* listener.finished(ended.value, ended.value.status)
      yield* jobs.announced(jobId)
    })

    const deliver = Effect.fn("TicketJob.deliver")(function* (job: JobRow, chunk: number) {
      const ticketIds = yield* jobs.chunk(job.job_id, chunk)
      const rows = yield* tickets.forJob(ticketIds)
      const live = new Set(rows.map((row) => row.ticket_id))
      yield* report(job, failures(ticketIds.filter((id) => !live.has(id)), "ticket_voided"))
      if (rows.length === 0) return
      yield* generator.generate(`${job.job_id}_${chunk}`, job.priority, enrich(job, rows)).pipe(
        Effect.retry({ while: (error) => error.retryable, schedule: patience }),
        Effect.catchTag("GeneratorUnavailable", ({ reason }) =>
          Effect.andThen(
            Effect.logWarning("The ticket generator did not take a chunk", {
              jobId: job.job_id,
              chunk,
              reason
            }),
            report(job, failures([...live], `generator_unavailable: ${reason}`))
          ))
      )
    })

    const start = Effect.fn("TicketJob.start")(function* (jobId: string) {
      const job = yield* jobs.begin(jobId)
      const waiting = job.status === "running" ? yield* jobs.waitingChunks(jobId) : []
      yield* Effect.forEach(waiting, (chunk) => deliver(job, chunk), { discard: true })
      yield* conclude(jobId)
    })

    const take = Effect.fn("TicketJob.take")(
      function* (jobId: string, batch: Rpc.Payload<typeof BatchGenerated>) {
        const job = yield* jobs.row(jobId)
        yield* tickets.generated(batch.tickets, batch.generatedAt)
        yield* report(job, batch.tickets)
        yield* conclude(jobId)
      }
    )

    return TicketJob.of({
      Start: ({ payload }) => Rpc.fork(outlast(start(payload.jobId))),
      BatchGenerated: ({ address, payload }) => outlast(take(address.entityId, payload))
    })
  }),
  { maxIdleTime: "2 minutes", disableFatalDefects: true }
)
