/** Step 5: the payment, asked of the payment service, decided by the webhook that reaches its mailbox, and compensated. */
import { Effect, Exit, Option, Schema } from "effect"
import { Activity, DurableDeferred } from "effect/workflow"
import { CompleteFlow, PaymentDone, StepFailed } from "../../rpc/CompleteFlow.ts"
import { RefundPayment } from "../../rpc/Payment.ts"
import { type PaymentCallError, PaymentClient } from "../payments/PaymentClient.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { paymentStates } from "../store/payments/PaymentDecisions.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { TicketStore } from "../store/tickets/TicketStore.ts"
import { paymentIdOf, type Plan, refundReason, wholeRefund } from "./Plan.ts"
import { completed, failed, type Outcome, skipped, timedOut } from "./Outcome.ts"
import { begin, end, type Next } from "./Step.ts"

/** Who pays: the order's contact is its first guest. */
const payerOf = ({ request: { guests } }: Plan) => ({ name: guests[0]!.name, email: guests[0]!.email })

const refused = (error: PaymentCallError) =>
  new StepFailed({ code: `payment_${error.reason}`, detail: error.message, retryable: error.retryable })

const underWay = (count: number) =>
  new StepFailed({
    code: "payment_under_way",
    detail: `${count} of the tickets wait for the payment of another flow.`,
    retryable: true
  })

/** Cancels the payments that earlier flows left open for these tickets; one that is charged by now is refunded. */
const cancelForsaken = Effect.fnUntraced(function* (forsaken: ReadonlyArray<string>) {
  const payments = yield* PaymentStore
  const client = yield* PaymentClient
  yield* Effect.forEach(forsaken, (paymentId) =>
    client.cancel(paymentId).pipe(
      Effect.catchIf(
        ({ reason }) => reason === "unknown_payment",
        () => payments.close(paymentId, "payment.canceled")
      ),
      Effect.catchIf(({ reason }) => reason === "invalid", () => Effect.void),
      Effect.mapError(refused)
    ), { discard: true })
})

const request = (plan: Plan) =>
  Effect.gen(function* () {
    const { event_data: event, guests, payment_config: payment, ticket_config: config } = plan.request
    const paymentId = paymentIdOf(plan.flowId)
    if (payment.amount === 0) return { payment_id: null, status: "free" }
    const { claimed, forsaken, unsettled } = yield* (yield* TicketStore).claim({
      eventId: plan.eventId,
      flowId: plan.flowId,
      guestIds: guests.map((guest) => guest.guest_id),
      paymentState: "pending"
    })
    if (unsettled === 0) return { payment_id: null, status: "already_settled" }
    if (claimed > 0) return yield* underWay(claimed)
    yield* cancelForsaken(forsaken)
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
      eventId: plan.eventId,
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
      Effect.mapError(refused)
    )
    yield* (yield* PaymentStore).accepted(paymentId, created.gateway_ref)
    return { payment_id: paymentId, status: created.status }
  })

/** Nothing was asked of the payment service: the flow is free, or all its guests hold settled tickets. */
const isAsked = Schema.is(Schema.Struct({ payment_id: Schema.String, status: Schema.String }))

const settledOutcome = (paymentId: string) => completed({ payment_id: paymentId, status: "settled" })

/** What the decision means for the step. */
const outcomeOf = (paymentId: string, decided: typeof PaymentDone.successSchema.Type): Outcome => {
  switch (decided) {
    case "settled":
      return settledOutcome(paymentId)
    case "timed_out":
      return timedOut
    case "stopped":
      return skipped("The flow stopped before it was paid.")
    default:
      return failed(
        `payment_${decided}`,
        decided === "failed" ? "The payment failed." : "The payment was canceled."
      )
  }
}

/** What has settled is told as settled, whatever ended the wait or the asking first. */
const unlessSettled = (paymentId: string, outcome: Outcome) =>
  Effect.gen(function* () {
    const payment = yield* (yield* PaymentStore).get(paymentId)
    return Option.isSome(payment) && payment.value.settled_at !== null ? settledOutcome(paymentId) : outcome
  })

