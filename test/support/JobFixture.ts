/** Generation jobs with a generator that only takes notes, for the tests of the job's life. */
import { Context, DateTime, Effect, Layer, Redacted } from "effect"
import { type Sharding, TestRunner } from "effect/cluster"
import { TicketLayer } from "../../entities/Ticket.ts"
import { TicketJobLayer } from "../../entities/TicketJob.ts"
import type { GeneratedTicket } from "../../rpc/Ticket.ts"
import { type JobOptions, type JobStatus, TicketJob } from "../../rpc/TicketJob.ts"
import { FileLinks } from "../../src/files/FileLinks.ts"
import type { GenerationJob } from "../../src/services/generator/TicketApi.ts"
import { GeneratorClient, GeneratorUnavailable } from "../../src/tickets/GeneratorClient.ts"
import { EventStore } from "../../src/store/EventStore.ts"
import { FeedStore } from "../../src/store/flows/FeedStore.ts"
import { JobIndex } from "../../src/store/jobs/JobIndex.ts"
import { JobStore } from "../../src/store/jobs/JobStore.ts"
import { TicketStore } from "../../src/store/tickets/TicketStore.ts"
import { JobAnnouncer } from "../../src/flows/JobAnnouncer.ts"
import { SigningKeys } from "../../src/trust/SigningKeys.ts"
import { publish } from "./GateFixture.ts"
import * as TestDatabase from "./TestDatabase.ts"

/** What was sent and told, and what shall go wrong. */
export class Notes extends Context.Service<Notes, {
  readonly sent: Array<{ readonly chunkId: string; readonly priority: string; readonly job: GenerationJob }>
  readonly generated: Array<{ readonly jobId: string; readonly ticketIds: ReadonlyArray<number> }>
  readonly ends: Array<{ readonly jobId: string; readonly flowId: string | null; readonly status: JobStatus }>
  /** Whether the generator refuses a chunk. */
  refuses: (chunkId: string) => boolean
  /** What happens while the generator takes a chunk. */
  meanwhile: (chunkId: string) => Effect.Effect<void>
  /** How many of the next chunks the generator cannot take for a moment. */
  away: number
  /** Whether the generator cannot take a chunk now. */
  busy: (chunkId: string) => boolean
  /** Defects that the announcer dies of, one a call. */
  crashes: number
}>()("test/Notes") {
  static readonly layer = Layer.sync(Notes, () => ({
    sent: [],
    generated: [],
    ends: [],
    refuses: () => false,
    meanwhile: () => Effect.void,
    away: 0,
    busy: () => false,
    crashes: 0
  }))
}

const Generator = Layer.effect(
  GeneratorClient,
  Effect.map(Notes, (notes) =>
    GeneratorClient.of({
      generate: (chunkId, { priority }, job) =>
        Effect.flatMap(
          Effect.suspend(() => {
            notes.sent.push({ chunkId, priority, job })
            return notes.meanwhile(chunkId)
          }),
          () => {
            if (notes.away-- > 0 || notes.busy(chunkId)) {
              return Effect.fail(new GeneratorUnavailable({ reason: "Unavailable", retryable: true }))
            }
            return notes.refuses(chunkId)
              ? Effect.fail(new GeneratorUnavailable({ reason: "TransportError", retryable: false }))
              : Effect.succeed({
                job_id: job.job_id,
                accepted: job.tickets.length,
                queued_at: DateTime.makeUnsafe(0)
              })
          }
        )
    }))
)

const Announcer = Layer.effect(
  JobAnnouncer,
  Effect.map(Notes, (notes) =>
    JobAnnouncer.of({
      finished: (job, status) =>
        Effect.suspend(() => {
          if (notes.crashes-- > 0) return Effect.die(new Error("the process died here"))
          notes.ends.push({ jobId: job.job_id, flowId: job.flow_id, status })
          return Effect.void
        }),
      generated: (job, ticketIds) =>
        Effect.sync(() => void notes.generated.push({ jobId: job.job_id, ticketIds })),
      reported: () => Effect.void
    }))
)

/** Everything but the entities: what outlives a process. */
export const JobStores = Layer.mergeAll(TicketStore.layer, JobIndex.layer, JobStore.layer, EventStore.layer)
  .pipe(
    Layer.provide(SigningKeys.layerMemory),
    Layer.provideMerge(FeedStore.layer),
    Layer.provideMerge(TestDatabase.layer)
  )

/** Links of the tests. */
export const Links = FileLinks.layer({
  baseUrl: "https://guichet.example",
  secret: Redacted.make("a-secret-of-tests")
})

/** The two entities on this runner; the stores and the notes are left open. */
export const entitiesOn = <A, R>(runner: Layer.Layer<A | Sharding.Sharding, never, R>) =>
  Layer.mergeAll(TicketJobLayer, TicketLayer).pipe(
    Layer.provideMerge(runner),
    Layer.provideMerge(Layer.merge(Generator, Announcer))
  )

/** The two entities on a runner of their own. */
export const JobEntities = entitiesOn(TestRunner.layer)

/** A job's options as most tests want them. */
export const options: JobOptions = {
  qrFormat: "png",
  qrSize: "medium",
  pdfFormat: true,
  includeLogo: false,
  priority: "high",
  batch_processing: true
}

/** Publishes an event of this number with as many tickets, and a job of all of them. */
export const prepare = Effect.fn("JobFixture.prepare")(function* (eventId: number, count: number) {
  const tickets = yield* publish(eventId, count)
  const jobId = `job_${eventId}`
  const ticketIds = tickets.map((ticket) => ticket.id)
  const jobs = yield* JobStore
  yield* jobs.create({ jobId, eventId, owner: "organizer-1", flowId: `flow_${eventId}`, options, ticketIds })
  return { jobId, ticketIds, job: (yield* TicketJob.client)(jobId), view: jobs.view(jobId) }
})

/** A good report of one ticket. */
export const good = (ticketId: number, version = "a"): GeneratedTicket => ({
  ticketId,
  status: "generated",
  reason: null,
  data: {
    format: "pdf",
    qr_code: true,
    file_url: `https://files.example.com/${ticketId}-${version}.pdf`,
    qr_url: `https://files.example.com/${ticketId}-${version}.png`,
    file_size: 1_000,
    file_key: `tickets/${ticketId}/ticket.pdf`,
    qr_key: `tickets/${ticketId}/qr.png`
  },
  metadata: { version }
})

/** A bad one. */
export const bad = (ticketId: number): GeneratedTicket => ({
  ticketId,
  status: "failed",
  reason: "missing_glyph: U+4E2D",
  data: null,
  metadata: {}
})

/** An instant on the day when things are generated. */
export const at = (time: string): DateTime.Utc => DateTime.makeUnsafe(`2025-06-15T${time}Z`)
