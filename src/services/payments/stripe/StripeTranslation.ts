/** Turns Stripe's event into the body of the flows document, section « Flow 2 ». */
import { DateTime, Effect, Option, Schema } from "effect"
import {
  type PaidWith,
  type PaymentEventType,
  PaymentWebhook
} from "../../../../rpc/payments/PaymentWebhook.ts"
import { PaymentGateway } from "../contract/PaymentGateway.ts"
import { type LedgerEntry, PaymentLedger } from "../contract/PaymentLedger.ts"
import { type MethodDetails, type Reference, type StripeEvent, StripeObject } from "./StripeEvent.ts"

/** Stripe's type of each event, and the `status` that the body says beside it. */
export const stripeEvents = {
  "payment.completed": { type: "payment_intent.succeeded", status: "succeeded" },
  "payment.failed": { type: "payment_intent.payment_failed", status: "failed" },
  "payment.canceled": { type: "payment_intent.canceled", status: "canceled" },
  "payment.refunded": { type: "charge.refunded", status: "refunded" },
  "payment.disputed": { type: "charge.dispute.created", status: "disputed" }
} as const satisfies Record<PaymentEventType, { readonly type: string; readonly status: string }>

const bodyNames = new Map(
  Object.entries(stripeEvents).map((
    [event_type, { status, type }]
  ) => [type as string, { event_type, status }])
)

/** Whether an event type of Stripe says something about a payment of ours. */
export const isOurs = (type: string): boolean => bodyNames.has(type)

/** A refund of a part of the price is reported, and decides nothing: the tickets stay paid. */
const nameOf = (type: string, object: StripeObject) =>
  object.object === "charge" && !object.refunded
    ? { event_type: "payment.partially_refunded", status: "partially_refunded" }
    : bodyNames.get(type) ?? { event_type: "payment.unknown", status: "unknown" }

const idOf = (reference: typeof Reference.Type | null | undefined): string | undefined =>
  typeof reference === "string" ? reference : reference?.id

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
export const methodOf = ({ card, type }: MethodDetails): PaidWith => ({
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

/** An event that decides nothing here; `why` it does not is kept and logged. */
export class NotOurEvent extends Schema.TaggedError<NotOurEvent>()("NotOurEvent", {
  why: Schema.Literals(["unreadable", "another_installation", "another_intent", "no_payment"])
}) {}

/**
 * The ledger's entry of the payment that the object is about. The ledger decides: metadata is written by whoever makes
 * an intent, and other systems may share the Stripe account. It counts only for a payment whose intent we do not know
 * yet, when the gateway itself answers that intent for our own request.
 */
const entryOf = Effect.fnUntraced(function* (object: StripeObject) {
  const ledger = yield* PaymentLedger
  const ref = refOf(object)
  if (ref === undefined) return yield* new NotOurEvent({ why: "no_payment" })
  const known = yield* ledger.paymentOf(ref)
  const paymentId = known ?? object.metadata?.[paymentKey]
  if (paymentId === undefined) return yield* new NotOurEvent({ why: "no_payment" })
  const entry = yield* ledger.find(paymentId)
  if (Option.isNone(entry)) return yield* new NotOurEvent({ why: "another_installation" })
  if (entry.value.ref === null) {
    const opened = yield* (yield* PaymentGateway).open(entry.value.request, null)
    yield* ledger.name(entry.value, opened.gateway_ref)
    if (opened.gateway_ref === ref) return { ...entry.value, ref }
  }
  return entry.value.ref === ref ? entry.value : yield* new NotOurEvent({ why: "another_intent" })
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
    Effect.orElseSucceed((): PaidWith => ({ type: "card" }))
  )
})

/** The body of an event about one of our payments; a `GatewayError` when it cannot be told yet whose it is. */
export const toBody = Effect.fn("StripeTranslation.toBody")(function* (event: StripeEvent) {
  const object = yield* Effect.mapError(
    decodeObject(event.data.object),
    () => new NotOurEvent({ why: "unreadable" })
  )
  const entry = yield* entryOf(object)
  const { request } = entry
  const { event_type, status } = nameOf(event.type, object)
  const customerId = object.object === "dispute" ? undefined : idOf(object.customer)
  return yield* Effect.orDie(encodeBody({
    event_type,
    payment_id: request.payment_id,
    amount: object.object === "dispute" ? request.amount : object.amount,
    currency: object.object === "dispute" ? request.currency : object.currency.toUpperCase(),
    status,
    timestamp: DateTime.makeUnsafe(event.created * 1000),
    metadata: request.metadata,
    customer: { ...request.customer, ...(customerId === undefined ? {} : { id: customerId }) },
    payment_method: yield* findMethod(object, entry),
    webhook_id: `wh_${event.id}`,
    created: event.created
  }))
})
