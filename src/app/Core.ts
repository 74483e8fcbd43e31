/** The core: entities on the cluster, and the routes that speak to them. */
import { Effect, Layer, Option } from "effect"
import { HttpClient } from "effect/http"
import { HttpApiBuilder, HttpApiScalar } from "effect/http-api"
import { EntitiesLayer } from "../../entities/Entities.ts"
import * as Cluster from "../cluster/Cluster.ts"
import { FlowKeeperLayer } from "../flows/FlowKeeper.ts"
import { LiveGate } from "../api/gate/LiveGate.ts"
import { Operators } from "../gate/Operators.ts"
import { UnreachedScans } from "../gate/Unreached.ts"
import { ScanBatcher } from "../api/gate/ScanBatcher.ts"
import { Api } from "../api/Api.ts"
import { Authorization } from "../api/rules/Authorization.ts"
import * as FilesRoutes from "../api/FilesRoutes.ts"
import { PageAssets } from "../pages/PageAssets.ts"
import * as PagesRoutes from "../pages/PagesRoutes.ts"
import { CancellationsHttpLayer } from "../api/events/CancellationsHttp.ts"
import { EventsHttpLayer } from "../api/events/EventsHttp.ts"
import { AuditHttpLayer } from "../api/flows/AuditHttp.ts"
import { FlowsHttpLayer } from "../api/flows/FlowsHttp.ts"
import { GateHttpLayer } from "../api/gate/GateHttp.ts"
import { ScanStreamHttpLayer } from "../api/gate/ScanStreamHttp.ts"
import { SupervisionHttpLayer } from "../api/gate/SupervisionHttp.ts"
import { JournalHttpLayer } from "../api/gate/JournalHttp.ts"
import { InternalHttpLayer, ScansHttpLayer } from "../api/gate/ScansHttp.ts"
import { OrdersHttpLayer } from "../api/tickets/OrdersHttp.ts"
import { PaymentsHttpLayer } from "../api/payments/PaymentsHttp.ts"
import { TemplatesHttpLayer } from "../api/tickets/TemplatesHttp.ts"
import { OfflineHttpLayer } from "../api/gate/OfflineHttp.ts"
import { MessagesHttpLayer } from "../api/notifications/MessagesHttp.ts"
import { SequencesHttpLayer } from "../api/notifications/SequencesHttp.ts"
import { TicketsHttpLayer } from "../api/tickets/TicketsHttp.ts"
import { TokensHttpLayer } from "../api/tokens/TokensHttp.ts"
import { FeedbackHttpLayer } from "../api/webhooks/FeedbackHttp.ts"
import { FeedbackReaders } from "../services/notifications/feedback/FeedbackReaders.ts"
import * as PaymentWebhookFastPath from "../api/webhooks/PaymentWebhookFastPath.ts"
import { PaymentWebhooksHttpLayer, TicketWebhooksHttpLayer } from "../api/webhooks/WebhooksHttp.ts"
import { RedeliveryKeeperLayer } from "../redelivery/RedeliveryKeeper.ts"
import { SequenceKeeperLayer } from "../notifications/SequenceKeeper.ts"
import * as ScanFastPath from "../api/gate/ScanFastPath.ts"
import { Idempotency } from "../api/rules/Idempotency.ts"
import { ProblemMiddleware } from "../http/ProblemMiddleware.ts"
import { PaymentWebhookAuth, TicketWebhookAuth } from "../trust/WebhookSignatures.ts"
import { Buckets } from "../limits/Buckets.ts"
import { Limits } from "../limits/Limits.ts"
import { Seats } from "../limits/Seats.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { Triggers } from "../notifications/Triggers.ts"
import { PaymentAnnouncer } from "../flows/PaymentAnnouncer.ts"
import { NotificationClient } from "../notifications/NotificationClient.ts"
import { InvoiceFiles } from "../payments/invoices/InvoiceFiles.ts"
import { PaymentClient } from "../payments/PaymentClient.ts"
import { PaymentKeeperLayer } from "../payments/PaymentKeeper.ts"
import { ServiceAuth } from "../trust/ServiceAuth.ts"
import { ServiceTransport } from "../trust/ServiceTransport.ts"
import { OrderDocuments } from "../tickets/OrderDocuments.ts"
import { OrderPrinter } from "../tickets/OrderPrinter.ts"
import { GeneratorClient } from "../tickets/GeneratorClient.ts"
import { JobAnnouncer } from "../flows/JobAnnouncer.ts"
import { JobKeeperLayer } from "../tickets/JobKeeper.ts"
import { ReadingsLayer } from "./ReadingsLayer.ts"
import { HousekeepingLayer } from "./Housekeeping.ts"
import { redisLayer } from "./RedisServer.ts"
import { TicketPageStore } from "../store/tickets/TicketPageStore.ts"

