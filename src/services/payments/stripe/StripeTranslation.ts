/** Turns Stripe's event into the body of the flows document, section « Flow 2 ». */
import { DateTime, Effect, Option, Schema } from "effect"
import { PaymentWebhook } from "../../../../rpc/Payment.ts"
import { PaymentGateway, type PaymentMethod } from "../contract/PaymentGateway.ts"
import { type LedgerEntry, PaymentLedger } from "../contract/PaymentLedger.ts"
import { idOf, type MethodDetails, type StripeEvent, StripeObject } from "./StripeEvent.ts"

const names: Readonly<Record<string, readonly [eventType: string, status: string]>> = {
  "payment_intent.succeeded": ["payment.completed", "succeeded"],
  "payment_intent.payment_failed": ["payment.failed", "failed"],
  "payment_intent.canceled": ["payment.canceled", "canceled"],
  "charge.refunded": ["payment.refunded", "refunded"],
  "charge.dispute.created": ["payment.disputed", "disputed"]
}

/** Whether an event type of Stripe says something about a payment of ours. */
export const isOurs = (type: string): boolean => Object.hasOwn(names, type)

/** A part of the price given back is told, and decides nothing: the tickets stay paid. */
const nameOf = (type: string, object: StripeObject) =>
  object.object === "charge" && !object.refunded
    ? ["payment.partially_refunded", "partially_refunded"] as const
    : names[type] ?? ["payment.unknown", "unknown"] as const

const refOf = (object: StripeObject) =>
  object.object === "payment_intent" ? object.id : idOf(object.payment_intent)

const detailsOf = (object: StripeObject): MethodDetails | null | undefined => {
  switch (object.object) {
    case "payment_intent":
      return typeof object.latest_charge === "object" && object.latest_charge !== null
        ? object.latest_charge.payment_method_details
        : object.last_payment_error?.payment_method
    case "charge":
      return object.payment_method_details
    case "dispute":
      return null
  }
}

/** A card by its brand and last digits, everything else by its type. */
export const methodOf = ({ card, type }: MethodDetails): PaymentMethod => ({
  type,
  ...(typeof card?.brand === "string" ? { brand: card.brand } : {}),
  ...(typeof card?.last4 === "string" ? { last4: card.last4 } : {})
})

const decodeObject = Schema.decodeUnknownEffect(StripeObject)
const encodeBody = Schema.encodeEffect(PaymentWebhook)

/**
 * The key of our payment id in the metadata of Stripe's objects; Stripe copies it from intents to charges.
 */
export const paymentKey = "guichet_payment_id"

/** An event names a payment of ours that the ledger does not hold. */
export class PaymentForgotten extends Schema.TaggedError<PaymentForgotten>()("PaymentForgotten", {
  payment_id: Schema.String
}) {}

/**
 * Our id of the payment that the object is about; other systems may share the Stripe account, theirs have
 * none.
 */
const paymentIdOf = Effect.fnUntraced(function* (object: StripeObject) {
  const ref = refOf(object)
  return object.metadata?.[paymentKey] ??
    (ref === undefined ? undefined : yield* (yield* PaymentLedger).paymentOf(ref))
})

const findMethod = Effect.fnUntraced(function* (object: StripeObject, entry: LedgerEntry) {
  const details = detailsOf(object)
  if (details !== null && details !== undefined) return methodOf(details)
  const ref = refOf(object) ?? entry.ref
  if (ref === null) return { type: "card" }
  return yield* (yield* PaymentGateway).method(ref).pipe(
    Effect.tapError((error) =>
      Effect.logWarning("How a payment was made is not known", { reason: error.reason })
    ),
    Effect.orElseSucceed((): PaymentMethod => ({ type: "card" }))
  )
})

/** None when the event is about someone else's payment. */
export const toBody = Effect.fn("PaymentBody.toBody")(function* (event: StripeEvent) {
  const object = yield* decodeObject(event.data.object)
  const paymentId = yield* paymentIdOf(object)
  if (paymentId === undefined) return Option.none<typeof PaymentWebhook.Encoded>()
  const ledger = yield* PaymentLedger
  const entry = yield* ledger.find(paymentId)
  if (Option.isNone(entry)) return yield* new PaymentForgotten({ payment_id: paymentId })
  const { request } = entry.value
  const ref = refOf(object)
  if (entry.value.ref === null && ref !== undefined) yield* ledger.name(entry.value, ref)
  const [event_type, status] = nameOf(event.type, object)
  const customerId = object.object === "dispute" ? undefined : idOf(object.customer)
  const body = yield* encodeBody({
    event_type,
    payment_id: paymentId,
    amount: object.object === "dispute" ? request.amount : object.amount,
    currency: object.object === "dispute" ? request.currency : object.currency.toUpperCase(),
    status,
    timestamp: DateTime.makeUnsafe(event.created * 1000),
    metadata: request.metadata,
    customer: { ...request.customer, ...(customerId === undefined ? {} : { id: customerId }) },
    payment_method: yield* findMethod(object, entry.value),
    webhook_id: `wh_${event.id}`,
    created: event.created
  })
  return Option.some(body)
})
