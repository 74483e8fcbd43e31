/** Whether Stripe sends us what decides a payment: the events that our webhook endpoint is subscribed to. */
import { Config, Effect, Option, Redacted, Schema } from "effect"
import Stripe from "stripe"
import type { StripeOptions } from "./StripeGateway.ts"
import { stripeEvents } from "./StripeTranslation.ts"

/** Every type of Stripe's that means something here; the older name of a refund's update is sent beside the newer one. */
export const neededEvents: ReadonlyArray<string> = [...new Set(Object.values(stripeEvents).flat())]
  .filter((type) => type !== "charge.refund.updated")

/** An endpoint is missing, or is not sent all that it needs; `message` says what to do. */
export class NotSubscribed
  extends Schema.TaggedError<NotSubscribed>()("NotSubscribed", { message: Schema.String }) {}

type Endpoint = Pick<Stripe.WebhookEndpoint, "enabled_events" | "status" | "url">

/** Where our route is, whatever stands before it. */
const isOurs = ({ status, url }: Endpoint): boolean =>
  status === "enabled" && new URL(url).pathname.endsWith("/api/webhooks/stripe")

/** What no endpoint of ours is subscribed to; undefined when there is no endpoint of ours. */
export const missingEvents = (endpoints: ReadonlyArray<Endpoint>): ReadonlyArray<string> | undefined => {
  const ours = endpoints.filter(isOurs)
  if (ours.length === 0) return undefined
  const sent = new Set(ours.flatMap(({ enabled_events }) => enabled_events))
  return sent.has("*") ? [] : neededEvents.filter((type) => !sent.has(type))
}

/** Asks Stripe. A key that may not read endpoints is told of. */
export const checkSubscription = Effect.fn("StripeSubscription.check")(function* (
  { secretKey, ...server }: Pick<StripeOptions, "secretKey" | "host" | "port" | "protocol">
) {
  const { host, port, protocol } = server
  const stripe = new Stripe(Redacted.value(secretKey), {
    httpClient: Stripe.createFetchHttpClient(),
    maxNetworkRetries: 1,
    timeout: 5_000,
    telemetry: false,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(protocol === undefined ? {} : { protocol })
  })
  const { data } = yield* Effect.tryPromise({
    try: () => stripe.webhookEndpoints.list({ limit: 100 }),
    catch: (error) =>
      new NotSubscribed({
        message: `Stripe does not say which events it sends (${
          error instanceof Stripe.errors.StripeError ? error.code ?? error.type : "network"
        }): see in its dashboard whether the endpoint is subscribed to ${neededEvents.join(", ")}.`
      })
  })
  const missing = missingEvents(data)
  if (missing === undefined) {
    return yield* new NotSubscribed({
      message:
        "No enabled webhook endpoint of Stripe ends in /api/webhooks/stripe: no payment is ever decided."
    })
  }
  if (missing.length === 0) return
  return yield* new NotSubscribed({
    message: `Subscribe Stripe's webhook endpoint to ${missing.join(", ")} too.`
  })
})

/** The question, where a key of Stripe's is set. */
export const subscription = Effect.map(
  Config.option(Config.Redacted("STRIPE_SECRET_KEY")),
  Option.map((secretKey) => checkSubscription({ secretKey }))
)
