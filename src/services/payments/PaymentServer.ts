/** The payment service: its routes, and the provider that the environment chooses. */
import { Config, Effect, Layer, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { PaymentMethod, PaymentProvider } from "../../../rpc/payments/PaymentProvider.ts"
import * as Database from "../../database/Database.ts"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { ServiceAuth } from "../../trust/ServiceAuth.ts"
import { PaymentApi } from "./contract/PaymentApi.ts"
import { PaymentLedger } from "./contract/PaymentLedger.ts"
import { GatewayMissing, type Provider } from "./contract/Provider.ts"
import { PaymentHandlersLayer } from "./PaymentHandlers.ts"
import { sandboxProvider } from "./sandbox/SandboxProvider.ts"
import { stripeProvider } from "./stripe/StripeProvider.ts"

/** Every provider that the service can be started with. */
const providers: Readonly<Record<PaymentProvider, Provider>> = {
  stripe: stripeProvider,
  sandbox: sandboxProvider
}

/** The contract's routes over any gateway. */
export const PaymentRoutesLayer = HttpApiBuilder.layer(PaymentApi).pipe(
  Layer.provide(PaymentHandlersLayer),
  Layer.provide([ProblemMiddleware.layer, ServiceAuth.layer])
)

/**
 * The provider that `PAYMENTS` names, else the one whose settings are there: never the sandbox by accident where a
 * database server is configured.
 */
export const chosenProvider = Effect.gen(function* () {
  const named = yield* Config.option(Config.Literals(PaymentProvider.literals, "PAYMENTS"))
  const configured = yield* Effect.filter(PaymentMethod.literals, (name) => providers[name].isConfigured)
  if (Option.isSome(named)) {
    const { isConfigured, settings: [setting] } = providers[named.value]
    if (yield* isConfigured) return named.value
    return yield* new GatewayMissing({ message: `PAYMENTS is ${named.value}: set ${setting} too.` })
  }
  if (configured[0] !== undefined) return configured[0]
  if (Option.isNone(yield* Database.url)) return "sandbox"
  const settings = PaymentMethod.literals.map((name) => providers[name].settings.join(" and "))
  return yield* new GatewayMissing({
    message: `Set ${settings.join(", or ")}, or PAYMENTS=sandbox to play with payments that cost nothing.`
  })
})

/**
 * The routes over the chosen provider, and that provider's own. A key-value store, a persisted queue, the services'
 * transport and what `ServiceAuth` needs are left open.
 */
export const PaymentServerLayer = Layer.unwrap(
  Effect.map(chosenProvider, (name) =>
    Layer.merge(PaymentRoutesLayer, providers[name].routes).pipe(
      Layer.provide(providers[name].gateway),
      Layer.provide(PaymentLedger.layer)
    ))
)
