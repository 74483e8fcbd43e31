/**
 * What each payment event says of its payment, the one rule that turns the set of its events into a state and into
 * amounts, and what each state means to those who depend on it. To add an event or a state, name it in its literal type
 * (`rpc/`): the compiler asks for its line here.
 */
import { DateTime, Schema } from "effect"
import type { NoticeStatus } from "../../../rpc/Delivery.ts"
import { type PaymentAttention, type PaymentStatus, paymentStatuses } from "../../../rpc/Payment.ts"
import { type DisputeStatus, PaymentEventType } from "../../../rpc/payments/PaymentWebhook.ts"
import type { PaymentState } from "../../../rpc/Ticket.ts"
import type { PastEvent } from "./PaymentRow.ts"

/**
 * What kind of fact an event is: money that came, went back or is disputed, an attempt that ended without any, or where one
 * refund stands, whose money other events tell.
 */
type Fact = "received" | "refunded" | "refund" | "refund_failed" | "disputed" | "failed" | "canceled"

const facts: Readonly<Record<PaymentEventType, Fact>> = {
  "payment.failed": "failed",
  "payment.canceled": "canceled",
  "payment.completed": "received",
  "payment.refunded": "refunded",
  "payment.partially_refunded": "refunded",
  "payment.refund_updated": "refund",
  "payment.refund_failed": "refund_failed",
  "payment.disputed": "disputed"
}

interface StateMeaning {
  /** What the gate reads on the tickets that the payment is for. */
  readonly tickets: typeof PaymentState.Type
  /** How a flow that stops takes the payment back: by a refund, or, while it may still be charged, by canceling it. */
  readonly compensation: "refund" | "cancel" | "none"
  /** What ends the flow's wait when the payment has never settled; once settled, it ends as `settled`. */
  readonly flow: "settled" | "failed" | "canceled" | null
  /** What the payer's notification sequences are triggered by. */
  readonly trigger: "payment_success" | null
}

const silent = { compensation: "none", flow: null, trigger: null } as const

/** What a state means to tickets, flow and sequences. */
export const paymentStates: Readonly<Record<PaymentStatus, StateMeaning>> = {
  pending: { ...silent, tickets: "pending", compensation: "cancel" },
  failed: { ...silent, tickets: "failed", compensation: "cancel", flow: "failed" },
  canceled: { ...silent, tickets: "failed", flow: "canceled" },
  settled: { tickets: "paid", compensation: "refund", flow: "settled", trigger: "payment_success" },
  refunded: { ...silent, tickets: "refunded" },
  disputed: { ...silent, tickets: "disputed" }
}

/** Narrows an event type that came from outside to one that means something. */
export const isPaymentEvent = Schema.is(PaymentEventType)

/** What an event type is a fact of; types that mean nothing are kept and say null. */
export const factOf = (eventType: string): Fact | null => isPaymentEvent(eventType) ? facts[eventType] : null

/** Whether a payment in this state may still be charged. */
export const isOpen = (status: PaymentStatus): boolean => paymentStates[status].compensation === "cancel"

/** The states in which a payment may still be charged. */
export const openStatuses = paymentStatuses.filter(isOpen)

/** What was asked: the price. */
export interface Price {
  readonly amount: number
  readonly currency: string
}

/**
 * A message to the payer that follows from the facts; `refunded` is what refunds had ever come to with the one that it
 * speaks of, those that failed afterwards included: two refunds of the same amount are two.
 */
export interface PayersNotice {
  readonly status: NoticeStatus
  readonly refunded: number
}

