/** The payment service and a core that listens, in memory, over the real transport, signatures and routes. */
import { ConfigProvider, Context, Effect, Layer, Queue, Redacted, Ref } from "effect"
import { HttpClient, HttpServer, HttpServerRequest } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { KeyValueStore, PersistedQueue } from "effect/persistence"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { ProblemMiddleware } from "../../../src/http/ProblemMiddleware.ts"
import { Unavailable } from "../../../src/http/Problems.ts"
import { PaymentWebhookAuth } from "../../../src/trust/WebhookSignatures.ts"
import { Loopback } from "../../../src/trust/Loopback.ts"
import type { PaymentRequest } from "../../../src/services/payments/contract/PaymentApi.ts"
import { PaymentClient } from "../../../src/payments/PaymentClient.ts"
import { PaymentGateway } from "../../../src/services/payments/contract/PaymentGateway.ts"
import { PaymentLedger } from "../../../src/services/payments/contract/PaymentLedger.ts"
import { PaymentRoutesLayer, PaymentServerLayer } from "../../../src/services/payments/PaymentServer.ts"
import { StripeSignature } from "../../../src/services/payments/stripe/StripeSignature.ts"
import { StripeRoutesLayer } from "../../../src/services/payments/stripe/StripeWebhook.ts"
import { ServiceTransport } from "../../../src/trust/ServiceTransport.ts"
import { ServiceSecrets } from "../../../src/trust/ServiceSecrets.ts"
import { ServiceRequestStore } from "../../../src/trust/ServiceRequestStore.ts"

/** A webhook as the core received it. */
export interface Heard {
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** What the core heard, in order, and how many of the next webhooks it will not take. */
export class Core extends Context.Service<Core, {
  readonly heard: Queue.Queue<Heard>
  readonly refusals: Ref.Ref<number>
}>()("test/Core") {
  static readonly layer = Layer.effect(
    Core,
    Effect.all({ heard: Queue.unbounded<Heard>(), refusals: Ref.make(0) })
  )
}

class CoreApi extends HttpApi.make("core").add(
  HttpApiGroup.make("webhooks").add(
    HttpApiEndpoint.post("payment", "/api/payment-webhook-routes/", {
      payload: PaymentWebhook,
      error: Unavailable
    })
  ).middleware(ProblemMiddleware).middleware(PaymentWebhookAuth)
) {}

const hear = Effect.gen(function* () {
  const core = yield* Core
  const request = yield* HttpServerRequest.HttpServerRequest
  const refusals = yield* Ref.getAndUpdate(core.refusals, (left) => Math.max(0, left - 1))
  if (refusals > 0) return yield* new Unavailable({ detail: "Not now.", retry_after: 0 })
  const body = JSON.parse(yield* Effect.orDie(request.text))
  yield* Queue.offer(core.heard, { body, headers: { ...request.headers } })
})

const coreRoutes = HttpApiBuilder.layer(CoreApi).pipe(
  Layer.provide(
    HttpApiBuilder.group(CoreApi, "webhooks", (handlers) => handlers.handle("payment", () => hear))
  ),
  Layer.provide([PaymentWebhookAuth.layer, ProblemMiddleware.layer]),
  Layer.provide(HttpServer.layerServices)
)

/** The secret that Stripe signs under. */
export const webhookSecret = "whsec_0123456789abcdef"

const environment = {
  CORE_SERVICE_SECRET: "core-secret-0123456789",
  PAYMENT_SERVICE_SECRET: "payment-secret-0123456789",
  TICKET_GENERATOR_SECRET: "ticket-secret-0123456789",
  SCAN_VALIDATION_SECRET: "scan-secret-0123456789",
  NOTIFICATION_SERVICE_SECRET: "notification-secret-0123456789",
  STRIPE_WEBHOOK_SECRET: webhookSecret
}

const noNetwork = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make(() => Effect.die("no network in this test"))
)

const transport = ServiceTransport.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(Loopback.layer, ServiceSecrets.layerConfig, noNetwork))
)

/** Memory that tests may keep while the service dies and starts again. */
export const memory = Layer.merge(
  KeyValueStore.layerMemory,
  PersistedQueue.layer.pipe(Layer.provide(PersistedQueue.layerStoreMemory))
)

const serveAll = <E, R>(
  payments: Layer.Layer<never, E, R>,
  more: Readonly<Record<string, string>> = {}
) =>
  Layer.mergeAll(
    Loopback.serve("payments", Layer.provide(payments, HttpServer.layerServices)),
    Loopback.serve("core", coreRoutes)
  ).pipe(
    Layer.provideMerge(PaymentClient.layer),
    Layer.provideMerge(Layer.mergeAll(transport, Core.layer, ServiceRequestStore.layerMemory)),
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ ...environment, ...more })))
  )

/** The service with the sandbox, as an environment without Stripe's key starts it. */
export const sandbox = serveAll(PaymentServerLayer)

/** The service with the gateway that an environment chooses. */
export const chosenBy = (more: Readonly<Record<string, string>>) => serveAll(PaymentServerLayer, more)

/** The service over a given gateway. */
export const over = <E>(
  gateway: Layer.Layer<PaymentGateway, E>,
  more: Readonly<Record<string, string>> = {}
) =>
  serveAll(
    Layer.merge(PaymentRoutesLayer, StripeRoutesLayer).pipe(
      Layer.provide(gateway),
      Layer.provide(Layer.succeed(StripeSignature, StripeSignature.make([Redacted.make(webhookSecret)]))),
      Layer.provide(PaymentLedger.layer)
    ),
    more
  )

/** The next webhook that the core takes. */
export const nextHeard = Effect.flatMap(Core, ({ heard }) => Queue.take(heard))

/** What the core asks for, with the parts that a test cares about. */
export const asking = (overrides: Partial<PaymentRequest> = {}): PaymentRequest => ({
  payment_id: "pay_1234567890",
  amount: 9999,
  currency: "EUR",
  method: "stripe",
  auto_confirm: true,
  customer: { email: "customer@example.com", name: "John Doe" },
  metadata: { event_id: 1, user_id: 123, ticket_count: 2, template_id: 1 },
  ...overrides
})
