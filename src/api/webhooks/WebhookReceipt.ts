/** What of a payment event is taken: stored, in its payment's mailbox, then answered; a repeat gets its first answer. */
import { Effect, Schema } from "effect"
import { Payment } from "../../../rpc/Payment.ts"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { fromCluster, type Unavailable } from "../../http/Problems.ts"
import { isPaymentEvent } from "../../store/payments/PaymentDecisions.ts"
import { type Delivery, WebhookStore } from "../../store/WebhookStore.ts"
import { Received } from "./WebhooksApi.ts"

/** The headers of a request, as text. */
type Headers = Readonly<Record<string, string | undefined>>

const kept = ["x-service-name", "x-request-id", "x-timestamp"] as const

const decodeAnswer = Schema.decodeUnknownOption(Received)
const encodePayment = Schema.encodeEffect(Schema.toCodecJson(PaymentWebhook))

/**
 * Stores a delivery, sends its message, and keeps the answer, which calls the delivery what its sender calls it; nothing
 * is answered before it is durable.
 */
export const receive = Effect.fn("WebhooksHttp.receive")(function* <R>(
  delivery: Omit<Delivery, "headers">,
  headers: Headers,
  send: Effect.Effect<Received["outcome"], Unavailable, R>,
  called = delivery.webhookId
) {
  const deliveries = yield* WebhookStore
  const { answer } = yield* deliveries.receive({
    ...delivery,
    headers: Object.fromEntries(kept.map((name) => [name, headers[name] ?? ""]))
  })
  const first = decodeAnswer(answer)
  if (first._tag === "Some") return first.value
  const received: Received = { received: true, webhook_id: called, outcome: yield* send }
  yield* deliveries.answered(delivery.source, delivery.webhookId, received)
  return received
})

/** Flow 2. */
export const receivePayment = Effect.fnUntraced(function* (webhook: PaymentWebhook, headers: Headers) {
  const body = yield* Effect.orDie(encodePayment(webhook))
  const send = Effect.gen(function* () {
    if (!isPaymentEvent(webhook.event_type)) return "ignored"
    yield* fromCluster((yield* Payment.client)(webhook.payment_id).ApplyEvent({ webhook }, { discard: true }))
    return "queued"
  })
  return yield* receive(
    { source: "payment", webhookId: webhook.webhook_id, eventType: webhook.event_type, body },
    headers,
    send
  )
})
