/** Answers for the webhooks: verified, stored, in the mailbox, then 2xx; a repeat gets its first answer again. */
import { Effect, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { Payment } from "../../../rpc/Payment.ts"
import type { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { Ticket } from "../../../rpc/Ticket.ts"
import { TicketJob } from "../../../rpc/TicketJob.ts"
import type { WebhookStore } from "../../store/WebhookStore.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { receive, receivePayment } from "./WebhookReceipt.ts"
import { PaymentWebhooksGroup, TicketWebhooksGroup } from "./WebhooksApi.ts"
import { fromCluster } from "../../http/Problems.ts"
import { TicketWebhook, toMessage, webhookIdOf } from "../../../rpc/TicketWebhookBodies.ts"

const encodeTicket = Schema.encodeEffect(Schema.toCodecJson(TicketWebhook))

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
    request.headers,
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
    const paid = Effect.fnUntraced(function* (webhook: PaymentWebhook) {
      const { headers } = yield* HttpServerRequest.HttpServerRequest
      return yield* receivePayment(webhook, headers)
    })
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
