/** Every store over the one database. */
import { Layer } from "effect"
import { Issuer } from "../payments/invoices/Issuer.ts"
import { AnnulmentStore } from "../gate/AnnulmentStore.ts"
import { AudienceStore } from "../store/notifications/AudienceStore.ts"
import { BundleStore } from "../gate/offline/BundleStore.ts"
import { DeadLetters } from "../store/notifications/DeadLetters.ts"
import { EntryStore } from "../gate/offline/EntryStore.ts"
import { EventNumbers } from "../store/EventNumbers.ts"
import { EventStore } from "../store/EventStore.ts"
import { FeedStore } from "../store/flows/FeedStore.ts"
import { AuditLog } from "../store/flows/AuditLog.ts"
import { FlowSteering } from "../store/flows/FlowSteering.ts"
import { FlowIndex } from "../store/flows/FlowIndex.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { GateStore } from "../store/gate/GateStore.ts"
import { IdempotencyStore } from "../store/IdempotencyStore.ts"
import { InvoiceStore } from "../payments/invoices/InvoiceStore.ts"
import { JobIndex } from "../store/jobs/JobIndex.ts"
import { JobStore } from "../store/jobs/JobStore.ts"
import { GuestSearch } from "../store/gate/GuestSearch.ts"
import { ScanJournalStore } from "../store/gate/ScanJournalStore.ts"
import { NotificationStore } from "../store/notifications/NotificationStore.ts"
import { CancellationStore } from "../store/payments/CancellationStore.ts"
import { PaymentHistory } from "../store/payments/PaymentHistory.ts"
import { PaymentIndex } from "../store/payments/PaymentIndex.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { RefundStore } from "../store/payments/RefundStore.ts"
import { Ping } from "../database/Ping.ts"
import { PrintStore } from "../store/tickets/PrintStore.ts"
import { RetentionStore } from "../store/retention/RetentionStore.ts"
import { ScanStore } from "../gate/ScanStore.ts"
import { SequenceStore } from "../store/notifications/SequenceStore.ts"
import { ServiceRequestStore } from "../trust/ServiceRequestStore.ts"
import { SpareLogos } from "../store/tickets/SpareLogos.ts"
import { SuppressionStore } from "../store/notifications/SuppressionStore.ts"
import { TemplateStore } from "../store/tickets/TemplateStore.ts"
import { TicketStore } from "../store/tickets/TicketStore.ts"
import { TokenStore } from "../store/TokenStore.ts"
import { WebhookStore } from "../store/WebhookStore.ts"

export const StoresLayer = Layer.mergeAll(
  AnnulmentStore.layer,
  AudienceStore.layer,
  BundleStore.layer,
  DeadLetters.layer,
  CancellationStore.layer,
  EntryStore.layer,
  EventNumbers.layer,
  EventStore.layer,
  AuditLog.layer,
  FlowIndex.layer,
  FlowSteering.layer,
  FlowStore.layer,
  GateStore.layer,
  IdempotencyStore.layer,
  InvoiceStore.layer,
  JobIndex.layer,
  JobStore.layer,
  GuestSearch.layer,
  ScanJournalStore.layer,
  NotificationStore.layer,
  PaymentHistory.layer,
  PaymentIndex.layer,
  PaymentStore.layer,
  Ping.layer,
  PrintStore.layer,
  RefundStore.layer,
  RetentionStore.layer,
  ScanStore.layer,
  SequenceStore.layer,
  ServiceRequestStore.layer,
  SpareLogos.layer,
  SuppressionStore.layer,
  TemplateStore.layer,
  TicketStore.layer,
  TokenStore.layer,
  WebhookStore.layer
).pipe(
  Layer.provideMerge(FeedStore.layer),
  Layer.provide(Issuer.layer)
)
