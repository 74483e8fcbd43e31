/** Every entity and workflow of the core. */
import { Layer } from "effect"
import { CallOffEventLayer } from "./CallOffEvent.ts"
import { CompleteFlowLayer } from "./CompleteFlow.ts"
import { FlowMessagesLayer, PaymentNoticeLayer } from "./Delivery.ts"
import { EventLayer } from "./Event.ts"
import { NotificationSequenceLayer, RemindersLayer } from "./NotificationSequence.ts"
import { PaymentLayer } from "./Payment.ts"
import { RefundPaymentLayer } from "./RefundPayment.ts"
import { TicketLayer } from "./Ticket.ts"
import { TicketJobLayer } from "./TicketJob.ts"
import type { Mailbox } from "../src/store/retention/RetentionStore.ts"

/** By their names: `RetentionStore` says of each how long its messages are kept. */
const layers = {
  CallOffEvent: CallOffEventLayer,
  CompleteFlow: CompleteFlowLayer,
  Event: EventLayer,
  FlowMessages: FlowMessagesLayer,
  GiveBack: RefundPaymentLayer,
  NotificationSequence: NotificationSequenceLayer,
  Payment: PaymentLayer,
  PaymentNotice: PaymentNoticeLayer,
  Reminders: RemindersLayer,
  Ticket: TicketLayer,
  TicketJob: TicketJobLayer
} satisfies Readonly<Record<Mailbox, unknown>>

export const EntitiesLayer = Layer.mergeAll(Layer.empty, ...Object.values(layers))