/** What a payment's events mean together; amounts are minor units of its currency. */
export interface Standing {
  readonly status: PaymentStatus
  readonly settledAt: DateTime.Utc | null
  /** When what was bought was lost again, by refunds of all of it or by a dispute. */
  readonly revokedAt: DateTime.Utc | null
  readonly received: number
  readonly refunded: number
  /** In disputes that are open or lost. */
  readonly disputed: number
  /** What refunds ever came to, those that failed afterwards included. */
  readonly refundedThrough: number
  /** What credit notes come to, less what was taken back of them: refunds that were made and disputes that were lost. */
  readonly credited: number
  /** Whether anything was ever heard that may be credited, or was. */
  readonly correctable: boolean
  /** Another amount or currency than was asked came in: it belongs to nobody here and goes back. */
  readonly misreceived: boolean
  /** What a person has to look at. */
  readonly attention: ReadonlyArray<PaymentAttention>
  readonly disputes: ReadonlyArray<Dispute>
  readonly notices: ReadonlyArray<PayersNotice>
}

const earliest = (events: ReadonlyArray<PastEvent>): DateTime.Utc | null =>
  events.map((event) => event.occurred_at).sort(DateTime.Order)[0] ?? null

const millis = ({ occurred_at }: PastEvent): number => DateTime.toEpochMillis(occurred_at)

/** What refunds came to with this one: the sender's own sum, or the body's amount where it says none. */
const refundedWith = ({ amount, event_type, facts }: PastEvent, price: Price): number =>
  Math.min(
    facts?.amount_refunded ?? (event_type === "payment.refunded" ? amount ?? price.amount : 0),
    price.amount
  )

const arrived = ({ amount, currency, facts }: PastEvent, price: Price): Price => ({
  amount: facts?.amount_received ?? amount ?? price.amount,
  currency: currency ?? price.currency
})

const isWhole = (event: PastEvent, price: Price): boolean => {
  const came = arrived(event, price)
  return came.amount === price.amount && came.currency === price.currency
}

/** A refund fails once, however often and late it is told: its first telling counts. */
const failuresOf = (failures: ReadonlyArray<PastEvent>): ReadonlyArray<PastEvent> =>
  [...Map.groupBy(failures, ({ facts, webhook_id }) => facts?.refund?.id ?? webhook_id).values()]
    .map((told) => told.reduce((first, event) => millis(event) < millis(first) ? event : first))

interface Refunds {
  readonly net: number
  readonly through: number
  /** What refunds had ever come to with each of them. */
  readonly sums: ReadonlyArray<number>
  /** When the newest sum was told. */
  readonly at: DateTime.Utc | null
}

/**
 * In order of time: a sum is cumulative, and knows of every refund that failed before it; one that failed since is taken
 * off. What a sum adds to what was left is a refund of its own, also where it comes to the same sum again.
 */
const refundsOf = (
  refunds: ReadonlyArray<PastEvent>,
  failures: ReadonlyArray<PastEvent>,
  price: Price
): Refunds => {
  const steps = [
    ...refunds.map((event) => ({ event, sum: refundedWith(event, price), order: 0 })),
    ...failuresOf(failures).map((event) => ({
      event,
      sum: event.facts?.refund?.amount ?? price.amount,
      order: 1
    }))
  ].sort((some, other) =>
    millis(some.event) - millis(other.event) || some.order - other.order || some.sum - other.sum
  )
  let [net, through] = [0, 0]
  let at: DateTime.Utc | null = null
  const sums: Array<number> = []
  for (const { event, order, sum } of steps) {
    if (order === 1) {
      net = Math.max(net - sum, 0)
      continue
    }
    if (sum > net) sums.push(through += sum - net)
    net = sum
    at = event.occurred_at
  }
  return { net, through, sums, at }
}

const disputeRanks: Readonly<Record<DisputeStatus, number>> = { inquiry: 0, open: 1, won: 2, lost: 2 }

interface Dispute {
  /** Null where an earlier version kept no name. */
  readonly id: string | null
  readonly status: DisputeStatus
  readonly amount: number
  readonly at: DateTime.Utc
}

