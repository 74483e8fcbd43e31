/** The payment service: its routes, and the gateway that the environment chooses. */
import { Config, Effect, Layer, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { ServiceAuth } from "../ServiceAuth.ts"
import { PaymentApi } from "./PaymentApi.ts"
import { PaymentHandlersLayer } from "./PaymentHandlers.ts"
import { PaymentLedger } from "./PaymentLedger.ts"
import { SandboxRoutesLayer } from "./SandboxApi.ts"
import { SandboxBank } from "./SandboxBank.ts"
import { SandboxGateway } from "./SandboxGateway.ts"
import { StripeGateway } from "./StripeGateway.ts"
import { StripeSignature } from "./StripeSignature.ts"
import { StripeWebhookLayer } from "./StripeWebhook.ts"

const routes = HttpApiBuilder.layer(PaymentApi).pipe(
  Layer.provide([PaymentHandlersLayer, StripeWebhookLayer]),
  Layer.provide([ProblemMiddleware.layer, ServiceAuth.layer])
)

const stripe = Layer.provide(routes, StripeGateway.layer)

const sandbox = Layer.merge(routes, SandboxRoutesLayer).pipe(
  Layer.provide(SandboxGateway.layer),
  Layer.provide(SandboxBank.layer)
)

/** The routes over any gateway, for tests. */
export const gatewayServer = routes

/**
 * The routes: over Stripe when `STRIPE_SECRET_KEY` is set, over the sandbox otherwise. A key-value store, a
 * persisted queue, the services' transport and what `ServiceAuth` needs are left open.
 */
export const PaymentServerLayer = Layer.unwrap(Effect.map(
  Config.option(Config.Redacted("STRIPE_SECRET_KEY")),
  (key) => Option.isSome(key) ? stripe : sandbox
)).pipe(Layer.provide(PaymentLedger.layer), Layer.provide(StripeSignature.layer))
