/** One ticket: its files are stored as they are reported, and its life ends once. */
import { Effect, Schedule } from "effect"
import { Entity } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import { type Generated, Ticket } from "../rpc/Ticket.ts"
import { TicketJob } from "../rpc/TicketJob.ts"
import { outlast } from "../src/Durable.ts"
import { currentLink, FileLinks } from "../src/files/FileLinks.ts"
import { JobIndex } from "../src/store/JobIndex.ts"
import { TicketStore } from "../src/store/TicketStore.ts"
import { JobListener } from "../src/tickets/JobListener.ts"

/** Holds no truth: the store's guarded updates decide. */
export const TicketLayer = Ticket.toLayer(
  Effect.gen(function* () {
    const { entityId } = yield* Entity.CurrentAddress
    const ticketId = Number(entityId)
    const tickets = yield* TicketStore
    const jobs = yield* JobIndex
    const links = yield* FileLinks
    const listener = yield* JobListener
    const job = yield* TicketJob.client

    const get = Effect.gen(function* () {
      const ticket = yield* tickets.get(ticketId)
      return {
        ...ticket,
        file_url: yield* currentLink(links, ticket.file_key, ticket.file_url),
        qr_url: yield* currentLink(links, ticket.qr_key, ticket.qr_url)
      }
    })

    const tell = (jobId: string, news: Rpc.Payload<typeof Generated>) =>
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
      yield* Effect.forEach(waiting, (jobId) => tell(jobId, news), { discard: true })
      if (news.ticket.status === "generated") yield* listener.generated(ticketId)
    })

    return Ticket.of({
      Generated: ({ payload }) => outlast(generated(payload)),
      Void: ({ payload }) => Effect.map(tickets.void_(ticketId, payload.reason), (voided) => ({ voided })),
      Get: () => get
    })
  }),
  { maxIdleTime: "1 minute", disableFatalDefects: true }
)