const notificationsLayer = NotificationClient.layer.pipe(
  Layer.provide(Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      ServiceTransport,
      (transport) => transport.client("notifications", { as: "event-planner-core" })
    )
  ))
)

const clientsLayer = Layer.mergeAll(notificationsLayer, PaymentClient.layer, GeneratorClient.layer)

/** What the entities call: clients, listeners, the notifier. */
const collaboratorsLayer = Layer.mergeAll(JobAnnouncer.layer, PaymentAnnouncer.layer, InvoiceFiles.layer)
  .pipe(
    Layer.provideMerge(Layer.mergeAll(Triggers.layer, Notifier.layer)),
    Layer.provideMerge(clientsLayer)
  )

/** Entities, workflows and the keepers, with the cluster they run on. */
export const CoreEntitiesLayer = Layer.mergeAll(
  EntitiesLayer,
  FlowKeeperLayer,
  JobKeeperLayer,
  RedeliveryKeeperLayer,
  SequenceKeeperLayer,
  PaymentKeeperLayer,
  HousekeepingLayer,
  ReadingsLayer
).pipe(
  Layer.provideMerge(collaboratorsLayer),
  Layer.provideMerge(Cluster.layer)
)

/** Requests are counted on Redis for all cores together when `REDIS_URL` is set, otherwise by each core alone. */
const limitsLayer = Limits.layer.pipe(
  Layer.provide(Layer.unwrap(Effect.map(
    redisLayer,
    Option.match({
      onNone: () => Buckets.layerLocal,
      onSome: (redis) => Buckets.layerRedis.pipe(Layer.provide(redis))
    })
  )))
)

const gateLayer = Layer.mergeAll(Operators.layer, ScanBatcher.layer, UnreachedScans.layer)

const handlersLayer = Layer.mergeAll(
  CancellationsHttpLayer,
  AuditHttpLayer,
  EventsHttpLayer,
  FeedbackHttpLayer.pipe(Layer.provide(FeedbackReaders.layer)),
  FlowsHttpLayer,
  GateHttpLayer,
  InternalHttpLayer,
  JournalHttpLayer,
  OfflineHttpLayer,
  PaymentsHttpLayer,
  Layer.merge(OrdersHttpLayer, TicketsHttpLayer).pipe(
    Layer.provide(Layer.provideMerge(OrderDocuments.layer, OrderPrinter.layer))
  ),
  PaymentWebhooksHttpLayer,
  ScansHttpLayer,
  MessagesHttpLayer,
  SequencesHttpLayer,
  SupervisionHttpLayer,
  ScanStreamHttpLayer,
  TemplatesHttpLayer,
  TicketWebhooksHttpLayer,
  TokensHttpLayer
).pipe(Layer.provide([
  Authorization.layer.pipe(Layer.provide(limitsLayer)),
  Idempotency.layer,
  PaymentWebhookAuth.layer,
  ProblemMiddleware.layer,
  ServiceAuth.layer,
  TicketWebhookAuth.layer,
  LiveGate.layer,
  Seats.layer,
  limitsLayer,
  gateLayer
]))

/** The core's routes: the contract, its documentation, files and keys. */
export const CoreRoutesLayer = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(Layer.provide(handlersLayer)),
  HttpApiScalar.layer(Api, { path: "/docs" }),
  PaymentWebhookFastPath.layer,
  ScanFastPath.layer.pipe(Layer.provide([ScanBatcher.layer, limitsLayer])),
  FilesRoutes.ticketFilesLayer,
  FilesRoutes.keysLayer,
  PagesRoutes.layer.pipe(Layer.provide([PageAssets.layer(), TicketPageStore.layer]))
)
