/**
 * The fast path of flow 2's webhook. A signed event that is plain is verified, stored, handed on and answered here as the
 * contract's own handler would; whatever is wrong, long, late or traced goes the contract's way, which says why.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Option, Tracer } from "effect"
import type { Payment } from "../../../rpc/Payment.ts"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { type FastPath, FastPathRegistry, type Head, longestBody, open, text } from "../../FastPath.ts"
import { BegunAt, RequestDeadline } from "../../http/Deadline.ts"
import { requestIdFrom, requestIdHeader } from "../../http/RequestId.ts"
import type { WebhookStore } from "../../store/WebhookStore.ts"
import { ServiceSecrets } from "../../trust/ServiceSecrets.ts"
import { stripeSignatureHeader } from "../../trust/StripeHeader.ts"
import { isSignedPayment } from "../../trust/WebhookSignatures.ts"
import { plainBody } from "../rules/PlainBody.ts"
import { receivePayment } from "./WebhookReceipt.ts"
import type { Received } from "./WebhooksApi.ts"

const paths = new Set(["/api/payment-webhook-routes", "/api/payment-webhook-routes/"])

const isPlain = (head: Head): boolean =>
  head.method === "POST" && paths.has(head.url ?? "") &&
  Number(text(head, "content-length") ?? longestBody) < longestBody &&
  text(head, "content-type") === "application/json" && head.headers["content-encoding"] === undefined &&
  text(head, "x-service-name") === "payment-service" && text(head, stripeSignatureHeader) !== undefined

const decode = plainBody(PaymentWebhook)

/** In the order of the contract. */
const answerJson = ({ outcome, received, webhook_id }: Received): string =>
  JSON.stringify({ received, webhook_id, outcome })

type Needs = WebhookStore | Effect.Services<typeof Payment.client>

const make = Effect.gen(function* () {
  const secrets = yield* ServiceSecrets
  const clock = yield* Clock.Clock
  const deadline = Duration.toMillis(yield* RequestDeadline)
  const fork = Effect.runForkWith(yield* Effect.context<Needs>())

  const fastPath: FastPath = {
    takes: isPlain,
    answer: (head, body, reply) => {
      const started = clock.currentTimeMillisUnsafe()
      const given = text(head, requestIdHeader) ?? ""
      const headers = {
        "x-service-name": text(head, "x-service-name"),
        [requestIdHeader]: given,
        "x-timestamp": text(head, "x-timestamp")
      }
      const signature = text(head, stripeSignatureHeader) ?? ""
      const accepted = secrets.accepted("payment-service")
      if (
        given === "" || !isSignedPayment(signature, headers["x-timestamp"] ?? "", body, accepted, started)
      ) {
        return false
      }
      const webhook = decode(body)
      if (Option.isNone(webhook)) return false
      const requestId = requestIdFrom(given)
      const fiber = fork(Effect.withTracerEnabled(receivePayment(webhook.value, headers), false))
      const timer = setTimeout(() => fiber.interruptUnsafe(), deadline)
      fiber.addObserver((exit) => {
        clearTimeout(timer)
        if (Exit.isFailure(exit)) {
          return reply({ resume: requestId, context: Context.make(BegunAt, started) })
        }
        reply({
          status: 200,
          headers: {
            "content-type": "application/json",
            [requestIdHeader]: requestId,
            "x-content-type-options": "nosniff"
          },
          text: answerJson(exit.value)
        })
      })
      return true
    }
  }
  return fastPath
})

/** Opens the fast path for as long as the routes are there, unless requests are traced. */
export const layer: Layer.Layer<never, never, FastPathRegistry | Needs | ServiceSecrets> = Layer
  .effectDiscard(
    Effect.gen(function* () {
      if ((yield* Effect.tracer) === Tracer.nativeTracer) yield* open(yield* FastPathRegistry, yield* make)
    })
  )
