/** Services in memory with signed routes and both webhooks, for the tests of what passes between services. */
import { ConfigProvider, Effect, Layer, Redacted, Schema } from "effect"
import { HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiError, HttpApiGroup } from "effect/http-api"
import { toWebHandler } from "../../src/http/ServerRules.ts"
import { problemType } from "../../src/http/ProblemCatalog.ts"
import { parsing, ProblemMiddleware } from "../../src/http/ProblemMiddleware.ts"
import { PaymentWebhookAuth, TicketWebhookAuth } from "../../src/trust/WebhookSignatures.ts"
import { AllowedServices, CallingService } from "../../src/trust/CallingService.ts"
import { ServiceAuth } from "../../src/trust/ServiceAuth.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import { canonical, hmacHex, type SignedRequest } from "../../src/trust/ServiceSignature.ts"
import { ServiceRequestStore } from "../../src/trust/ServiceRequestStore.ts"

const Heard = Schema.Struct({ from: Schema.String, order_id: Schema.Int })
const payload = Schema.Struct({ order_id: Schema.Int })

/** A domain error of a service contract. */
export class OrderUnknown extends HttpApiError.Problem<OrderUnknown>()("OrderUnknown", {
  type: problemType("order-unknown"),
  status: 404,
  title: "Order unknown"
}, { order_id: Schema.Int }) {}

const Inbound = HttpApiGroup.make("inbound")
  .add(
    HttpApiEndpoint.post("scan", "/api/internal/scan-validation", {
      payload,
      success: Heard,
      error: OrderUnknown
    })
      .annotate(AllowedServices, ["scan-validation-service"])
      .middleware(ProblemMiddleware).middleware(ServiceAuth),
    HttpApiEndpoint.post("unlisted", "/api/internal/unlisted", { payload, success: Heard })
      .middleware(ProblemMiddleware).middleware(ServiceAuth),
    HttpApiEndpoint.post("payment", "/api/payment-webhook-routes/", { payload, success: Heard })
      .middleware(ProblemMiddleware).middleware(PaymentWebhookAuth),
    HttpApiEndpoint.post("ticket", "/api/ticket-webhook-routes/", { payload, success: Heard })
      .middleware(ProblemMiddleware).middleware(TicketWebhookAuth)
  )

/** The contract. */
export const InboundApi = HttpApi.make("inbound").add(Inbound).annotateMerge(parsing)

const hear = Effect.fnUntraced(function* ({ payload }: { readonly payload: { readonly order_id: number } }) {
  const { name } = yield* CallingService
  return { from: name, order_id: payload.order_id }
})

const InboundLayer = HttpApiBuilder.group(
  InboundApi,
  "inbound",
  (handlers) =>
    handlers.handleAll({
      scan: (request) =>
        request.payload.order_id === 404 ? Effect.fail(new OrderUnknown({ order_id: 404 })) : hear(request),
      unlisted: hear,
      payment: hear,
      ticket: hear
    })
).pipe(
  Layer.provide([
    ProblemMiddleware.layer,
    ServiceAuth.layer,
    PaymentWebhookAuth.layer,
    TicketWebhookAuth.layer
  ])
)

/** The core's inbound routes. */
export const InboundRoutes = HttpApiBuilder.layer(InboundApi).pipe(
  Layer.provide(InboundLayer),
  Layer.provide(HttpServer.layerServices)
)

const secret = (name: string) => `${name}-secret-0123456789`

/** Secrets of a running installation; the generator is changing its own. */
export const environment = {
  CORE_SERVICE_SECRET: secret("core"),
  PAYMENT_SERVICE_SECRET: secret("payment"),
  TICKET_GENERATOR_SECRET: secret("ticket"),
  TICKET_GENERATOR_SECRET_PREVIOUS: secret("ticket-old"),
  SCAN_VALIDATION_SECRET: secret("scan"),
  NOTIFICATION_SERVICE_SECRET: secret("notification")
}

/** Secrets, and a memory of what was accepted. */
export const SecretsLayer: Layer.Layer<ServiceSecrets | ServiceRequestStore> = Layer.mergeAll(
  Layer.orDie(ServiceSecrets.layerConfig).pipe(
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))
  ),
  ServiceRequestStore.layerMemory
)

/** One signed request, before its headers are made or spoiled. */
export const request = (over: Partial<SignedRequest> = {}): SignedRequest => ({
  method: "POST",
  url: "/api/internal/scan-validation",
  service: "scan-validation-service",
  requestId: "req_1",
  timestamp: new Date().toISOString(),
  body: new TextEncoder().encode(`{"order_id":7}`),
  ...over
})

/** The headers that name the sender. */
export const named = (request: SignedRequest): Record<string, string> => ({
  "content-type": "application/json",
  "x-service-name": request.service,
  "x-request-id": request.requestId,
  "x-timestamp": request.timestamp
})

/** The hex signature of a request under a secret of the environment. */
export const hexOf = (name: keyof typeof environment, request: SignedRequest): string =>
  hmacHex(Redacted.make(environment[name]), canonical(request))

/** Sends headers and bytes to the inbound routes. */
export const makeSend = Effect.map(
  toWebHandler(InboundRoutes),
  (fetch) => (request: SignedRequest, headers: Record<string, string>, url = request.url) =>
    Effect.promise(async () => {
      const response = await fetch(
        new Request(`http://localhost${url}`, {
          method: request.method,
          headers,
          body: Buffer.from(request.body)
        })
      )
      return { status: response.status, text: await response.text(), headers: response.headers }
    })
)

/** The environment as configuration. */
export const configuration = (values: Record<string, string>): Layer.Layer<never> =>
  ConfigProvider.layer(ConfigProvider.fromUnknown(values))
