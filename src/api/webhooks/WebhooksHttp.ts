/** Answers for the webhooks: verified, stored, in the mailbox, then 2xx; a repeat gets its first answer again. */
import { Effect, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Payment } from "../../../rpc/Payment.ts"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { Ticket } from "../../../rpc/Ticket.ts"
import { TicketJob } from "../../../rpc/TicketJob.ts"
import { isPaymentEvent } from "../../store/payments/PaymentDecisions.ts"
import { type Delivery, WebhookStore } from "../../store/WebhookStore.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { PaymentWebhooksGroup, Received, TicketWebhooksGroup } from "./WebhooksApi.ts"
import { fromCluster, type Unavailable } from "../../http/Problems.ts"
import { TicketWebhook, toMessage, webhookIdOf } from "../../../rpc/TicketWebhookBodies.ts"

const kept = ["x-service-name", "x-request-id", "x-timestamp"] as const

const decodeAnswer = Schema.decodeUnknownOption(Received)
const encodePayment = Schema.encodeEffect(Schema.toCodecJson(PaymentWebhook))
const encodeTicket = Schema.encodeEffect(Schema.toCodecJson(TicketWebhook))

/**
 * Stores a delivery, sends its message, and keeps the answer, which calls the delivery what its sender calls it; nothing
 * is answered before it is durable.
 */
const receive = Effect.fn("WebhooksHttp.receive")(function* <R>(
  delivery: Omit<Delivery, "headers">,
  send: Effect.Effect<Received["outcome"], Unavailable, R>,
  called = delivery.webhookId
) {
  const deliveries = yield* WebhookStore
  const { headers } = yield* HttpServerRequest.HttpServerRequest
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

const paid = Effect.fnUntraced(function* (webhook: PaymentWebhook) {
  const body = yield* Effect.orDie(encodePayment(webhook))
  const send = Effect.gen(function* () {
    if (!isPaymentEvent(webhook.event_type)) return "ignored"
    yield* fromCluster((yield* Payment.client)(webhook.payment_id).ApplyEvent({ webhook }, { discard: true }))
    return "queued"
  })
  return yield* receive(
    { source: "payment", webhookId: webhook.webhook_id, eventType: webhook.event_type, body },
    send
  )
})

const generated = Effect.fnUntraced(function* (webhook: TicketWebhook) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const requestId = request.headers["x-request-id"] ?? ""
  const body = yield* Effect.orDie(encodeTicket(webhook))
  const webhookId = webhookIdOf(webhook, requestId, new Uint8Array(yield* Effect.orDie(request.arrayBuffer)))
  const message = toMessage(webhook, webhookId)
  const send = Effect.gen(function* () {
    if (message._tag === "Ignored") return "ignored"
    yield* fromCluster(
      message._tag === "BatchGenerated"
        ? (yield* TicketJob.client)(message.jobId).BatchGenerated(message.payload, { discard: true })
        : (yield* Ticket.client)(String(message.ticketId)).Generated(message.payload, { discard: true })
    )
    return "queued"
  })
  return yield* receive(
    { source: "ticket", webhookId, eventType: webhook.event_type, body },
    send,
    message._tag === "BatchGenerated" ? webhookId : requestId
  )
})

type Needs = WebhookStore | Effect.Services<typeof Payment.client>

export const PaymentWebhooksHttpLayer = HttpApiBuilder.group(
  apiOf(PaymentWebhooksGroup),
  "paymentWebhooks",
  Effect.fn(function* (handlers) {
    const services = yield* Effect.context<Needs>()
    return handlers.handleAll({ receive: ({ payload }) => Effect.provideContext(paid(payload), services) })
  })
)

export const TicketWebhooksHttpLayer = HttpApiBuilder.group(
  apiOf(TicketWebhooksGroup),
  "ticketWebhooks",
  Effect.fn(function* (handlers) {
    const services = yield* Effect.context<Needs>()
    return handlers.handleAll({
      receive: ({ payload }) => Effect.provideContext(generated(payload), services)
    })
  })
)
