/**
 * What each payment event says of its payment, the one rule that turns events into a state, and what each state means to
 * those who depend on it. To add an event or a state, name it in its literal type (`rpc/`): the compiler asks for its
 * line here.
 */
import { DateTime, Schema } from "effect"
import type { NoticeStatus } from "../../../rpc/Delivery.ts"
import { type PaymentStatus, paymentStatuses } from "../../../rpc/Payment.ts"
import { PaymentEventType } from "../../../rpc/payments/PaymentWebhook.ts"
import type { PaymentState } from "../../../rpc/Ticket.ts"
import type { PastEvent } from "./PaymentRow.ts"

interface EventMeaning {
  readonly status: PaymentStatus
  /** `granted` by the event that settles the payment: from then on it has its invoice, whatever comes later. */
  readonly templateAccess: "granted" | "revoked" | "unchanged"
}

/** What an event says of its payment. */
export const paymentEvents: Readonly<Record<PaymentEventType, EventMeaning>> = {
  "payment.failed": { status: "failed", templateAccess: "unchanged" },
  "payment.canceled": { status: "canceled", templateAccess: "unchanged" },
  "payment.completed": { status: "settled", templateAccess: "granted" },
  "payment.refunded": { status: "refunded", templateAccess: "revoked" },
  "payment.disputed": { status: "disputed", templateAccess: "unchanged" }
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
  /** What the payer is notified of. */
  readonly notice: NoticeStatus | null
}

const silent = { compensation: "none", flow: null, trigger: null, notice: null } as const

/** What a state means to tickets, flow, sequences and payer. */
export const paymentStates: Readonly<Record<PaymentStatus, StateMeaning>> = {
  pending: { ...silent, tickets: "pending", compensation: "cancel" },
  failed: { ...silent, tickets: "failed", compensation: "cancel", flow: "failed" },
  canceled: { ...silent, tickets: "failed", flow: "canceled" },
  settled: {
    tickets: "paid",
    compensation: "refund",
    flow: "settled",
    trigger: "payment_success",
    notice: "settled"
  },
  refunded: { ...silent, tickets: "refunded", notice: "refunded" },
  disputed: { ...silent, tickets: "disputed" }
}

/** Narrows an event type that came from outside to one that means something. */
export const isPaymentEvent = Schema.is(PaymentEventType)

/** What an event type says of its payment; types that mean nothing are kept and say null. */
export const decisionOf = (eventType: string): PaymentStatus | null =>
  isPaymentEvent(eventType) ? paymentEvents[eventType].status : null

/** Whether a payment in this state may still be charged. */
export const isOpen = (status: PaymentStatus): boolean => paymentStates[status].compensation === "cancel"

/** The states in which a payment may still be charged. */
export const openStatuses = paymentStatuses.filter(isOpen)

const rankOf = (status: PaymentStatus): number => paymentStatuses.indexOf(status)

const firstThat = (
  events: ReadonlyArray<PastEvent>,
  templateAccess: "granted" | "revoked"
): DateTime.Utc | null =>
  events.filter(({ event_type }) =>
    isPaymentEvent(event_type) && paymentEvents[event_type].templateAccess === templateAccess
  ).map((event) => event.occurred_at).sort(DateTime.Order)[0] ?? null

/** The state that a set of events means: the order they came in, and how often, cannot matter. */
export const stateOf = (events: ReadonlyArray<PastEvent>) => ({
  status: events.reduce<PaymentStatus>((furthest, { event_type }) => {
    const decided = decisionOf(event_type)
    return decided !== null && rankOf(decided) > rankOf(furthest) ? decided : furthest
  }, "pending"),
  settledAt: firstThat(events, "granted"),
  refundedAt: firstThat(events, "revoked")
})
