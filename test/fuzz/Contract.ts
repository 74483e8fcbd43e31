/** Every route of the core and its four services, as their contracts say: a new route is in it by itself. */
import { Context, Schema } from "effect"
import { HttpApi, type HttpApiGroup } from "effect/http-api"
import { Api } from "../../src/api/Api.ts"
import { NotificationApi } from "../../src/services/notifications/NotificationApi.ts"
import { PaymentApi } from "../../src/services/payments/contract/PaymentApi.ts"
import { SandboxApi } from "../../src/services/payments/sandbox/SandboxApi.ts"
import { StripeEvent, StripeObject } from "../../src/services/payments/stripe/StripeEvent.ts"
import { StripeApi } from "../../src/services/payments/stripe/StripeWebhook.ts"
import { ScanApi } from "../../src/services/scans/ScanApi.ts"
import { TicketApi } from "../../src/services/generator/TicketApi.ts"
import { AllowedServices } from "../../src/trust/CallingService.ts"
import type { ServiceName } from "../../src/trust/ServiceName.ts"
import { stripeSignatureHeader } from "../../src/trust/StripeHeader.ts"
import { ticketSignatureHeader } from "../../src/trust/WebhookSignatures.ts"
import { serviceSignatureHeader } from "../../src/trust/ServiceSignature.ts"
import type { Part } from "../support/Served.ts"

/** Who may ask it: a client with a token, a service that signs in the header of a scheme, Stripe, or anybody. */
export type Sender =
  | { readonly kind: "token" | "stripe" | "anybody" }
  | { readonly kind: "service"; readonly name: ServiceName; readonly header: string }

/** A route; schemas are those of what is sent, where something is. */
export interface Route {
  readonly name: string
  readonly part: Part
  readonly method: string
  readonly path: string
  readonly sender: Sender
  readonly params: Schema.Top | undefined
  readonly query: Schema.Top | undefined
  readonly payload: Schema.Top | undefined
  readonly contentType: string
}

const senderOf = (keys: ReadonlyArray<string>, annotations: Context.Context<never>): Sender => {
  const has = (name: string) => keys.some((key) => key.endsWith(`/${name}`))
  if (has("Authorization")) return { kind: "token" }
  if (has("PaymentWebhookAuth")) {
    return { kind: "service", name: "payment-service", header: stripeSignatureHeader }
  }
  if (has("TicketWebhookAuth")) {
    return { kind: "service", name: "ticket-generator-service", header: ticketSignatureHeader }
  }
  if (!has("ServiceAuth")) return { kind: "anybody" }
  const allowed = Context.getOrUndefined(annotations as Context.Context<AllowedServices>, AllowedServices)
  return { kind: "service", name: allowed?.[0] ?? "event-planner-core", header: serviceSignatureHeader }
}

const routesOf = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  part: Part,
  api: HttpApi.HttpApi<Id, Groups>
): ReadonlyArray<Route> => {
  const routes: Array<Route> = []
  HttpApi.reflect(api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, mergedAnnotations, middleware }) => {
      const [body] = endpoint.payload
      routes.push({
        name: `${part} ${endpoint.method} ${endpoint.path}`,
        part,
        method: endpoint.method,
        path: endpoint.path,
        sender: senderOf([...middleware].map(({ key }) => key), mergedAnnotations),
        params: endpoint.params,
        query: endpoint.query,
        payload: body?.[1].schemas[0],
        contentType: body?.[0] ?? "application/json"
      })
    }
  })
  return routes
}

/** All of them. */
export const routes: ReadonlyArray<Route> = [
  ...routesOf("core", Api),
  ...routesOf("notifications", NotificationApi),
  ...routesOf("payments", PaymentApi),
  ...routesOf("payments", SandboxApi),
  // What Stripe's route reads of a body that is proved is in no contract: its handler takes the bytes.
  ...routesOf("payments", StripeApi).map((route): Route => ({
    ...route,
    sender: { kind: "stripe" },
    payload: Schema.Struct({ ...StripeEvent.fields, data: Schema.Struct({ object: StripeObject }) })
  })),
  ...routesOf("tickets", TicketApi),
  ...routesOf("scans", ScanApi)
]