/** Of one dispute the furthest word counts, and of two last words the later one. */
const disputesOf = (events: ReadonlyArray<PastEvent>, price: Price): ReadonlyArray<Dispute> => {
  const furthest = (some: PastEvent, other: PastEvent): PastEvent => {
    const ranks = [some, other].map(({ facts }) => disputeRanks[facts?.dispute?.status ?? "open"])
    if (ranks[0] !== ranks[1]) return ranks[0]! > ranks[1]! ? some : other
    if (millis(some) !== millis(other)) return millis(some) > millis(other) ? some : other
    return some.facts?.dispute?.status === "lost" ? some : other
  }
  // An earlier version kept no names: where one is known, what has none is told again by it.
  const byName = Map.groupBy(events, ({ facts }) => facts?.dispute?.id ?? "")
  if (byName.size > 1) byName.delete("")
  return [...byName.values()]
    .map((all) => all.reduce(furthest))
    .map(({ amount, facts, occurred_at }) => ({
      id: facts?.dispute?.id ?? null,
      status: facts?.dispute?.status ?? "open",
      amount: Math.min(facts?.dispute?.amount ?? amount ?? price.amount, price.amount),
      at: occurred_at
    }))
}

const sumOf = (disputes: ReadonlyArray<Dispute>): number =>
  disputes.reduce((sum, { amount }) => sum + amount, 0)

/** The state that a set of events means: the order they came in, and how often, cannot matter. */
export const stateOf = (price: Price, events: ReadonlyArray<PastEvent>): Standing => {
  const of = (fact: Fact) => events.filter(({ event_type }) => factOf(event_type) === fact)
  const completed = of("received")
  const whole = completed.filter((event) => isWhole(event, price))
  const settledAt = earliest(whole)
  const misreceived = settledAt === null && completed.length > 0
  const parts = misreceived
    ? completed.map((event) => arrived(event, price)).filter(({ currency }) => currency === price.currency)
    : []
  const failed = of("refund_failed")
  const refunds = refundsOf(of("refunded"), failed, price)
  const disputes = disputesOf(of("disputed"), price)
  const open = disputes.filter(({ status }) => status === "open")
  const lost = disputes.filter(({ status }) => status === "lost")
  const disputed = Math.min(sumOf(open) + sumOf(lost), price.amount)
  const isRefunded = refunds.net > 0 && refunds.net >= price.amount
  const status: PaymentStatus = open.length + lost.length > 0
    ? "disputed"
    : isRefunded
    ? "refunded"
    : settledAt !== null
    ? "settled"
    : of("canceled").length > 0
    ? "canceled"
    : of("failed").length > 0
    ? "failed"
    : "pending"
  const ends = [...(isRefunded && refunds.at !== null ? [refunds.at] : []), ...lost.map(({ at }) => at)]
  const attention: ReadonlyArray<PaymentAttention> = [
    ...(misreceived ? ["amount_mismatch" as const] : []),
    ...(failed.length > 0 ? ["refund_failed" as const] : []),
    ...(open.length > 0 ? ["dispute_open" as const] : []),
    ...(lost.length > 0 ? ["dispute_lost" as const] : []),
    ...(disputes.some(({ status }) => status === "inquiry") ? ["inquiry" as const] : [])
  ]
  return {
    status,
    settledAt,
    revokedAt: ends.sort(DateTime.Order)[0] ?? null,
    received: settledAt !== null || refunds.through > 0 || disputed > 0
      ? price.amount
      : parts.reduce((most, { amount }) => Math.max(most, amount), 0),
    refunded: refunds.net,
    disputed,
    refundedThrough: refunds.through,
    credited: settledAt === null ? 0 : Math.min(refunds.net + sumOf(lost), price.amount),
    correctable: settledAt !== null && (refunds.through > 0 || disputes.length > 0),
    misreceived,
    attention,
    disputes,
    notices: [
      ...(settledAt === null ? [] : [{ status: "settled" as const, refunded: 0 }]),
      ...refunds.sums.map((refunded) => ({ status: "refunded" as const, refunded }))
    ]
  }
}
