/**
 * Serves the payment contract: each payment is written down before the gateway hears of it, and asked for
 * once.
 */
import { Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { takes } from "../../../rpc/payments/PaymentProvider.ts"
import {
  GatewayUnavailable,
  type PaymentAnswer,
  PaymentApi,
  PaymentDeclined,
  PaymentInvalid,
  type PaymentRequest,
  PaymentUnknown
} from "./contract/PaymentApi.ts"
import { type GatewayError, PaymentGateway } from "./contract/PaymentGateway.ts"
import { type LedgerEntry, PaymentLedger } from "./contract/PaymentLedger.ts"

const explain = ({ detail, reason }: GatewayError) => {
  switch (reason) {
    case "declined":
      return new PaymentDeclined({ detail })
    case "invalid":
      return new PaymentInvalid({ detail })
    default:
      return new GatewayUnavailable({ detail, reason })
  }
}

/** The payment at the gateway, under a name that is kept before anything can be charged. */
const open = Effect.fnUntraced(function* (entry: LedgerEntry) {
  const [gateway, ledger] = [yield* PaymentGateway, yield* PaymentLedger]
  const opened = yield* Effect.mapError(gateway.open(entry.request, entry.ref), explain)
  yield* ledger.name(entry, opened.gateway_ref)
  return opened
})

const create = Effect.fn("Payments.create")(function* (request: PaymentRequest) {
  const [gateway, ledger] = [yield* PaymentGateway, yield* PaymentLedger]
  if (!takes(gateway.name, request.method)) {
    return yield* new PaymentInvalid({
      detail: `Payments are charged by ${gateway.name} here, not by ${request.method}.`
    })
  }
  const entry = yield* ledger.remember(request)
  if (entry.request.amount !== request.amount || entry.request.currency !== request.currency) {
    return yield* new PaymentInvalid({ detail: "This payment was asked for before, with another price." })
  }
  const opened = yield* open(entry)
  const charged = yield* Effect.mapError(gateway.charge(entry.request, opened), explain)
  const answer: PaymentAnswer = { payment_id: request.payment_id, gateway: gateway.name, ...charged }
  return answer
})

/** The gateway's name of a payment; one that was asked for and not answered is opened again to learn it. */
const named = Effect.fnUntraced(function* (paymentId: string) {
  const entry = yield* (yield* PaymentLedger).find(paymentId)
  if (Option.isNone(entry)) {
    return yield* new PaymentUnknown({ detail: "Ask for the payment before you take it back." })
  }
  return entry.value.ref ?? (yield* open(entry.value)).gateway_ref
})

/** The handlers of the service routes. */
export const PaymentHandlersLayer = HttpApiBuilder.group(PaymentApi, "payments", (handlers) =>
  handlers
    .handle("create", ({ payload }) => create(payload))
    .handle("refund", ({ params: { id }, payload }) =>
      Effect.gen(function* () {
        const ref = yield* named(id)
        yield* Effect.mapError((yield* PaymentGateway).refund(ref, id, payload), explain)
        return { payment_id: id, status: "requested" } as const
      }))
    .handle("cancel", ({ params: { id } }) =>
      Effect.gen(function* () {
        const ref = yield* named(id)
        yield* Effect.mapError((yield* PaymentGateway).cancel(ref, id), explain)
        return { payment_id: id, status: "requested" } as const
      })))
