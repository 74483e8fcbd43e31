/** Stripe as a provider: chosen by its key, and decided by its webhooks, so that one is not without the other's secret. */
import { Config, Effect, Layer, Option } from "effect"
import { GatewayMissing, type Provider } from "../contract/Provider.ts"
import { StripeGateway } from "./StripeGateway.ts"
import { StripeSignature } from "./StripeSignature.ts"
import { StripeRoutesLayer } from "./StripeWebhook.ts"

export const stripeProvider: Provider = {
  settings: ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"],
  isConfigured: Effect.gen(function* () {
    const key = yield* Config.option(Config.Redacted("STRIPE_SECRET_KEY"))
    const secret = yield* Config.option(Config.Redacted("STRIPE_WEBHOOK_SECRET"))
    if (Option.isNone(key)) return false
    if (Option.isSome(secret)) return true
    return yield* new GatewayMissing({
      message:
        "STRIPE_SECRET_KEY is set: set STRIPE_WEBHOOK_SECRET too, without it no payment is ever decided."
    })
  }),
  gateway: StripeGateway.layer,
  routes: Layer.provide(StripeRoutesLayer, StripeSignature.layer)
}
