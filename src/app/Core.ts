/** The core: entities on the cluster, and the routes that speak to them. */
import { Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import { HttpApiBuilder, HttpApiScalar } from "effect/http-api"
import { EntitiesLayer } from "../../entities/Entities.ts"
import * as Cluster from "../Cluster.ts"
import { FlowKeeperLayer } from "../flows/FlowKeeper.ts"
import { LiveGate } from "../gate/LiveGate.ts"
import { Operators } from "../gate/Operators.ts"
import { Turnstiles } from "../gate/Turnstiles.ts"
import { Api } from "../http/Api.ts"
import { Authorization } from "../http/Authorization.ts"
import * as FilesRoutes from "../http/FilesRoutes.ts"
import { EventsHttpLayer } from "../http/handlers/EventsHttp.ts"
import { FlowsHttpLayer } from "../http/handlers/FlowsHttp.ts"
import { GateHttpLayer } from "../http/handlers/GateHttp.ts"
import { JournalHttpLayer } from "../http/handlers/JournalHttp.ts"
import { InternalHttpLayer, ScansHttpLayer } from "../http/handlers/ScansHttp.ts"
import { OrdersHttpLayer } from "../http/handlers/OrdersHttp.ts"
import { TemplatesHttpLayer } from "../http/handlers/TemplatesHttp.ts"
import { OfflineHttpLayer } from "../http/handlers/OfflineHttp.ts"
import { SequencesHttpLayer } from "../http/handlers/SequencesHttp.ts"
import { TicketsHttpLayer } from "../http/handlers/TicketsHttp.ts"
import { TokensHttpLayer } from "../http/handlers/TokensHttp.ts"
import { PaymentWebhooksHttpLayer, TicketWebhooksHttpLayer } from "../http/handlers/WebhooksHttp.ts"
import { SequenceKeeperLayer } from "../sequences/SequenceKeeper.ts"
import * as ScanLane from "../http/ScanLane.ts"
import { Idempotency } from "../http/Idempotency.ts"
import { ProblemMiddleware } from "../http/ProblemMiddleware.ts"
import { PaymentWebhookAuth, TicketWebhookAuth } from "../http/WebhookSignatures.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { Triggers } from "../notifications/Triggers.ts"
import { PaymentAnnouncerLayer } from "../payments/PaymentAnnouncer.ts"
import { NotificationClient } from "../services/notifications/NotificationClient.ts"
import { InvoiceFiles } from "../services/payments/InvoiceFiles.ts"
import { PaymentClient } from "../services/payments/PaymentClient.ts"
import { ServiceAuth } from "../services/ServiceAuth.ts"
import { ServiceTransport } from "../services/ServiceClients.ts"
import { OrderPrinter } from "../services/tickets/OrderPrinter.ts"
import { TicketClient } from "../services/tickets/TicketClient.ts"
import { JobAnnouncerLayer } from "../tickets/JobAnnouncer.ts"
import { JobKeeperLayer } from "../tickets/JobKeeper.ts"
import { HousekeepingLayer } from "./Housekeeping.ts"

const notificationsLayer = NotificationClient.layer.pipe(
  Layer.provide(Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      ServiceTransport,
      (transport) => transport.client("notifications", { as: "event-planner-core" })
    )
  ))
)

const clientsLayer = Layer.mergeAll(notificationsLayer, PaymentClient.layer, TicketClient.layer)

/** What the entities call: clients, listeners, the notifier. */
const collaboratorsLayer = Layer.mergeAll(JobAnnouncerLayer, PaymentAnnouncerLayer, InvoiceFiles.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(Triggers.layer, Notifier.layer)),
  Layer.provideMerge(clientsLayer)
)

/** Entities, workflows and the keepers, with the cluster they run on. */
export const CoreEntitiesLayer = Layer.mergeAll(
  EntitiesLayer,
  FlowKeeperLayer,
  JobKeeperLayer,
  SequenceKeeperLayer,
  HousekeepingLayer
).pipe(
  Layer.provideMerge(collaboratorsLayer),
  Layer.provideMerge(Cluster.layer)
)

const gateLayer = Layer.merge(Operators.layer, Turnstiles.layer)

const handlersLayer = Layer.mergeAll(
  EventsHttpLayer,
  FlowsHttpLayer,
  GateHttpLayer,
  InternalHttpLayer,
  JournalHttpLayer,
  OfflineHttpLayer,
  Layer.merge(OrdersHttpLayer, TicketsHttpLayer).pipe(Layer.provide(OrderPrinter.layer)),
  PaymentWebhooksHttpLayer,
  ScansHttpLayer,
  SequencesHttpLayer,
  TemplatesHttpLayer,
  TicketWebhooksHttpLayer,
  TokensHttpLayer
).pipe(Layer.provide([
  Authorization.layer,
  Idempotency.layer,
  PaymentWebhookAuth.layer,
  ProblemMiddleware.layer,
  ServiceAuth.layer,
  TicketWebhookAuth.layer,
  LiveGate.layer,
  gateLayer
]))

/** The core's routes: the contract, its documentation, files and keys. */
export const CoreRoutesLayer = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(Layer.provide(handlersLayer)),
  HttpApiScalar.layer(Api, { path: "/docs" }),
  ScanLane.layer.pipe(Layer.provide(Turnstiles.layer)),
  FilesRoutes.filesLayer,
  FilesRoutes.keysLayer
)
