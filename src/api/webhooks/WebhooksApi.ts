/** Flows 2 and 4: what the payment service and the ticket generator report, answered once it is durable. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { Conflict, NotFound, Unavailable } from "../../http/Problems.ts"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { TicketWebhook } from "../../../rpc/TicketWebhookBodies.ts"
import { PaymentWebhookAuth, TicketWebhookAuth } from "../../trust/WebhookSignatures.ts"
import { paymentWebhooks, signedBy, ticketWebhooks } from "../rules/SignedDocs.ts"

/** `ignored` is said of event types that mean nothing here: they are kept all the same. */
export const Received = Schema.Struct({
  received: Schema.Literal(true),
  webhook_id: Schema.String,
  outcome: Schema.Literals(["queued", "ignored"])
})
export type Received = typeof Received.Type

export class PaymentWebhooksGroup extends HttpApiGroup.make("paymentWebhooks").add(
  HttpApiEndpoint.post("receive", "/payment-webhook-routes", {
    payload: PaymentWebhook,
    success: Received,
    error: [Conflict, Unavailable]
  }).annotateMerge(OpenApi.annotations({ summary: "An event of the payment service" }))
)
  .middleware(ProblemMiddleware)
  .middleware(PaymentWebhookAuth)
  .annotateEndpointsMerge(signedBy("paymentSignature"))
  .annotateMerge(OpenApi.annotations({ title: "Payment webhooks", description: paymentWebhooks })) {}

export class TicketWebhooksGroup extends HttpApiGroup.make("ticketWebhooks").add(
  HttpApiEndpoint.post("receive", "/ticket-webhook-routes", {
    payload: TicketWebhook,
    success: Received,
    error: [NotFound, Unavailable]
  }).annotateMerge(
    OpenApi.annotations({
      summary: "An event of the ticket generator",
      description:
        "A batch is known by its `webhook_id`, any other body by its X-Request-ID and its bytes together: several " +
        "tickets may be reported under one X-Request-ID. A single ticket is the one of its `ticket_id`, whatever event " +
        "and guest are named beside it; of a batch, the tickets of its job are taken, others are logged. Unless `notification_sent` is true, the first " +
        "`ticket.generated` of a ticket sends its guest one `ticket_generated` e-mail, where neither a notification " +
        "sequence nor the complete flow of the ticket speaks for it. A batch sends none."
    })
  )
)
  .middleware(ProblemMiddleware)
  .middleware(TicketWebhookAuth)
  .annotateEndpointsMerge(signedBy("ticketSignature"))
  .annotateMerge(OpenApi.annotations({ title: "Ticket webhooks", description: ticketWebhooks })) {}
