/** The gateway without Stripe: it moves no money, and real signed webhooks come of it. */
import { Effect, Layer, Option } from "effect"
import { createHash } from "node:crypto"
import type { PaymentRequest } from "../contract/PaymentApi.ts"
import {
  GatewayError,
  type NamedRefund,
  type Opened,
  PaymentGateway,
  reportedName
} from "../contract/PaymentGateway.ts"
import { PaymentLedger } from "../contract/PaymentLedger.ts"
import { SandboxBank } from "./SandboxBank.ts"
import { refOf } from "./SandboxEvents.ts"

/** The amount that is declined, after the end of Stripe's test card 4000 0000 0000 0002. */
export const declinedAmount = 400_002

/**
 * Failures by the local part of the customer's e-mail address: `declined@…` is taken and then fails by
 * webhook, `invalid@…` is refused at once, `unavailable@…` and `ratelimited@…` answer as a gateway in trouble
 * does.
 */
const troubleOf = ({ amount, customer }: PaymentRequest): GatewayError["reason"] | undefined => {
  const [local] = customer.email.split(/[@+]/)
  if (amount === 0 || local === "invalid") return "invalid"
  if (local === "unavailable") return "unavailable"
  if (local === "ratelimited") return "rate_limited"
  return amount === declinedAmount || local === "declined" ? "declined" : undefined
}

/** One refund is one payment and name, as it is for Stripe under our idempotency key. */
export const refundKeyOf = ({ refund_id }: Pick<NamedRefund, "refund_id">): string =>
  createHash("sha256").update(refund_id).digest("hex").slice(0, 16)

const make = Effect.gen(function* () {
  const bank = yield* SandboxBank
  const ledger = yield* PaymentLedger

  const known = Effect.fnUntraced(function* (paymentId: string) {
    const entry = yield* ledger.find(paymentId)
    if (Option.isSome(entry)) return entry.value
    return yield* new GatewayError({ reason: "invalid", detail: "This payment is not known." })
  })

  const open = Effect.fn("SandboxGateway.open")(function* (request: PaymentRequest) {
    const trouble = troubleOf(request)
    if (trouble !== undefined && trouble !== "declined") {
      return yield* new GatewayError({ reason: trouble, detail: `The sandbox was asked to be ${trouble}.` })
    }
    const gateway_ref = refOf(request.payment_id)
    return {
      status: "requires_action",
      gateway_ref,
      client_secret: `${gateway_ref}_secret_sandbox`
    } as const
  })

  const charge = Effect.fn("SandboxGateway.charge")(function* (request: PaymentRequest, opened: Opened) {
    if (!request.auto_confirm) return opened
    const declined = troubleOf(request) === "declined"
    yield* bank.charge(yield* known(request.payment_id), declined ? "fail" : "confirm")
    return { status: "pending", gateway_ref: opened.gateway_ref } as const
  })

  return PaymentGateway.of({
    name: "sandbox",
    open,
    charge,
    refund: (_ref, paymentId, refund) =>
      Effect.flatMap(
        known(paymentId),
        (entry) =>
          bank.act(entry, "refund", {
            key: refundKeyOf(refund),
            name: reportedName(refund) ?? "",
            amount: refund.amount
          })
      ),
    cancel: (_ref, paymentId) => Effect.flatMap(known(paymentId), (entry) => bank.act(entry, "cancel")),
    known: (_ref, request) => bank.known(request),
    method: () => Effect.succeed({ type: "card", brand: "visa", last4: "4242" })
  })
})

/** Plays Stripe over a `SandboxBank`. */
export const SandboxGateway: {
  readonly layer: Layer.Layer<PaymentGateway, never, PaymentLedger | SandboxBank>
} = { layer: Layer.effect(PaymentGateway, make) }
