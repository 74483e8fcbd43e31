/** Deliveries that go on when the flow or the webhook that began them has ended. */
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import { FlowId, PaymentId } from "./values/Ids.ts"
import { Amount } from "./values/Money.ts"

/** The messages of a flow that its step could not deliver. Durable: a ticket is not lost because mail was away. */
export const FlowMessages = Workflow.make("FlowMessages", {
  payload: { flowId: FlowId },
  idempotencyKey: ({ flowId }) => flowId
})

/** The states of a payment that its payer is notified of. */
export const NoticeStatus = Schema.Literals(["settled", "refunded"])
export type NoticeStatus = typeof NoticeStatus.Type

/**
 * The message to a payer whom no step of a flow notifies. Durable: the payment's webhook is answered before it is
 * delivered. `refunded` is what refunds of a part of the price come to with the one that the message is about.
 */
export const PaymentNotice = Workflow.make("PaymentNotice", {
  payload: { paymentId: PaymentId, status: NoticeStatus, refunded: Schema.optionalKey(Amount) },
  idempotencyKey: ({ paymentId, refunded, status }) =>
    [paymentId, status, ...(refunded === undefined ? [] : [refunded])].join("/")
})
