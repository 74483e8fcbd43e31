/** The parts of Stripe's events that we read (https://docs.stripe.com/api/events/types). */
import { Schema } from "effect"
import { storable } from "../../../../rpc/values/Values.ts"

/** Longer than any text of Stripe's that we read; what cannot be stored finds nothing, and an event with it is set aside. */
const Text = storable(5_000)

const Metadata = Schema.optional(Schema.NullOr(Schema.Record(Text, Text)))

/** Another object, by its id or, where Stripe expanded it, whole. */
export const Reference = Schema.Union([Text, Schema.Struct({ id: Text })])
const ReferenceOrNull = Schema.optional(Schema.NullOr(Reference))

const Card = Schema.Struct({ brand: Schema.NullOr(Text), last4: Schema.NullOr(Text) })

/** The kind of a payment method, with the card's brand and last digits when it is one. */
const MethodDetails = Schema.Struct({ type: Text, card: Schema.optional(Schema.NullOr(Card)) })
export type MethodDetails = typeof MethodDetails.Type

const ExpandedCharge = Schema.Struct({
  id: Text,
  payment_method_details: Schema.optional(Schema.NullOr(MethodDetails))
})

const PaymentIntent = Schema.Struct({
  object: Schema.Literal("payment_intent"),
  id: Text,
  amount: Schema.Int,
  amount_received: Schema.optional(Schema.NullOr(Schema.Int)),
  currency: Text,
  customer: ReferenceOrNull,
  metadata: Metadata,
  latest_charge: Schema.optional(Schema.NullOr(Schema.Union([Text, ExpandedCharge]))),
  last_payment_error: Schema.optional(
    Schema.NullOr(Schema.Struct({ payment_method: Schema.optional(Schema.NullOr(MethodDetails)) }))
  )
})

const Charge = Schema.Struct({
  object: Schema.Literal("charge"),
  id: Text,
  amount: Schema.Int,
  currency: Text,
  refunded: Schema.Boolean,
  amount_refunded: Schema.optional(Schema.NullOr(Schema.Int)),
  customer: ReferenceOrNull,
  metadata: Metadata,
  payment_intent: ReferenceOrNull,
  payment_method_details: Schema.optional(Schema.NullOr(MethodDetails))
})

/** https://docs.stripe.com/api/disputes/object#dispute_object-status; a status that is new there is an open dispute. */
const Dispute = Schema.Struct({
  object: Schema.Literal("dispute"),
  id: Text,
  amount: Schema.optional(Schema.NullOr(Schema.Int)),
  status: Schema.optional(Schema.NullOr(Text)),
  metadata: Metadata,
  payment_intent: ReferenceOrNull
})

const Refund = Schema.Struct({
  object: Schema.Literal("refund"),
  id: Text,
  amount: Schema.Int,
  status: Schema.optional(Schema.NullOr(Text)),
  metadata: Metadata,
  payment_intent: ReferenceOrNull
})

/** An object that one of our events is about. */
export const StripeObject = Schema.Union([PaymentIntent, Charge, Dispute, Refund])
export type StripeObject = typeof StripeObject.Type

/** The end of the year 9999: later instants have no ISO 8601 form of ours. */
const lastSecond = 253_402_300_799

/** Any event: what it is about is read only when its type is one of ours. */
export const StripeEvent = Schema.Struct({
  id: Schema.String.check(Schema.isPattern(/^evt_[A-Za-z0-9_]{1,120}$/)),
  type: Text,
  created: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: lastSecond })),
  data: Schema.Struct({ object: Schema.Unknown })
})
export type StripeEvent = typeof StripeEvent.Type
