/** The public contract of the core: everything that clients, scanners and services can ask of it. */
import { OpenApi } from "effect/http-api"
import { CancellationsGroup } from "./events/CancellationsApi.ts"
import { EventsGroup } from "./events/EventsApi.ts"
import { FlowsGroup } from "./flows/FlowsApi.ts"
import { GateGroup } from "./gate/GateApi.ts"
import { JournalGroup } from "./gate/JournalApi.ts"
import { OfflineGroup } from "./gate/OfflineApi.ts"
import { OrdersGroup } from "./tickets/OrdersApi.ts"
import { InternalGroup, ScansGroup } from "./gate/ScansApi.ts"
import { MessagesGroup } from "./notifications/MessagesApi.ts"
import { PaymentsGroup } from "./payments/PaymentsApi.ts"
import { SupervisionGroup } from "./gate/SupervisionApi.ts"
import { ScanStreamGroup } from "./gate/ScanStreamApi.ts"
import { SequencesGroup } from "./notifications/SequencesApi.ts"
import { signatureSchemes } from "./rules/SignedDocs.ts"
import { TemplatesGroup } from "./tickets/TemplatesApi.ts"
import { TicketsGroup } from "./tickets/TicketsApi.ts"
import { AuditGroup } from "./flows/AuditApi.ts"
import { TokensGroup } from "./tokens/TokensApi.ts"
import { FeedbackGroup } from "./webhooks/FeedbackApi.ts"
import { PaymentWebhooksGroup, TicketWebhooksGroup } from "./webhooks/WebhooksApi.ts"
import { emptyApi, prefix } from "./rules/CoreApi.ts"

export class Api extends emptyApi
  .add(FlowsGroup)
  .add(SequencesGroup)
  .add(MessagesGroup)
  .add(TicketsGroup)
  .add(OrdersGroup)
  .add(TemplatesGroup)
  .add(EventsGroup)
  .add(CancellationsGroup)
  .add(PaymentsGroup)
  .add(GateGroup)
  .add(ScansGroup)
  .add(ScanStreamGroup)
  .add(OfflineGroup)
  .add(JournalGroup)
  .add(SupervisionGroup)
  .add(AuditGroup)
  .add(TokensGroup)
  .add(InternalGroup)
  .add(PaymentWebhooksGroup)
  .add(TicketWebhooksGroup)
  .add(FeedbackGroup)
  .prefix(prefix)
  .annotateMerge(signatureSchemes)
  .annotateMerge(OpenApi.annotations({
    title: "Guichet",
    version: "0.1.0",
    description:
      "The orchestration core of an event-ticketing platform. Event numbers are an organiser's own: two organisers may " +
      "have an event 1. An admin who sends `X-Organizer: <name>` (percent-encoded UTF-8 where it is not ASCII) acts " +
      "for that organiser, in what it makes and in what it sees; without it, an event number means the only event of " +
      "that number, and is refused where several organisers have one.",
    license: { name: "MIT", identifier: "MIT" },
    servers: [{ url: "/", description: "This installation" }]
  })) {}
