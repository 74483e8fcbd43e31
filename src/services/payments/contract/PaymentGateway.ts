/** Whoever moves the money: Stripe, or a sandbox that plays it. */
import { Context, type Effect, Schema } from "effect"
import type { PaymentProvider } from "../../../../rpc/payments/PaymentProvider.ts"
import type { PaidWith, PaymentEventType, PaymentFacts } from "../../../../rpc/payments/PaymentWebhook.ts"
import type { PaymentAnswer, PaymentRequest, RefundRequest } from "./PaymentApi.ts"

/**
 * The one error of a gateway: `declined` and `invalid` are final, the others pass. `curable` says that it refuses us, not
 * this request: our credentials or our balance, which somebody mends. Whoever owes money asks again.
 */
export class GatewayError extends Schema.TaggedError<GatewayError>()("GatewayError", {
  reason: Schema.Literals(["declined", "invalid", "unavailable", "rate_limited"]),
  detail: Schema.String,
  curable: Schema.optionalKey(Schema.Boolean)
}) {
  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return this.reason === "unavailable" || this.reason === "rate_limited"
  }
  override get message(): string {
    return this.detail
  }
}

/** A payment as the gateway has it: by its own name, and with what the customer needs to pay. */
export type Opened = Pick<PaymentAnswer, "status" | "gateway_ref" | "client_secret">

/** A refund under the name that makes it one. */
export type NamedRefund = RefundRequest & { readonly refund_id: string }

/** The name of a refund whose own progress is reported: what an organiser asked for. Of any other the sum says all. */
export const reportedName = ({ refund_id }: NamedRefund): string | undefined =>
  refund_id.startsWith("refund_") ? refund_id : undefined

/** A fact as its webhook would have told it: at which Unix second, and what moved where that is not all of the price. */
export interface KnownFact {
  readonly event: PaymentEventType
  readonly at: number
  readonly amount: number
  readonly currency: string
  readonly facts?: PaymentFacts
}

export class PaymentGateway extends Context.Service<PaymentGateway, {
  readonly name: PaymentProvider
  /** Makes a payment that charges nothing yet; `ref` is what an earlier call answered, and then nothing new is made. */
  readonly open: (request: PaymentRequest, ref: string | null) => Effect.Effect<Opened, GatewayError>
  /** Charges what `auto_confirm` lets us charge; any other payment is left to the customer, as it was opened. */
  readonly charge: (request: PaymentRequest, opened: Opened) => Effect.Effect<Opened, GatewayError>
  readonly refund: (
    ref: string,
    paymentId: string,
    refund: NamedRefund
  ) => Effect.Effect<void, GatewayError>
  readonly cancel: (ref: string, paymentId: string) => Effect.Effect<void, GatewayError>
  /** All that the gateway knows to have become of a payment; nothing while it waits to be paid. */
  readonly known: (
    ref: string,
    request: PaymentRequest
  ) => Effect.Effect<ReadonlyArray<KnownFact>, GatewayError>
  /** How a payment was made, when its webhook does not say. */
  readonly method: (ref: string) => Effect.Effect<PaidWith, GatewayError>
}>()("guichet/services/payments/contract/PaymentGateway") {}
