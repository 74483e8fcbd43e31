/** The contract of the payment service (port 3003): ask for a payment, refund it, cancel it. */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiError, HttpApiGroup } from "effect/http-api"
import { PaymentId } from "../../../../rpc/values/Ids.ts"
import { Amount, Currency } from "../../../../rpc/values/Money.ts"
import { Customer, PaymentMetadata } from "../../../../rpc/payments/PaymentWebhook.ts"
import { Label } from "../../../../rpc/values/Values.ts"
import { PaymentMethod } from "../../../../rpc/payments/PaymentProvider.ts"
import { problemType } from "../../../http/ProblemCatalog.ts"
import { parsing, ProblemMiddleware } from "../../../http/ProblemMiddleware.ts"
import { AllowedServices } from "../../../trust/CallingService.ts"
import { ServiceAuth } from "../../../trust/ServiceAuth.ts"

/** What is asked; the same `payment_id` is one payment, however often it is sent. */
export const PaymentRequest = Schema.Struct({
  payment_id: PaymentId,
  amount: Amount,
  currency: Currency,
  method: PaymentMethod,
  auto_confirm: Schema.Boolean,
  customer: Customer,
  metadata: PaymentMetadata
})
export type PaymentRequest = typeof PaymentRequest.Type

/** The gateway's first word: a webhook decides, never this answer. */
export const PaymentAnswer = Schema.Struct({
  payment_id: PaymentId,
  status: Schema.Literals(["pending", "requires_action"]),
  gateway: Schema.String,
  gateway_ref: Schema.String,
  client_secret: Schema.optionalKey(Schema.String)
})
export type PaymentAnswer = typeof PaymentAnswer.Type

/**
 * All of the payment without an `amount`. A `refund_id` names one refund, however often it is sent; without one, the
 * request's own id does: two requests of the same amount are two refunds. `again` says that it may have been made long ago:
 * it is looked for first, since a gateway remembers what it was asked for a day or so.
 */
export const RefundRequest = Schema.Struct({
  refund_id: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_.-]{1,100}$/))),
  amount: Schema.optionalKey(Amount),
  reason: Label,
  again: Schema.optionalKey(Schema.Boolean)
})
export type RefundRequest = typeof RefundRequest.Type

/** Whether the gateway has decided the payment; what it knows is with the core by then, reported as by webhooks. */
export const Checked = Schema.Struct({ payment_id: PaymentId, decided: Schema.Boolean })

/** Taken by the gateway; a webhook reports when it is done. */
export const Requested = Schema.Struct({ payment_id: PaymentId, status: Schema.Literal("requested") })

const final = { retryable: Schema.tag(false) }

/** The gateway or the bank said no to this payment. */
export class PaymentDeclined extends HttpApiError.Problem<PaymentDeclined>()("PaymentDeclined", {
  type: problemType("payment-declined"),
  status: 402,
  title: "The payment was declined"
}, final) {}

/** The gateway cannot do what was asked, as it was asked. */
export class PaymentInvalid extends HttpApiError.Problem<PaymentInvalid>()("PaymentInvalid", {
  type: problemType("payment-invalid"),
  status: 422,
  title: "The gateway refused the request"
}, final) {}

/** No payment was asked for under this id. */
export class PaymentUnknown extends HttpApiError.Problem<PaymentUnknown>()("PaymentUnknown", {
  type: problemType("payment-unknown"),
  status: 404,
  title: "This payment is not known"
}, final) {}

/** The gateway cannot answer for now: send the same request again. */
export class GatewayUnavailable extends HttpApiError.Problem<GatewayUnavailable>()("GatewayUnavailable", {
  type: problemType("gateway-unavailable"),
  status: 503,
  title: "The payment gateway cannot answer for now"
}, { retryable: Schema.tag(true), reason: Schema.Literals(["unavailable", "rate_limited"]) }) {}

const refusals = [PaymentDeclined, PaymentInvalid, PaymentUnknown, GatewayUnavailable] as const

/** What the core asks of the service. */
export class PaymentsGroup extends HttpApiGroup.make("payments").add(
  HttpApiEndpoint.post("create", "/payments", {
    payload: PaymentRequest,
    success: PaymentAnswer,
    error: refusals
  }),
  HttpApiEndpoint.post("refund", "/payments/:id/refunds", {
    params: { id: PaymentId },
    payload: RefundRequest,
    success: Requested,
    error: refusals
  }),
  HttpApiEndpoint.post("cancel", "/payments/:id/cancel", {
    params: { id: PaymentId },
    success: Requested,
    error: refusals
  }),
  HttpApiEndpoint.post("check", "/payments/:id/checks", {
    params: { id: PaymentId },
    success: Checked,
    error: refusals
  })
).middleware(ProblemMiddleware).middleware(ServiceAuth).annotate(AllowedServices, ["event-planner-core"]) {}

/** The payment service under its prefix; each provider adds routes of its own. */
export class PaymentApi extends HttpApi.make("payment-service")
  .add(PaymentsGroup)
  .prefix("/api")
  .annotateMerge(parsing) {}
