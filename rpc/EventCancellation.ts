/** An event that is called off: what is asked, how far it is, and the run that does it. */
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import { EventId, EventNumber, GuestId, PaymentId, TicketId } from "./values/Ids.ts"
import { Instant, Label } from "./values/Values.ts"
import { PaymentStatus } from "./Payment.ts"
import { RefundStatus } from "./payments/Refund.ts"
import { MessageStatus } from "./NotificationSequence.ts"

export const CancellationBody = Schema.Struct({ reason: Label })

/** `none`: the event is not called off; `running`: tickets, money and messages are on their way; `finished`: nothing waits. */
export const CancellationStatus = Schema.Literals(["none", "running", "finished"])
export type CancellationStatus = typeof CancellationStatus.Type

const count = Schema.Int

/**
 * How far it is. `payments` are those that anything was received of, `refunded` those of which all went back, and
 * `refunds` counts what was asked for by state; what `failed` or was `refused` a person has to look at. `told` are the
 * guests whose message was sent, `untold` those whom none can reach.
 */
export const CancellationView = Schema.Struct({
  event_id: EventNumber,
  status: CancellationStatus,
  reason: Schema.NullOr(Schema.String),
  asked_by: Schema.NullOr(Schema.String),
  created_at: Schema.NullOr(Instant),
  finished_at: Schema.NullOr(Instant),
  guests: count,
  tickets_voided: count,
  payments: count,
  refunded: count,
  refunds: Schema.Record(RefundStatus, count),
  credit_notes: count,
  told: count,
  untold: count
})
export type CancellationView = typeof CancellationView.Type

/**
 * What became of one guest: the ticket that is void, the order's payment with what went back of it, its credit notes, and
 * the message.
 */
export const CanceledGuest = Schema.Struct({
  guest_id: GuestId,
  ticket_id: Schema.NullOr(TicketId),
  payment_id: Schema.NullOr(PaymentId),
  payment_status: Schema.NullOr(PaymentStatus),
  amount_refunded: Schema.NullOr(Schema.Int),
  refund_status: Schema.NullOr(RefundStatus),
  credit_notes: Schema.Array(Schema.String),
  message: Schema.NullOr(MessageStatus)
})

/**
 * Voids the tickets of an event, refunds its payments and tells its guests, each once. Durable: it goes on where it was,
 * whoever dies, and takes as many rounds as the payment provider and the mail server need.
 */
export const CallOffEvent = Workflow.make("CallOffEvent", {
  payload: { eventId: EventId },
  idempotencyKey: ({ eventId }) => String(eventId)
})
