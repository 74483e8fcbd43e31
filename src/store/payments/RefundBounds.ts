/**
 * How much of a payment has gone back or may still go: what its events say, and what was asked for and they do not say yet.
 * A sum of refunds is cumulative and names none of them, so that each refund is in it, is not, or may be:
 * - it is once a sum is told with the refund's first word or after it;
 * - it is not while no sum was received since it was entered;
 * - else it may be. Then `most` counts it beside the sum, and `least` as a part of it: whoever asks for an amount is bounded
 *   by the one, and whoever asks for all the rest waits until both are the same.
 */
import { DateTime, Schema } from "effect"
import { RefundOrigin } from "../../../rpc/payments/Refund.ts"
import * as Rows from "../Rows.ts"
import { factOf, type Price, stateOf } from "./PaymentDecisions.ts"
import { PastEvent } from "./PaymentRow.ts"

/** An event, and when it was received here. */
export const ReceivedEvent = Schema.Struct({ ...PastEvent.fields, received_at: Rows.At })
export type ReceivedEvent = typeof ReceivedEvent.Type

/** A refund whose money is gone or may still go; `gateway_ref` once it was heard of by name. */
export const HeldRefund = Schema.Struct({
  amount: Schema.Int,
  origin: RefundOrigin,
  gateway_ref: Schema.NullOr(Schema.String),
  created_at: Rows.At,
  settled: Schema.Boolean
})
export type HeldRefund = typeof HeldRefund.Type

type Place = "within" | "beside" | "unclear"

const total = (refunds: ReadonlyArray<{ readonly amount: number }>): number =>
  refunds.reduce((sum, { amount }) => sum + amount, 0)

/** Whether a refund is in the newest sum. */
const placeOf = (
  refund: HeldRefund,
  sums: ReadonlyArray<ReceivedEvent>,
  events: ReadonlyArray<ReceivedEvent>
): Place => {
  const since = refund.origin === "provider"
    ? sums
    : sums.filter(({ received_at }) => DateTime.isGreaterThanOrEqualTo(received_at, refund.created_at))
  if (refund.gateway_ref === null) {
    if (refund.settled) return "within"
    return since.length === 0 ? "beside" : "unclear"
  }
  const words = events.filter(({ facts }) => facts?.refund?.id === refund.gateway_ref)
  const first = words.map(({ occurred_at }) => occurred_at).sort(DateTime.Order)[0]
  // What an earlier version heard is in every sum by now.
  if (first === undefined) return "within"
  return since.some(({ occurred_at }) => DateTime.isGreaterThanOrEqualTo(occurred_at, first))
    ? "within"
    : "beside"
}

/** `refunded` is what the payment's row says, which may be older than its events. */
export const goneOf = (
  payment: Price & { readonly refunded: number },
  refunds: ReadonlyArray<HeldRefund>,
  events: ReadonlyArray<ReceivedEvent>
): { readonly least: number; readonly most: number } => {
  const sum = Math.max(payment.refunded, stateOf(payment, events).refunded)
  const sums = events.filter(({ event_type }) => factOf(event_type) === "refunded")
  const places = refunds.map((refund) => ({ amount: refund.amount, place: placeOf(refund, sums, events) }))
  const [within, beside, unclear] = (["within", "beside", "unclear"] as const).map((place) =>
    total(places.filter((one) => one.place === place))
  ) as [number, number, number]
  // More than what the sum has beside those that are in it cannot be of those that may be.
  const shared = Math.min(unclear, Math.max(sum - within, 0))
  const known = Math.max(sum, within) + beside + unclear
  return { least: known - shared, most: known }
}
