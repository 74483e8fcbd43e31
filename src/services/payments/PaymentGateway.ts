/** Whoever moves the money: Stripe, or a sandbox that plays it. */
import { Context, type Effect, Schema } from "effect"
import type { PaymentAnswer, PaymentRequest, RefundRequest } from "./PaymentApi.ts"

/** The one error of a gateway: `declined` and `invalid` are final, the others pass. */
export class GatewayError extends Schema.TaggedError<GatewayError>()("GatewayError", {
  reason: Schema.Literals(["declined", "invalid", "unavailable", "rate_limited"]),
  detail: Schema.String
}) {
  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return this.reason === "unavailable" || this.reason === "rate_limited"
  }
  override get message(): string {
    return this.detail
  }
}

/** How a payment was made, as the flows document names it. */
export interface PaymentMethod {
  readonly type: string
  readonly brand?: string
  readonly last4?: string
}

export class PaymentGateway extends Context.Service<PaymentGateway, {
  readonly name: string
  /** Asks for a payment; `ref` is what an earlier call answered, and then nothing new is made. */
  readonly create: (
    request: PaymentRequest,
    ref: string | null
  ) => Effect.Effect<Pick<PaymentAnswer, "status" | "gateway_ref" | "client_secret">, GatewayError>
  readonly refund: (
    ref: string,
    paymentId: string,
    refund: RefundRequest
  ) => Effect.Effect<void, GatewayError>
  readonly cancel: (ref: string, paymentId: string) => Effect.Effect<void, GatewayError>
  /** How a payment was made, when its webhook does not say. */
  readonly method: (ref: string) => Effect.Effect<PaymentMethod, GatewayError>
}>()("guichet/services/payments/PaymentGateway") {}
