/** One ticket: its files are stored as they are reported, and they are reported to the jobs that wait for them. */
import { Effect, Schedule } from "effect"
import { Entity } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import { type Generated, Ticket } from "../rpc/Ticket.ts"
import { TicketJob } from "../rpc/TicketJob.ts"
import { retryTransient } from "../src/durable/Retry.ts"
import { JobIndex } from "../src/store/jobs/JobIndex.ts"
import { TicketStore } from "../src/store/tickets/TicketStore.ts"
import { JobAnnouncer } from "../src/flows/JobAnnouncer.ts"
import { measured } from "../src/telemetry/metrics/WorkMetrics.ts"

/** Holds no truth: the store's guarded updates decide. */
export const TicketLayer = Ticket.toLayer(
  Effect.gen(function* () {
    const { entityId } = yield* Entity.CurrentAddress
    const ticketId = Number(entityId)
    const tickets = yield* TicketStore
    const jobs = yield* JobIndex
    const announcer = yield* JobAnnouncer
    const job = yield* TicketJob.client

    const report = (jobId: string, news: Rpc.Payload<typeof Generated>) =>
      job(jobId).BatchGenerated({
        webhookId: `${news.webhookId}/${ticketId}`,
        generatedAt: news.generatedAt,
        tickets: [news.ticket]
      }, { discard: true }).pipe(
        Effect.retry({ times: 8, schedule: Schedule.exponential("100 millis") }),
        Effect.orDie
      )

    const generated = Effect.fn("Ticket.generated")(function* (news: Rpc.Payload<typeof Generated>) {
      yield* tickets.get(ticketId)
      yield* tickets.generated([news.ticket], news.generatedAt)
      const waiting = yield* jobs.waitingFor(ticketId, news.ticket.status === "generated")
      yield* Effect.forEach(waiting, (jobId) => report(jobId, news), { discard: true })
      if (news.ticket.status === "generated") yield* announcer.reported(ticketId, news.notify === true)
    })

    return measured("Ticket", Ticket.of({ Generated: ({ payload }) => retryTransient(generated(payload)) }))
  }),
  { maxIdleTime: "1 minute", disableFatalDefects: true }
)
