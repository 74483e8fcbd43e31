/** Step 5: the payment, asked of the payment service and decided by the webhook that reaches its mailbox. */
import { Effect, Option } from "effect"
import { DurableDeferred } from "effect/workflow"
import { PaymentDone, StepFailed } from "../../rpc/CompleteFlow.ts"
import { PaymentClient } from "../services/payments/PaymentClient.ts"
import { PaymentStore } from "../store/PaymentStore.ts"
import { paymentIdOf, type Plan } from "./Plan.ts"
import { begin, completed, end, failed, timedOut } from "./Step.ts"

/** Who pays: the order's contact is its first guest. */
const payerOf = ({ request: { guests } }: Plan) => ({ name: guests[0]!.name, email: guests[0]!.email })

const request = (plan: Plan) =>
  Effect.gen(function*() {
    const { event_data: event, guests, payment_config: payment, ticket_config: config } = plan.request
    const paymentId = paymentIdOf(plan.flowId)
    if (payment.amount === 0) return { payment_id: null, status: "free" }
    const metadata = {
      event_id: event.event_id,
      user_id: guests[0]!.guest_id,
      ticket_count: guests.length,
      template_id: config.template_id
    }
    yield* (yield* PaymentStore).begin({
      paymentId,
      flowId: plan.flowId,
      executionId: plan.executionId,
      eventId: event.event_id,
      userId: guests[0]!.guest_id,
      owner: plan.owner,
      amount: payment.amount,
      currency: payment.currency,
      gateway: payment.method,
      customer: payerOf(plan),
      metadata,
      createInvoice: payment.create_invoice,
      sendReceipt: payment.send_receipt
    })
    const created = yield* (yield* PaymentClient).create({
      payment_id: paymentId,
      amount: payment.amount,
      currency: payment.currency,
      method: payment.method,
      auto_confirm: payment.auto_confirm,
      customer: payerOf(plan),
      metadata
    }).pipe(
      Effect.mapError((error) =>
        new StepFailed({ code: `payment_${error.reason}`, detail: error.message, retryable: error.retryable })
      )
    )
    return { payment_id: paymentId, status: created.status }
  })

/** The flow waits for a webhook, not for the service's answer: only a signed event decides a payment. */
export const payment = (plan: Plan) =>
  Effect.gen(function*() {
    const asked = yield* begin(plan, "payment", "request", request(plan))
    const { payment_id: paymentId } = (asked.result ?? {}) as { readonly payment_id?: string | null }
    if (asked.status === "failed" || paymentId === null) {
      return yield* end(plan, "payment", Effect.succeed(asked))
    }
    const decided = yield* DurableDeferred.await(PaymentDone)
    return yield* end(
      plan,
      "payment",
      Effect.succeed(
        decided === "settled"
          ? completed({ payment_id: paymentId ?? null, status: decided })
          : decided === "timed_out"
          ? timedOut
          : failed(`payment_${decided}`, `The payment was ${decided}.`)
      )
    )
  })

/** Compensation: a settled payment is refunded, a waiting one canceled. */
export const takeBack = (plan: Plan) =>
  Effect.gen(function*() {
    const paymentId = paymentIdOf(plan.flowId)
    const payment = yield* (yield* PaymentStore).get(paymentId)
    const status = Option.getOrNull(payment)?.status
    const client = yield* PaymentClient
    const refused = (error: { readonly reason: string; readonly message: string; readonly retryable: boolean }) =>
      new StepFailed({ code: `payment_${error.reason}`, detail: error.message, retryable: error.retryable })
    if (status === "settled") {
      yield* Effect.mapError(client.refund(paymentId, { reason: "the flow was stopped" }), refused)
      return { payment_id: paymentId, refund: "requested" }
    }
    if (status === "pending") {
      yield* Effect.mapError(client.cancel(paymentId), refused)
      return { payment_id: paymentId, cancel: "requested" }
    }
    return { payment_id: paymentId, status: status ?? "none" }
  })
