/**
 * Stripe's webhook: verified, translated, and handed on to the core; Stripe hears 2xx only once the core has
 * it.
 */
import { Effect, Layer, Option, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { createHash } from "node:crypto"
import { ServiceRefused, Unavailable } from "../../../http/Problems.ts"
import { ProblemMiddleware } from "../../../http/ProblemMiddleware.ts"
import * as UnprovedBodies from "../../../trust/UnprovedBodies.ts"
import { isOurs, type NotOurEvent, toBody } from "./StripeTranslation.ts"
import { StripeEvent } from "./StripeEvent.ts"
import { report } from "../contract/CoreReport.ts"
import { PaymentLedger } from "../contract/PaymentLedger.ts"
import { StripeSignature } from "./StripeSignature.ts"

/**
 * What Stripe sends, believed by its signature over the raw body; 5xx until the core has it, so that Stripe
 * retries.
 */
class StripeGroup extends HttpApiGroup.make("webhooks").add(
  HttpApiEndpoint.post("stripe", "/webhooks/stripe", {
    success: Schema.Struct({ received: Schema.Literal(true) }),
    error: [ServiceRefused, Unavailable]
  })
).middleware(ProblemMiddleware) {}

/** Stripe's route alone; its body is verified as it is, before anything is read of it. */
export class StripeApi extends HttpApi.make("payment-stripe").add(StripeGroup).prefix("/api") {}

const received = { received: true } as const

const refused = new ServiceRefused({ detail: "Sign the raw body under the secret of this webhook endpoint." })

const later = new Unavailable({
  detail: "The core has not taken this event: send it again.",
  retry_after: 10
})

/** What is not for us is answered 2xx, since it would say nothing else the next time; what may be meant for us is kept. */
const setAside = Effect.fn("StripeWebhook.setAside")(function* (
  why: NotOurEvent["why"],
  id: string,
  event: StripeEvent | undefined
) {
  const said = { why, event: id, type: event?.type }
  if (why === "no_payment") return yield* Effect.logWarning("An event of Stripe is about someone else", said)
  yield* Effect.logError("An event of Stripe decides nothing here", said)
  yield* (yield* PaymentLedger).setAside(id, {
    why,
    type: event?.type ?? null,
    created: event?.created ?? null
  })
})

const take = Effect.fn("StripeWebhook.take")(function* (event: StripeEvent) {
  if (!isOurs(event.type)) return
  yield* toBody(event).pipe(
    Effect.flatMap((body) => body === undefined ? Effect.void : report(event.id, body)),
    Effect.catchTags({
      NotReported: () => Effect.fail(later),
      NotOurEvent: ({ why }) => setAside(why, event.id, event),
      GatewayError: ({ reason }) =>
        Effect.andThen(
          Effect.logWarning("Stripe does not say yet whose intent an event is about", {
            reason,
            event: event.id
          }),
          Effect.fail(later)
        )
    })
  )
})

const decodeEvent = Schema.decodeUnknownOption(StripeEvent)

/** The name under which an event is kept that has no id of Stripe's. */
const digestOf = (raw: Uint8Array): string => createHash("sha256").update(raw).digest("hex")

const handlers = HttpApiBuilder.group(
  StripeApi,
  "webhooks",
  Effect.fn(function* (handlers) {
    const signature = yield* StripeSignature
    return handlers.handle("stripe", () =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const raw = yield* UnprovedBodies.read(request)
        const json = yield* Effect.mapError(
          signature.verify(raw, request.headers["stripe-signature"] ?? ""),
          () => refused
        )
        const event = decodeEvent(json)
        yield* Option.isSome(event) ? take(event.value) : setAside("unreadable", digestOf(raw), undefined)
        return received
      }))
  })
)

/** `POST /api/webhooks/stripe`. */
export const StripeRoutesLayer = HttpApiBuilder.layer(StripeApi).pipe(
  Layer.provide(handlers),
  Layer.provide(ProblemMiddleware.layer)
)
