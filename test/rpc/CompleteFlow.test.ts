/**
 * A flow is refused before anything is done when its price cannot be charged.
 * Guards whose removal turns this file red: the rules of the currency on `payment_config`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Exit, Schema } from "effect"
import { CompleteFlowRequest } from "../../rpc/CompleteFlow.ts"
import { bodyFor } from "../support/FlowClient.ts"

const decode = Schema.decodeUnknownExit(CompleteFlowRequest)
const priced = (amount: number, currency: string) =>
  decode(bodyFor(1, { payment_config: { amount, currency } }))

describe("the price of a flow", () => {
  it("is one that can be charged in its currency", () => {
    for (const [amount, currency] of [[9999, "EUR"], [0, "EUR"], [5120, "KWD"], [500, "ISK"]] as const) {
      assert.isTrue(Exit.isSuccess(priced(amount, currency)), `${amount} ${currency}`)
    }
    const refused = [
      [5124, "KWD", "multiples of 10"],
      [501, "ISK", "multiples of 100"],
      [100_000_000, "EUR", "At most 99999999"]
    ] as const
    for (const [amount, currency, why] of refused) {
      const said = String(priced(amount, currency))
      assert.include(said, why)
      assert.include(said, '["payment_config"]["amount"]')
    }
  })
})
