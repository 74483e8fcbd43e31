/** The invoice of a flow as a file; its payment must be settled. */
import { Effect } from "effect"
import type { FlowView } from "../../../rpc/CompleteFlow.ts"
import { PaymentView } from "../../../rpc/Payment.ts"
import type { DemoClient } from "./DemoClient.ts"
import { DemoFailed } from "./DemoFailed.ts"
import type { DemoFolder } from "./DemoFolder.ts"
import { isPdf } from "./TicketFiles.ts"

/** Writes `<number>.pdf`. */
export const write = Effect.fn("InvoiceFile.write")(
  function* (client: DemoClient, folder: DemoFolder, flow: FlowView) {
    const { invoice_number: number, payment_id: payment } = flow
    if (payment === null || number === null) {
      return yield* new DemoFailed({ message: "The flow has no invoice." })
    }
    const { status } = yield* client.get(`/api/payments/${payment}`, PaymentView)
    if (status !== "settled") {
      return yield* new DemoFailed({ message: `The payment is ${status} and not settled.` })
    }
    const bytes = yield* client.bytes(`/api/invoices/${number}.pdf`)
    yield* folder.write(`${number}.pdf`, bytes)
    if (!isPdf(bytes)) return yield* new DemoFailed({ message: `The invoice ${number} is no PDF.` })
  }
)
