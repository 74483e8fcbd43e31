/** The payment service: its routes, and the gateway that the environment chooses. */
import { Config, Effect, Layer, Option, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import * as Database from "../../database/Database.ts"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { ServiceAuth } from "../../trust/ServiceAuth.ts"
import { PaymentApi } from "./contract/PaymentApi.ts"
import { PaymentHandlersLayer } from "./PaymentHandlers.ts"
import { PaymentLedger } from "./contract/PaymentLedger.ts"
import { SandboxRoutesLayer } from "./sandbox/SandboxApi.ts"
import { SandboxBank } from "./sandbox/SandboxBank.ts"
import { SandboxGateway } from "./sandbox/SandboxGateway.ts"
import { StripeGateway } from "./stripe/StripeGateway.ts"
import { StripeSignature } from "./stripe/StripeSignature.ts"
import { StripeWebhookLayer } from "./stripe/StripeWebhook.ts"

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

/** Stripe's key or its webhook secret is missing where real money is expected; `message` says what to set. */
export class GatewayMissing extends Schema.TaggedError<GatewayMissing>()("GatewayMissing", {
  message: Schema.String
}) {}

/** The gateway that the environment chooses: never the sandbox by accident where a database server is configured. */
export const chosenGateway = Effect.gen(function* () {
  const stripeKey = yield* Config.option(Config.Redacted("STRIPE_SECRET_KEY"))
  const wish = yield* Config.option(Config.Literals(["stripe", "sandbox"], "PAYMENTS"))
  const secret = yield* Config.option(Config.Redacted("STRIPE_WEBHOOK_SECRET"))
  const stripes = Option.isSome(wish) ? wish.value === "stripe" : Option.isSome(stripeKey)
  if (stripes && Option.isNone(stripeKey)) {
    return yield* new GatewayMissing({ message: "PAYMENTS is stripe: set STRIPE_SECRET_KEY too." })
  }
  if (Option.isSome(stripeKey) && Option.isNone(secret)) {
    return yield* new GatewayMissing({
      message:
        "STRIPE_SECRET_KEY is set: set STRIPE_WEBHOOK_SECRET too, without it no payment is ever decided."
    })
  }
  if (stripes) return "stripe"
  if (Option.isSome(wish)) return wish.value
  if (Option.isNone(yield* Database.url)) return "sandbox"
  return yield* new GatewayMissing({
    message:
      "Set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, or PAYMENTS=sandbox to play with payments that cost nothing."
  })
})

/**
 * The routes over the gateway that `PAYMENTS` names: Stripe when `STRIPE_SECRET_KEY` is set, the sandbox without a
 * database server. A key-value store, a persisted queue, the services' transport and what `ServiceAuth` needs are
 * left open.
 */
export const PaymentServerLayer = Layer.unwrap(
  Effect.map(chosenGateway, (gateway) =>
    (gateway === "stripe" ? stripe : sandbox).pipe(
      Layer.provide(PaymentLedger.layer),
      Layer.provide(StripeSignature.layer)
    ))
)
