/** Every entity and workflow of the core. */
import { Layer } from "effect"
import { CompleteFlowLayer } from "./CompleteFlow.ts"
import { DeliveryLayer } from "./Delivery.ts"
import { EventLayer } from "./Event.ts"
import { GiveBackLayer } from "./RefundPayment.ts"
import { InvoiceBookLayer } from "./InvoiceBook.ts"
import { NotificationSequenceLayer } from "./NotificationSequence.ts"
import { PaymentLayer } from "./Payment.ts"
import { TicketLayer } from "./Ticket.ts"
import { TicketJobLayer } from "./TicketJob.ts"

export const EntitiesLayer = Layer.mergeAll(
  CompleteFlowLayer,
  DeliveryLayer,
  EventLayer,
  GiveBackLayer,
  InvoiceBookLayer,
  NotificationSequenceLayer,
  PaymentLayer,
  TicketLayer,
  TicketJobLayer
)
