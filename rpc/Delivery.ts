/** What goes on being delivered when whoever asked for it has moved on. */
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import { FlowId, PaymentId } from "./Ids.ts"

/** The messages of a flow that its step could not deliver. Durable: a ticket is not lost because mail was away. */
export const FlowMessages = Workflow.make("FlowMessages", {
  payload: { flowId: FlowId },
  idempotencyKey: ({ flowId }) => flowId
})

/** What a payer is told when no step of a flow does. Durable: the payment's webhook is answered before it is delivered. */
export const PaymentNotice = Workflow.make("PaymentNotice", {
  payload: { paymentId: PaymentId, status: Schema.Literals(["settled", "refunded"]) },
  idempotencyKey: ({ paymentId, status }) => `${paymentId}/${status}`
})
