/** The public contract of the core: everything that clients, scanners and services can ask of it. */
import { HttpApi, OpenApi } from "effect/http-api"
import { EventsGroup } from "./api/EventsGroup.ts"
import { FlowsGroup } from "./api/FlowsGroup.ts"
import { GateGroup } from "./api/GateGroup.ts"
import { JournalGroup } from "./api/JournalGroup.ts"
import { OfflineGroup } from "./api/OfflineGroup.ts"
import { OrdersGroup } from "./api/OrdersGroup.ts"
import { InternalGroup, ScansGroup } from "./api/ScansGroup.ts"
import { SequencesGroup } from "./api/SequencesGroup.ts"
import { signatureSchemes } from "./api/Signed.ts"
import { TemplatesGroup } from "./api/TemplatesGroup.ts"
import { TicketsGroup } from "./api/TicketsGroup.ts"
import { TokensGroup } from "./api/TokensGroup.ts"
import { PaymentWebhooksGroup, TicketWebhooksGroup } from "./api/WebhooksGroup.ts"
import { parseOptions } from "./ProblemMiddleware.ts"

export class Api extends HttpApi.make("guichet")
  .add(FlowsGroup)
  .add(SequencesGroup)
  .add(TicketsGroup)
  .add(OrdersGroup)
  .add(TemplatesGroup)
  .add(EventsGroup)
  .add(GateGroup)
  .add(ScansGroup)
  .add(OfflineGroup)
  .add(JournalGroup)
  .add(TokensGroup)
  .add(InternalGroup)
  .add(PaymentWebhooksGroup)
  .add(TicketWebhooksGroup)
  .prefix("/api")
  .annotate(HttpApi.ParseOptions, parseOptions)
  .annotateMerge(signatureSchemes)
  .annotateMerge(OpenApi.annotations({
    title: "Guichet",
    version: "0.1.0",
    description: "The orchestration core of an event-ticketing platform.",
    license: { name: "MIT", identifier: "MIT" },
    servers: [{ url: "/", description: "This installation" }]
  })) {}
