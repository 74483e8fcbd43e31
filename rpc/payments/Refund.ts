/** One refund: who asked for it, how much, why, and where it stands. */
import * as Schema from "effect/Schema"
import { EventNumber, PaymentId, RefundId, TicketId } from "../values/Ids.ts"
import { Amount, Currency } from "../values/Money.ts"
import { Instant, Label } from "../values/Values.ts"
import { DisputeStatus } from "./PaymentWebhook.ts"

/**
 * `requested`: it is kept here and will be asked for; `pending`: the payment provider took it; `succeeded`: the money is on
 * its way back; `failed`: the bank sent it back; `refused`: the provider did not take it.
 */
export const RefundStatus = Schema.Literals(["requested", "pending", "succeeded", "failed", "refused"])
export type RefundStatus = typeof RefundStatus.Type

/** Whether the money of a refund in this state is gone, or may still go. */
export const holdsMoney: Readonly<Record<RefundStatus, boolean>> = {
  requested: true,
  pending: true,
  succeeded: true,
  failed: false,
  refused: false
}

/** Who wanted it: an organiser, the calling off of its event, or somebody at the payment provider itself. */
export const RefundOrigin = Schema.Literals(["organizer", "event", "provider"])
export type RefundOrigin = typeof RefundOrigin.Type

/** Why a refund cannot be entered; `left` is what could be refunded. */
export const RefundRefusal = Schema.Literals([
  "unpaid",
  "nothing_left",
  "too_much",
  "not_its_tickets",
  "not_clear"
])
export type RefundRefusal = typeof RefundRefusal.Type

/** What people read of it; they are given what is left as their currency writes it. */
export const refundRefusals: Readonly<Record<RefundRefusal, (left: string) => string>> = {
  unpaid: () => "Nothing was paid: there is nothing to refund.",
  nothing_left: () => "All of it was refunded, is being refunded or is disputed.",
  too_much: (left) => `At most ${left} is left to be refunded.`,
  not_clear: (left) =>
    `A refund is on its way, and what is left is known in a moment: ask again, or for an amount of at most ${left}.`,
  not_its_tickets: () => "Every ticket has to be a live one of this payment's order."
}

/** Most tickets of one refund. */
export const mostTickets = 1_000

/**
 * A part by its `amount` in minor units, or the share of some `tickets`, which are void from then on; without either, all
 * that is left.
 */
export const RefundBody = Schema.Struct({
  amount: Schema.optionalKey(Amount.check(Schema.isGreaterThanOrEqualTo(1))),
  ticket_ids: Schema.optionalKey(
    Schema.Array(TicketId).check(Schema.isBetweenLength(1, mostTickets), Schema.isUnique())
  ),
  reason: Label
}).check(
  Schema.makeFilter(({ amount, ticket_ids }) =>
    amount === undefined || ticket_ids === undefined
      ? undefined
      : { path: ["ticket_ids"], issue: "Expected an amount or tickets, not both" }
  )
)
export type RefundBody = typeof RefundBody.Type

/** `asked_by` is the token's subject; `failure` says why it failed or was refused. */
export const RefundView = Schema.Struct({
  refund_id: RefundId,
  payment_id: PaymentId,
  event_id: Schema.NullOr(EventNumber),
  amount: Amount,
  currency: Currency,
  reason: Schema.String,
  ticket_ids: Schema.Array(TicketId),
  origin: RefundOrigin,
  asked_by: Schema.NullOr(Schema.String),
  status: RefundStatus,
  failure: Schema.NullOr(Schema.String),
  created_at: Instant,
  updated_at: Instant
})
export type RefundView = typeof RefundView.Type

/** A dispute as the payment provider tells of it. */
export const DisputeView = Schema.Struct({
  dispute_id: Schema.String,
  payment_id: PaymentId,
  event_id: Schema.NullOr(EventNumber),
  amount: Amount,
  currency: Currency,
  status: DisputeStatus,
  opened_at: Instant,
  updated_at: Instant
})
