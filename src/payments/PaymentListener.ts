/** Whoever waits for a payment's decision: the flow that asked for it, and the payer who is told. */
import { Context, type Effect } from "effect"
import type { PaymentStatus } from "../../rpc/Payment.ts"
import type { PaymentRow } from "../store/payments/PaymentRow.ts"

/**
 * Called after every event that leaves a payment decided, with its state at that moment: the same state may
 * come again, after a crash or by a late event, so whatever follows is keyed by payment and state. Its invoice has a
 * number by now, and its PDF may not be drawn yet.
 */
export class PaymentListener extends Context.Service<PaymentListener, {
  readonly decided: (payment: PaymentRow, status: Exclude<PaymentStatus, "pending">) => Effect.Effect<void>
}>()("guichet/payments/PaymentListener") {}
