/**
 * Serves the payment contract: each payment is written down before the gateway hears of it, and asked for
 * once.
 */
import { DateTime, Effect, Option, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { createHash } from "node:crypto"
import { type PaidWith, PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { makeRequestId, RequestId } from "../../http/RequestId.ts"
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
import { eventStatuses, report } from "./contract/CoreReport.ts"
import { type GatewayError, type KnownFact, PaymentGateway } from "./contract/PaymentGateway.ts"
import { type LedgerEntry, PaymentLedger } from "./contract/PaymentLedger.ts"

type Explain = (error: GatewayError) => PaymentDeclined | PaymentInvalid | GatewayUnavailable

const explain: Explain = ({ detail, reason }) => {
  switch (reason) {
    case "declined":
      return new PaymentDeclined({ detail })
    case "invalid":
      return new PaymentInvalid({ detail })
    default:
      return new GatewayUnavailable({ detail, reason })
  }
}

/** What is owed is asked for again until what keeps it is mended: only a word about this refund itself is final. */
const explainRefund: Explain = (error) =>
  error.curable === true
    ? new GatewayUnavailable({ detail: error.detail, reason: "unavailable" })
    : explain(error)

/** The payment at the gateway, under a name that is kept before anything can be charged. */
const open = Effect.fnUntraced(function* (entry: LedgerEntry, explainError: Explain = explain) {
  const [gateway, ledger] = [yield* PaymentGateway, yield* PaymentLedger]
  const opened = yield* Effect.mapError(gateway.open(entry.request, entry.ref), explainError)
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

/**
 * A payment and the gateway's name of it, before somebody `acts` on it; one that was asked for and not answered is opened
 * again to learn the name.
 */
const named = Effect.fnUntraced(function* (
  paymentId: string,
  acts: "look after it" | "take it back",
  explainError: Explain = explain
) {
  const entry = yield* (yield* PaymentLedger).find(paymentId)
  if (Option.isNone(entry)) {
    return yield* new PaymentUnknown({ detail: `Ask for the payment before you ${acts}.` })
  }
  return { entry: entry.value, ref: entry.value.ref ?? (yield* open(entry.value, explainError)).gateway_ref }
})

const encodeBody = Schema.encodeEffect(PaymentWebhook)

/** The same sum after another refund has failed is another fact. */
const failedOf = (known: ReadonlyArray<KnownFact>): ReadonlyArray<string> =>
  known.flatMap(({ event, facts }) => event === "payment.refund_failed" ? facts?.refund?.id ?? [] : []).sort()

/** The body of a fact that no webhook told; equal facts have equal ids, so that the core takes each once. */
const bodyOf = (
  entry: LedgerEntry,
  ref: string,
  fact: KnownFact,
  method: PaidWith,
  failed: ReadonlyArray<string>
) => {
  const { customer, metadata, payment_id } = entry.request
  const said = [ref, fact.event, fact.amount, fact.currency, fact.facts, ...failed]
  const id = createHash("sha256").update(JSON.stringify(said)).digest("hex").slice(0, 32)
  return {
    id: `check_${id}`,
    body: encodeBody({
      event_type: fact.event,
      payment_id,
      amount: fact.amount,
      currency: fact.currency,
      status: eventStatuses[fact.event],
      timestamp: DateTime.makeUnsafe(fact.at * 1000),
      metadata,
      customer,
      payment_method: method,
      ...(fact.facts === undefined ? {} : { facts: fact.facts }),
      webhook_id: `wh_check_${id}`,
      created: fact.at
    })
  }
}

/** Asks the gateway, and reports to the core what it knows: the way of the webhooks, for those that never came. */
const check = Effect.fn("Payments.check")(function* (paymentId: string) {
  const gateway = yield* PaymentGateway
  const { entry, ref } = yield* named(paymentId, "look after it")
  const known = yield* Effect.mapError(gateway.known(ref, entry.request), explain)
  if (known.length === 0) return { payment_id: paymentId, decided: false }
  const method = yield* Effect.mapError(gateway.method(ref), explain)
  const failed = failedOf(known)
  for (const fact of known) {
    const { body, id } = bodyOf(entry, ref, fact, method, failed)
    yield* Effect.catchTag(
      report(id, yield* Effect.orDie(body)),
      "NotReported",
      () =>
        new GatewayUnavailable({ detail: "The core does not take reports for now.", reason: "unavailable" })
    )
  }
  return { payment_id: paymentId, decided: true }
})

/** The handlers of the service routes. */
export const PaymentHandlersLayer = HttpApiBuilder.group(PaymentApi, "payments", (handlers) =>
  handlers
    .handle("create", ({ payload }) => create(payload))
    .handle("check", ({ params: { id } }) => check(id))
    .handle("refund", ({ params: { id }, payload }) =>
      Effect.gen(function* () {
        const { ref } = yield* named(id, "take it back", explainRefund)
        const refund = { ...payload, refund_id: payload.refund_id ?? ((yield* RequestId) || makeRequestId()) }
        yield* Effect.mapError((yield* PaymentGateway).refund(ref, id, refund), explainRefund)
        return { payment_id: id, status: "requested" } as const
      }))
    .handle("cancel", ({ params: { id } }) =>
      Effect.gen(function* () {
        const { ref } = yield* named(id, "take it back")
        yield* Effect.mapError((yield* PaymentGateway).cancel(ref, id), explain)
        return { payment_id: id, status: "requested" } as const
      })))
