/** Reports to the core what became of a payment, in the documented body and signed; 2xx once the core has it for good. */
import { Effect, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import type { PaymentEventType } from "../../../../rpc/payments/PaymentWebhook.ts"
import { ServiceTransport } from "../../../trust/ServiceTransport.ts"

/** The core has not taken a report: the same one may be sent again. */
export class NotReported extends Schema.TaggedError<NotReported>()("NotReported", {}) {}

/** The `status` that the body says beside each event. */
export const eventStatuses: Readonly<Record<PaymentEventType, string>> = {
  "payment.completed": "succeeded",
  "payment.failed": "failed",
  "payment.canceled": "canceled",
  "payment.refunded": "refunded",
  "payment.partially_refunded": "partially_refunded",
  "payment.refund_updated": "refund_updated",
  "payment.refund_failed": "refund_failed",
  "payment.disputed": "disputed"
}

/** `id` is the provider's own name of what happened; it names the request. */
export const report = Effect.fn("CoreReport.report")(function* (id: string, body: Schema.Json) {
  const core = (yield* ServiceTransport).client("core", { as: "payment-service", scheme: "payment-webhook" })
  const response = yield* HttpClientRequest.post("/payment-webhook-routes/").pipe(
    HttpClientRequest.setHeader("x-request-id", `req_${id}`),
    HttpClientRequest.bodyText(JSON.stringify(body), "application/json"),
    core.execute,
    Effect.tapError((error) =>
      Effect.logWarning("The core did not answer a payment event", { reason: error.reason._tag })
    ),
    Effect.mapError(() => new NotReported())
  )
  if (response.status >= 200 && response.status < 300) return
  yield* Effect.logWarning("The core refused a payment event", { status: response.status, event: id })
  return yield* new NotReported()
})
