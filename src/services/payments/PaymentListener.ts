/** Whoever waits for a payment's decision: the flow that asked for it, the notices that follow it. */
import { Context, type Effect } from "effect"
import type { PaymentStatus } from "../../../rpc/Payment.ts"
import type { InvoiceRow } from "../../store/InvoiceStore.ts"
import type { PaymentRow } from "../../store/PaymentRow.ts"

/**
 * Told after every event that leaves a payment decided, with its state at that moment and its invoice, if it
 * has one: the same state may be told again, after a crash or by a late event, so whatever follows is keyed
 * by payment and state.
 */
export class PaymentListener extends Context.Service<PaymentListener, {
  readonly decided: (
    payment: PaymentRow,
    status: Exclude<PaymentStatus, "pending">,
    invoice: InvoiceRow | null
  ) => Effect.Effect<void>
}>()("guichet/services/payments/PaymentListener") {}
