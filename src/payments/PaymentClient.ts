/** How the core calls the payment service: the contract's own client over the services' transport. */
import { Context, Effect, Layer, Schema } from "effect"
import { HttpApiClient } from "effect/http-api"
import * as OrchestrationLog from "../telemetry/OrchestrationLog.ts"
import { ServiceTransport } from "../trust/ServiceTransport.ts"
import {
  type PaymentAnswer,
  PaymentApi,
  type PaymentRequest,
  type RefundRequest
} from "../services/payments/contract/PaymentApi.ts"

/**
 * `retryable` says whether the same call may succeed later; the same call is one payment, refund or
 * cancellation.
 */
export class PaymentCallError extends Schema.TaggedError<PaymentCallError>()("PaymentCallError", {
  reason: Schema.Literals(["declined", "invalid", "unknown_payment", "unavailable", "rate_limited"]),
  message: Schema.String,
  retryable: Schema.Boolean
}) {}

type Reason = PaymentCallError["reason"]

const passes: ReadonlyArray<Reason> = ["unavailable", "rate_limited"]

/** The reason of each failure that says one; what is left over is ours, and final. */
const reasonOf = (error: { readonly _tag: string; readonly reason?: unknown }): Reason => {
  switch (error._tag) {
    case "PaymentDeclined":
      return "declined"
    case "PaymentUnknown":
      return "unknown_payment"
    case "GatewayUnavailable":
      return error.reason === "rate_limited" ? "rate_limited" : "unavailable"
    case "HttpClientError":
      return "unavailable"
    default:
      return "invalid"
  }
}

const explain = (error: { readonly _tag: string; readonly message: string }) => {
  const reason = reasonOf(error)
  return new PaymentCallError({ reason, message: error.message, retryable: passes.includes(reason) })
}

const refusals: ReadonlyArray<string> = ["PaymentDeclined", "PaymentInvalid", "PaymentUnknown"]

/**
 * What is owed stays owed: only the payment service's word about this refund is final. That it refuses us, as while a
 * secret is being changed, or answers what nobody understands, passes.
 */
const explainRefund = (error: { readonly _tag: string; readonly message: string }) =>
  refusals.includes(error._tag) || passes.includes(reasonOf(error))
    ? explain(error)
    : new PaymentCallError({ reason: "unavailable", message: error.message, retryable: true })

export class PaymentClient extends Context.Service<PaymentClient, {
  readonly create: (request: PaymentRequest) => Effect.Effect<PaymentAnswer, PaymentCallError>
  readonly refund: (paymentId: string, refund: RefundRequest) => Effect.Effect<void, PaymentCallError>
  readonly cancel: (paymentId: string) => Effect.Effect<void, PaymentCallError>
  /** Has the service ask the gateway and report what it knows; whether it is decided there. */
  readonly check: (paymentId: string) => Effect.Effect<boolean, PaymentCallError>
}>()("guichet/payments/PaymentClient") {
  /** The transport brings the address, the timeout, the retries, the signature and the breaker. */
  static readonly layer: Layer.Layer<PaymentClient, never, ServiceTransport> = Layer.effect(
    PaymentClient,
    Effect.gen(function* () {
      const httpClient = (yield* ServiceTransport).client("payments", { as: "event-planner-core" })
      const { payments } = yield* HttpApiClient.makeWith(PaymentApi, { httpClient })
      return PaymentClient.of({
        create: Effect.fn("PaymentClient.create")((request) =>
          Effect.mapError(payments.create({ payload: request }), explain)
        ),
        refund: Effect.fn("PaymentClient.refund")((id, refund) =>
          payments.refund({ params: { id }, payload: refund }).pipe(
            Effect.mapError(explainRefund),
            Effect.asVoid,
            OrchestrationLog.within(id)
          )
        ),
        cancel: Effect.fn("PaymentClient.cancel")((id) =>
          payments.cancel({ params: { id } }).pipe(
            Effect.mapError(explain),
            Effect.asVoid,
            OrchestrationLog.within(id)
          )
        ),
        check: Effect.fn("PaymentClient.check")((id) =>
          payments.check({ params: { id } }).pipe(
            Effect.mapError(explain),
            Effect.map(({ decided }) => decided),
            OrchestrationLog.within(id)
          )
        )
      })
    })
  )
}
