/** Every entity and workflow of the core. */
import { Layer } from "effect"
import { CompleteFlowLayer } from "./CompleteFlow.ts"
import { DeliveryLayer } from "./Delivery.ts"
import { EventLayer } from "./Event.ts"
import { NotificationSequenceLayer } from "./NotificationSequence.ts"
import { PaymentLayer } from "./Payment.ts"
import { RefundPaymentLayer } from "./RefundPayment.ts"
import { TicketLayer } from "./Ticket.ts"
import { TicketJobLayer } from "./TicketJob.ts"

export const EntitiesLayer = Layer.mergeAll(
  CompleteFlowLayer,
  DeliveryLayer,
  EventLayer,
  NotificationSequenceLayer,
  PaymentLayer,
  RefundPaymentLayer,
  TicketLayer,
  TicketJobLayer
)
