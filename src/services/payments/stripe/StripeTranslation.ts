/** Turns Stripe's event into the body of the flows document, section « Flow 2 ». */
import { DateTime, Effect, Option, Schema } from "effect"
import {
  type DisputeStatus,
  type PaidWith,
  PaymentEventType,
  type PaymentFacts,
  PaymentWebhook,
  type RefundProgress
} from "../../../../rpc/payments/PaymentWebhook.ts"
import { eventStatuses } from "../contract/CoreReport.ts"
import { PaymentGateway } from "../contract/PaymentGateway.ts"
import { type LedgerEntry, PaymentLedger } from "../contract/PaymentLedger.ts"
import { type MethodDetails, type Reference, type StripeEvent, StripeObject } from "./StripeEvent.ts"

/**
 * Stripe's types of each event (https://docs.stripe.com/api/events/types), the one that the sandbox sends first. A webhook
 * endpoint has to be subscribed to all of them.
 */
export const stripeEvents: Readonly<Record<PaymentEventType, readonly [string, ...ReadonlyArray<string>]>> = {
  "payment.completed": ["payment_intent.succeeded"],
  "payment.failed": ["payment_intent.payment_failed"],
  "payment.canceled": ["payment_intent.canceled"],
  "payment.refunded": ["charge.refunded"],
  "payment.partially_refunded": ["charge.refunded"],
  "payment.refund_updated": ["refund.updated", "refund.created"],
  "payment.refund_failed": ["refund.failed", "refund.updated", "charge.refund.updated"],
  "payment.disputed": [
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed"
  ]
}

const bodyNames = new Map<string, PaymentEventType>(
  PaymentEventType.literals.toReversed().flatMap((event) =>
    stripeEvents[event].map((type) => [type, event] as const)
  )
)

/** Whether an event type of Stripe says something about a payment of ours. */
export const isOurs = (type: string): boolean => bodyNames.has(type)

/** https://docs.stripe.com/api/refunds/object#refund_object-status; what is new there is on its way. */
export const refundProgressOf = (status: string | null | undefined): RefundProgress => {
  if (status === "failed" || status === "canceled") return "failed"
  return status === "succeeded" ? "succeeded" : "pending"
}

/** The key of the name under which we asked for a refund, in the metadata of Stripe's refunds. */
export const refundKey = "guichet_refund_id"

/** What became of a refund that we asked for is told; of any other its charge says all, unless it failed. */
const nameOfRefund = (refund: Extract<StripeObject, { readonly object: "refund" }>) => {
  if (refundProgressOf(refund.status) === "failed") return "payment.refund_failed"
  return refund.metadata?.[refundKey] === undefined ? undefined : "payment.refund_updated"
}

/** The event in our words; undefined where it says nothing new. */
const nameOf = (type: string, object: StripeObject): PaymentEventType | undefined => {
  if (object.object === "charge" && !object.refunded) return "payment.partially_refunded"
  if (object.object === "refund") return nameOfRefund(object)
  return bodyNames.get(type)
}

/** No money moves in an inquiry, nor where the bank was kept from opening a dispute. */
const inquiries: ReadonlySet<string> = new Set([
  "warning_needs_response",
  "warning_under_review",
  "warning_closed",
  "prevented"
])

/** Where a dispute stands by Stripe's word of it. */
export const disputeStatusOf = (status: string | null | undefined): DisputeStatus => {
  if (status === "won" || status === "lost") return status
  return inquiries.has(status ?? "") ? "inquiry" : "open"
}

/** One refund: a failed one says so by its event, one of ours has the name that we gave it. */
export const saidOf = (
  { amount, id, metadata, status }: {
    readonly id: string
    readonly amount: number
    readonly status?: string | null | undefined
    readonly metadata?: Readonly<Record<string, string>> | null | undefined
  }
): NonNullable<PaymentFacts["refund"]> => {
  const progress = refundProgressOf(status)
  const name = metadata?.[refundKey]
  return {
    id,
    amount,
    ...(progress === "failed" ? {} : { status: progress }),
    ...(name === undefined ? {} : { name })
  }
}

/** What moved, where Stripe says more than the price: a plain event keeps the documented keys. */
const factsOf = (object: StripeObject): PaymentFacts | undefined => {
  switch (object.object) {
    case "payment_intent":
      return typeof object.amount_received === "number" && object.amount_received > 0 &&
          object.amount_received !== object.amount
        ? { amount_received: object.amount_received }
        : undefined
    case "charge":
      return typeof object.amount_refunded === "number" && !object.refunded
        ? { amount_refunded: object.amount_refunded }
        : undefined
    case "refund":
      return { refund: saidOf(object) }
    case "dispute":
      return typeof object.amount === "number"
        ? { dispute: { id: object.id, amount: object.amount, status: disputeStatusOf(object.status) } }
        : undefined
  }
}

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
    case "refund":
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

/** Whether the object says the price: a refund and a dispute say their own amounts. */
const isPriced = (
  object: StripeObject
): object is Extract<StripeObject, { readonly object: "payment_intent" | "charge" }> =>
  object.object === "payment_intent" || object.object === "charge"

/**
 * The body of an event about one of our payments, undefined where it says nothing new; a `GatewayError` when it cannot be
 * told yet whose it is.
 */
export const toBody = Effect.fn("StripeTranslation.toBody")(function* (event: StripeEvent) {
  const object = yield* Effect.mapError(
    decodeObject(event.data.object),
    () => new NotOurEvent({ why: "unreadable" })
  )
  const name = nameOf(event.type, object)
  if (name === undefined) return undefined
  const entry = yield* entryOf(object)
  const { request } = entry
  const facts = factsOf(object)
  const customerId = isPriced(object) ? idOf(object.customer) : undefined
  return yield* Effect.orDie(encodeBody({
    event_type: name,
    status: eventStatuses[name],
    payment_id: request.payment_id,
    amount: isPriced(object) ? object.amount : request.amount,
    currency: isPriced(object) ? object.currency.toUpperCase() : request.currency,
    timestamp: DateTime.makeUnsafe(event.created * 1000),
    metadata: request.metadata,
    customer: { ...request.customer, ...(customerId === undefined ? {} : { id: customerId }) },
    payment_method: yield* findMethod(object, entry),
    ...(facts === undefined ? {} : { facts }),
    webhook_id: `wh_${event.id}`,
    created: event.created
  }))
})
