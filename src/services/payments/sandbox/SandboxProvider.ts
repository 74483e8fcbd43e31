/** The sandbox as a provider: it needs no settings, and its webhooks are Stripe's, sent to Stripe's own route. */
import { Effect, Layer } from "effect"
import type { Provider } from "../contract/Provider.ts"
import { StripeSignature } from "../stripe/StripeSignature.ts"
import { StripeRoutesLayer } from "../stripe/StripeWebhook.ts"
import { SandboxRoutesLayer } from "./SandboxApi.ts"
import { SandboxBank } from "./SandboxBank.ts"
import { SandboxGateway } from "./SandboxGateway.ts"

/** One bank, which the gateway and the routes share. */
const bank = Layer.provideMerge(SandboxBank.layer, StripeSignature.layerSandbox)

export const sandboxProvider: Provider = {
  settings: ["PAYMENTS"],
  isConfigured: Effect.succeed(true),
  gateway: Layer.provide(SandboxGateway.layer, bank),
  routes: Layer.provide(Layer.merge(StripeRoutesLayer, SandboxRoutesLayer), bank)
}
