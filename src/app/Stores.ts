/** Every store over the one database. */
import { Layer } from "effect"
import { Issuer } from "../services/payments/Issuer.ts"
import { AnnulmentStore } from "../store/AnnulmentStore.ts"
import { AudienceStore } from "../store/AudienceStore.ts"
import { BundleStore } from "../store/BundleStore.ts"
import { EntryStore } from "../store/EntryStore.ts"
import { EventStore } from "../store/EventStore.ts"
import { FeedStore } from "../store/FeedStore.ts"
import { FlowIndex } from "../store/FlowIndex.ts"
import { FlowStore } from "../store/FlowStore.ts"
import { GateStore } from "../store/GateStore.ts"
import { IdempotencyStore } from "../store/IdempotencyStore.ts"
import { InvoiceStore } from "../store/InvoiceStore.ts"
import { JobIndex } from "../store/JobIndex.ts"
import { JobStore } from "../store/JobStore.ts"
import { JournalStore } from "../store/JournalStore.ts"
import { NotificationStore } from "../store/NotificationStore.ts"
import { PaymentStore } from "../store/PaymentStore.ts"
import { Ping } from "../store/Ping.ts"
import { PrintStore } from "../store/PrintStore.ts"
import { RetentionStore } from "../store/RetentionStore.ts"
import { ScanStore } from "../store/ScanStore.ts"
import { SequenceStore } from "../store/SequenceStore.ts"
import { ServiceRequestStore } from "../store/ServiceRequestStore.ts"
import { SpareLogos } from "../store/SpareLogos.ts"
import { TemplateStore } from "../store/TemplateStore.ts"
import { TicketStore } from "../store/TicketStore.ts"
import { TokenStore } from "../store/TokenStore.ts"
import { WebhookStore } from "../store/WebhookStore.ts"

export const StoresLayer = Layer.mergeAll(
  AnnulmentStore.layer,
  AudienceStore.layer,
  BundleStore.layer,
  EntryStore.layer,
  EventStore.layer,
  FlowIndex.layer,
  FlowStore.layer,
  GateStore.layer,
  IdempotencyStore.layer,
  InvoiceStore.layer,
  JobIndex.layer,
  JobStore.layer,
  JournalStore.layer,
  NotificationStore.layer,
  PaymentStore.layer,
  Ping.layer,
  PrintStore.layer,
  RetentionStore.layer,
  ScanStore.layer,
  SequenceStore.layer,
  ServiceRequestStore.layer,
  SpareLogos.layer,
  TemplateStore.layer,
  TicketStore.layer,
  TokenStore.layer,
  WebhookStore.layer
).pipe(
  Layer.provideMerge(FeedStore.layer),
  Layer.provide(Issuer.layer)
)
