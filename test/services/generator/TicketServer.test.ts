/** The core and the generator over the wire: signed both ways, documented bodies, one chunk an id. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { HttpClient, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { ProblemMiddleware } from "../../../src/http/ProblemMiddleware.ts"
import { TicketsGenerated } from "../../../rpc/TicketWebhookBodies.ts"
import { TicketWebhookAuth } from "../../../src/trust/WebhookSignatures.ts"
import { AllowedServices } from "../../../src/trust/CallingService.ts"
import { Loopback } from "../../../src/trust/Loopback.ts"
import { ServiceAuth } from "../../../src/trust/ServiceAuth.ts"
import { ServiceTransport } from "../../../src/trust/ServiceTransport.ts"
import { CoreClient } from "../../../src/services/generator/CoreClient.ts"
import { GeneratorQueue } from "../../../src/services/generator/GeneratorQueue.ts"
import { PrintDetails, PrintDetailsRequest } from "../../../rpc/PrintDetails.ts"
import { GenerationJob } from "../../../src/services/generator/TicketApi.ts"
import { GeneratorClient } from "../../../src/tickets/GeneratorClient.ts"
import { TicketServerLayer } from "../../../src/services/generator/TicketServer.ts"
import documented from "../../fixtures/bodies/1-generation-job.to-ticket-generator.json" with { type: "json" }
import { configuration, SecretsLayer } from "../../trust/ExampleServices.ts"

const taken: Array<TicketsGenerated> = []

const Inbound = HttpApiGroup.make("inbound").add(
  HttpApiEndpoint.post("print", "/api/internal/print-details", {
    payload: PrintDetailsRequest,
    success: PrintDetails
  })
    .annotate(AllowedServices, ["ticket-generator-service"]).middleware(ProblemMiddleware).middleware(
      ServiceAuth
    ),
  HttpApiEndpoint.post("webhook", "/api/ticket-webhook-routes/", { payload: TicketsGenerated })
    .middleware(ProblemMiddleware).middleware(TicketWebhookAuth)
)
const CoreApi = HttpApi.make("core").add(Inbound)

const CoreRoutes = HttpApiBuilder.layer(CoreApi).pipe(
  Layer.provide(HttpApiBuilder.group(CoreApi, "inbound", (handlers) =>
    handlers.handleAll({
      print: () => Effect.succeed({ tickets: [] }),
      webhook: ({ payload }) => Effect.sync(() => void taken.push(payload))
    }))),
  Layer.provide([ProblemMiddleware.layer, ServiceAuth.layer, TicketWebhookAuth.layer]),
  Layer.provide(HttpServer.layerServices)
)

const GeneratorRoutes = TicketServerLayer.pipe(
  Layer.provide([ProblemMiddleware.layer, ServiceAuth.layer]),
  Layer.provide(HttpServer.layerServices)
)

const nobody = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make(() => Effect.die("nothing leaves the process"))
)

const Wire = Layer.mergeAll(
  Loopback.serve("core", CoreRoutes),
  Loopback.serve("tickets", GeneratorRoutes),
  GeneratorClient.layer,
  CoreClient.layer
).pipe(
  Layer.provideMerge(ServiceTransport.layer),
  Layer.provideMerge(Layer.mergeAll(Loopback.layer, SecretsLayer, GeneratorQueue.layerMemory, nobody)),
  Layer.provide(configuration({})),
  Layer.orDie
)

const job = Schema.decodeUnknownSync(GenerationJob)(documented)

describe("the ticket generator on the wire", () => {
  it.live("takes the documented body with 202 and queues it once an id", () =>
    Effect.gen(function* () {
      const generator = yield* GeneratorClient
      const queue = yield* GeneratorQueue
      const first = yield* generator.generate("job_123456_0", { owner: "alice", priority: "high" }, job)
      assert.deepInclude(first, { job_id: "job_123456", accepted: 1 })
      yield* generator.generate("job_123456_0", { owner: "alice", priority: "high" }, job)
      const chunk = yield* queue.take("high", Effect.succeed)
      assert.deepStrictEqual<unknown>(chunk.job, documented)
      assert.strictEqual(chunk.chunk_id, "job_123456_0")
      assert.isString(chunk.owner)
      assert.notInclude(chunk.owner, "alice")
      const more = yield* Effect.timeoutOption(queue.take("high", Effect.succeed), "20 millis")
      assert.strictEqual(more._tag, "None")
    }).pipe(Effect.provide(Layer.fresh(Wire))))

  it.live("is called by the core alone", () =>
    Effect.gen(function* () {
      const client = (yield* ServiceTransport).client("tickets", { as: "scan-validation-service" })
      const response = yield* client.post("/tickets/generate", { headers: { "x-request-id": "job_1_0" } })
      assert.strictEqual(response.status, 403)
    }).pipe(Effect.provide(Layer.fresh(Wire))))

  it.live("asks the core and reports to it, believed both times", () =>
    Effect.gen(function* () {
      const core = yield* CoreClient
      const details = yield* core.printDetails("print_job_1_0", { job_id: "job_1", ticket_ids: [1] })
      assert.deepStrictEqual(details, { tickets: [] })
      const report: TicketsGenerated = Schema.decodeUnknownSync(TicketsGenerated)({
        event_type: "tickets.generated",
        webhook_id: "wh_job_1_0",
        job_id: "job_1",
        event_id: 1,
        generated_at: "2025-06-15T10:25:00Z",
        processing_time_ms: 12,
        tickets: [{
          ticket_id: 1,
          status: "failed",
          reason: "ticket_voided",
          generation_data: null,
          metadata: {}
        }]
      })
      yield* core.report(report)
      assert.deepStrictEqual(taken.at(-1), report)
    }).pipe(Effect.provide(Layer.fresh(Wire))))

  it.live("says that the generator is unavailable when it is, whatever the reason", () =>
    Effect.gen(function* () {
      const generator = yield* GeneratorClient
      const loopback = yield* Loopback
      yield* loopback.register("tickets", () => Promise.resolve(new Response(null, { status: 404 })))
      const refused = yield* Effect.flip(
        generator.generate("job_1_0", { owner: "alice", priority: "low" }, job)
      )
      assert.strictEqual(refused._tag, "GeneratorUnavailable")
    }).pipe(Effect.provide(Layer.fresh(Wire))))
})
