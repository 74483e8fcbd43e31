/** A ticket generator with a core that only takes notes, for the tests of the queue and the worker. */
import { Context, DateTime, Effect, Latch, Layer } from "effect"
import type { TicketsGenerated } from "../../../rpc/TicketWebhookBodies.ts"
import { FileLinks } from "../../../src/files/FileLinks.ts"
import { FileStore } from "../../../src/files/FileStore.ts"
import { LogoDecoder } from "../../../src/images/LogoDecoder.ts"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { NodeFileSystem } from "@effect/platform-node"
import { CoreClient, CoreUnavailable } from "../../../src/services/generator/CoreClient.ts"
import type { QueuedChunk } from "../../../src/services/generator/GeneratorQueue.ts"
import type { PrintDetail } from "../../../rpc/PrintDetails.ts"
import type { GenerationJob, JobTicket, RenderOptions } from "../../../src/services/generator/TicketApi.ts"
import { RenderPool } from "../../../src/services/generator/RenderPool.ts"
import { TicketRenderer } from "../../../src/services/generator/TicketRenderer.ts"
import { Redacted } from "effect"

/** What the core was told, when it takes a report, how often it first refuses one, and how often for good. */
export class Core extends Context.Service<Core, {
  readonly reports: Array<TicketsGenerated>
  readonly asked: Array<ReadonlyArray<number>>
  readonly arrived: Latch.Latch
  refusals: number
  refusalsForGood: number
  unknown: ReadonlySet<number>
}>()("test/Core") {
  static readonly layer = Layer.sync(Core, () => ({
    reports: [],
    asked: [],
    arrived: Latch.makeUnsafe(false),
    refusals: 0,
    refusalsForGood: 0,
    unknown: new Set<number>()
  }))
}

const issuedAt = DateTime.makeUnsafe("2025-06-01T00:00:00Z")

/** What the core says is printed on this ticket. */
export const detailOf = (id: number): PrintDetail => ({
  id,
  ticket_type: "VIP",
  seat: "A15",
  locale: "fr",
  timezone: "Europe/Paris",
  organizer: null,
  issued_at: issuedAt
})

const CoreStub = Layer.effect(
  CoreClient,
  Effect.map(Core, (core) =>
    CoreClient.of({
      printDetails: (_requestId, { ticket_ids }) =>
        Effect.sync(() => {
          core.asked.push(ticket_ids)
          return {
            tickets: ticket_ids.filter((id) => !core.unknown.has(id)).map(detailOf)
          }
        }),
      report: (batch) =>
        Effect.suspend(() => {
          const route = "/ticket-webhook-routes/"
          if (core.refusals-- > 0) {
            return Effect.fail(new CoreUnavailable({ route, reason: "HTTP 503", retryable: true }))
          }
          if (core.refusalsForGood-- > 0) {
            return Effect.fail(new CoreUnavailable({ route, reason: "HTTP 422", retryable: false }))
          }
          core.reports.push(batch)
          core.arrived.openUnsafe()
          return Effect.void
        })
    }))
)

/** Waits until the core has taken `count` reports. */
export const reported = Effect.fn("GeneratorFixture.reported")(function* (count: number) {
  const core = yield* Core
  while (core.reports.length < count) {
    core.arrived.closeUnsafe()
    yield* core.arrived.await
  }
  return core.reports
})

/** The renderer on memory, with the core that takes notes. */
export const Renderer = RenderPool.layerHere.pipe(
  Layer.provideMerge(TicketRenderer.layer),
  Layer.provide([Fonts.layer, LogoDecoder.layerHere]),
  Layer.provide(NodeFileSystem.layer),
  Layer.provide(
    FileLinks.layer({ baseUrl: "https://guichet.example", secret: Redacted.make("a-secret-of-tests") })
  ),
  Layer.provideMerge(FileStore.layerMemory),
  Layer.provideMerge(CoreStub),
  Layer.provideMerge(Core.layer)
)

/** How most tests render. */
export const options: RenderOptions = {
  qrFormat: "png",
  qrSize: "small",
  pdfFormat: true,
  includeLogo: false
}

/** A ticket of the documented body with this number. */
export const ticketOf = (id: number, guest: Partial<JobTicket["guest"]> = {}): JobTicket => ({
  id,
  ticket_code: `TKT-001-ABC${id}`,
  qr_code_data: `{"id":${id},"eventId":1,"timestamp":1640995200}`,
  guest: { first_name: "Jean", last_name: "Dupont", email: "jean.dupont@example.com", phone: null, ...guest },
  event: { id: 1, title: "Tech Conference 2025", event_date: "2025-06-20T09:00:00Z", location: "Paris Expo" },
  template: { id: 1, name: "Premium Template", design: "modern" }
})

/** A job of these tickets. */
export const jobOf = (jobId: string, tickets: ReadonlyArray<JobTicket>): GenerationJob => ({
  job_id: jobId,
  event_id: 1,
  tickets,
  options
})

/** A chunk of these tickets, as the queue holds it. */
export const chunkOf = (
  jobId: string,
  tickets: ReadonlyArray<JobTicket>,
  priority: QueuedChunk["priority"] = "normal"
): QueuedChunk => ({ chunk_id: `${jobId}_0`, priority, queued_at: issuedAt, job: jobOf(jobId, tickets) })