/** The flow waits for a webhook, not for the service's answer: only a signed event decides a payment. */
export const payment = Effect.fnUntraced(function* (plan: Plan, next: Next) {
  const asked = yield* begin(plan, "payment", "request", request(plan))
  const paymentId = paymentIdOf(plan.flowId)
  if (asked.status === "failed") {
    const close = Effect.flatMap(PaymentStore, (payments) => payments.close(paymentId, "payment.failed"))
    return yield* end(plan, "payment", Effect.andThen(close, unlessSettled(paymentId, asked)))
  }
  if (!isAsked(asked.result)) return yield* end(plan, "payment", Effect.succeed(asked), next)
  const decided = yield* DurableDeferred.await(PaymentDone)
  const outcome = outcomeOf(paymentId, decided)
  return yield* end(
    plan,
    "payment",
    decided === "settled" ? Effect.succeed(outcome) : unlessSettled(paymentId, outcome),
    next
  )
})

const endWait = (executionId: string, decided: typeof PaymentDone.successSchema.Type) =>
  DurableDeferred.done(PaymentDone, {
    token: DurableDeferred.tokenFromExecutionId(PaymentDone, { workflow: CompleteFlow, executionId }),
    exit: Exit.succeed(decided)
  })

/** Ends the wait for a payment that nobody needs any more; a decision that came before stands. */
export const stopWaiting = (plan: Plan) =>
  Activity.make({ name: "payment/stop", execute: endWait(plan.executionId, "stopped") })

/** Ends the wait of a flow whose payment was decided; one that has not begun is not waiting. */
export const decide = Effect.fnUntraced(function* (
  flowId: string,
  decided: "settled" | "failed" | "canceled"
) {
  const execution = yield* (yield* FlowStore).executionOf(flowId)
  if (Option.isSome(execution)) yield* endWait(execution.value, decided)
})

const refund = (paymentId: string) => RefundPayment.execute({ paymentId }, { discard: true, detached: true })

/**
 * A settled payment is for the live tickets of its flow, or it is refunded. Looks when a flow is over and whenever its
 * payment settles after that (`afterSettling`), so that one of the two looks sees both; the refund is one however often
 * they do. Answers whether it is refunded.
 */
export const refundUnearned = Effect.fn("PaymentStep.refundUnearned")(function* (flowId: string) {
  const paymentId = yield* (yield* PaymentStore).unearned(flowId)
  if (Option.isNone(paymentId)) return false
  yield* refund(paymentId.value)
  return true
})

/** The other look: what was told as failed is shown as paid. Answers too whether the flow's messages are still to be sent. */
export const afterSettling = Effect.fn("PaymentStep.afterSettling")(
  function* (flowId: string, paymentId: string) {
    const { speaks, unearned } = yield* (yield* PaymentStore).settled(
      flowId,
      settledOutcome(paymentId).result
    )
    if (unearned !== null) yield* refund(unearned)
    return { isRefunded: unearned !== null, speaks }
  }
)

/** A payment that settled when its step had been told as failed, and is not refunded, is shown as what it is. */
export const showSettled = Effect.fn("PaymentStep.showSettled")(function* (flowId: string) {
  const payment = yield* (yield* PaymentStore).forFlow(flowId)
  if (Option.isNone(payment) || payment.value.status !== "settled") return
  yield* (yield* FlowStore).paid(flowId, settledOutcome(payment.value.payment_id).result)
})

/**
 * Compensation: a settled payment is refunded, one that may still be charged is canceled at the gateway. The gateway
 * has the last word: one that it will not cancel is one that it has charged, or, when it failed and cannot be refunded
 * either, one that it never took.
 */
export const compensatePayment = (plan: Plan) =>
  Effect.gen(function* () {
    const paymentId = paymentIdOf(plan.flowId)
    const payments = yield* PaymentStore
    const client = yield* PaymentClient
    const status = yield* payments.status(paymentId)
    const refund = Effect.as(
      client.refund(paymentId, { refund_id: wholeRefund, reason: refundReason }),
      "refund"
    )
    const close = Effect.as(payments.close(paymentId, "payment.canceled"), "none")
    const cancel = Effect.as(client.cancel(paymentId), "cancel").pipe(
      Effect.catchIf(({ reason }) => reason === "unknown_payment", () => close),
      Effect.catchIf(({ reason }) => reason === "invalid", () => refund),
      Effect.catchIf(({ reason }) => reason === "invalid" && status === "failed", () => close)
    )
    if (status === null) return { payment_id: null }
    const { compensation } = paymentStates[status]
    if (compensation === "none") return { payment_id: paymentId, status }
    const requested = yield* Effect.mapError(compensation === "refund" ? refund : cancel, refused)
    return { payment_id: paymentId, requested }
  })
