/** What the payment service must know of a provider; each provider has one such value in its own folder. */
import { type Config, type Effect, type Layer, Schema } from "effect"
import type { HttpRouter } from "effect/http"
import type { HttpApiBuilder } from "effect/http-api"
import type { KeyValueStore, PersistedQueue } from "effect/persistence"
import type { ServiceRequestStore } from "../../../trust/ServiceRequestStore.ts"
import type { ServiceSecrets } from "../../../trust/ServiceSecrets.ts"
import type { ServiceTransport } from "../../../trust/ServiceTransport.ts"
import type { PaymentGateway } from "./PaymentGateway.ts"
import type { PaymentLedger } from "./PaymentLedger.ts"

/** A provider's settings are missing where real money is expected; `message` says what to set. */
export class GatewayMissing extends Schema.TaggedError<GatewayMissing>()("GatewayMissing", {
  message: Schema.String
}) {}

/** What the service has ready for whichever provider it serves. */
type Needs =
  | KeyValueStore.KeyValueStore
  | PaymentLedger
  | PersistedQueue.PersistedQueueFactory
  | ServiceRequestStore
  | ServiceSecrets
  | ServiceTransport

/** What its routes may need besides: the server that they are added to, and the gateway. */
type RouteNeeds =
  | Needs
  | PaymentGateway
  | HttpRouter.HttpRouter
  | HttpRouter.Request.From<"Requires", Needs | PaymentGateway>
  | Layer.Services<ReturnType<typeof HttpApiBuilder.layer<string, never>>>

export interface Provider {
  /** The variables that it cannot do without, the one that chooses it first. */
  readonly settings: readonly [string, ...ReadonlyArray<string>]
  /** Whether the environment has them all; a part of them alone is an error that says what is missing. */
  readonly isConfigured: Effect.Effect<boolean, GatewayMissing | Config.ConfigError>
  readonly gateway: Layer.Layer<PaymentGateway, Config.ConfigError, Needs>
  /** Routes of its own: where its webhooks arrive. */
  readonly routes: Layer.Layer<never, Config.ConfigError, RouteNeeds>
}
