/**
 * The bank behind the sandbox: what happened to each payment, and the webhooks that report it, none of them
 * lost.
 */
import { Clock, Context, Effect, Layer, Option, Schedule, Schema, Semaphore } from "effect"
import { HttpClientRequest } from "effect/http"
import { KeyValueStore, PersistedQueue } from "effect/persistence"
import { ServiceTransport } from "../../../trust/ServiceTransport.ts"
import * as TraceParent from "../../../telemetry/TraceParent.ts"
import type { PaymentRequest } from "../contract/PaymentApi.ts"
import { GatewayError, type KnownFact } from "../contract/PaymentGateway.ts"
import { type LedgerEntry, PaymentLedger } from "../contract/PaymentLedger.ts"
import { eventIdOf, refundIdOf, SandboxAction, sandboxEvent } from "./SandboxEvents.ts"
import { StripeSignature } from "../stripe/StripeSignature.ts"

const Emission = Schema.Struct({
  id: Schema.String,
  payment_id: Schema.String,
  action: SandboxAction,
  created: Schema.Int,
  refunded: Schema.Int,
  refund: Schema.optionalKey(Schema.Struct({ key: Schema.String, name: Schema.String })),
  trace: Schema.optionalKey(TraceParent.TraceParent)
})

const Account = Schema.Struct({
  state: Schema.Literals(["open", "failed", "canceled", "succeeded"]),
  refunds: Schema.Record(Schema.String, Schema.Int),
  /** The name under which each refund was asked for, those that failed, and the second of the last event. */
  names: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  failed: Schema.optionalKey(Schema.Record(Schema.String, Schema.Int)),
  last: Schema.optionalKey(Schema.Int)
})
type Account = typeof Account.Type

/** A part or, without an amount, the rest of the price, refunded once under its `key`; `name` is what the core calls it. */
export interface SandboxRefund {
  readonly key: string
  readonly name: string
  readonly amount: number | undefined
}

const after = { confirm: "succeeded", fail: "failed", cancel: "canceled" } as const

const refunded = ({ refunds }: Account): number =>
  Object.values(refunds).reduce((sum, amount) => sum + amount, 0)

const refuse = (detail: string) => Effect.fail(new GatewayError({ reason: "invalid", detail }))

interface Acted {
  readonly account: Account
  /** What refunds come to after a refund; the refund that failed. */
  readonly refunded: number
  /** The refund that it is about, and its amount. */
  readonly refund?: { readonly key: string; readonly name: string; readonly amount: number }
}

const isCharging = Schema.is(Schema.Literals(["confirm", "fail", "cancel"]))

const refundOf = (
  account: Account,
  price: number,
  { amount: asked, key, name }: SandboxRefund
): Effect.Effect<Acted, GatewayError> => {
  const known = account.refunds[key]
  if (known !== undefined) {
    return Effect.succeed({ account, refunded: refunded(account), refund: { key, name, amount: known } })
  }
  if (key in (account.failed ?? {})) return refuse("This refund has failed.")
  const rest = price - refunded(account)
  const amount = asked ?? rest
  if (amount > rest || amount === 0) return refuse("More would be refunded than was charged.")
  const after = {
    ...account,
    refunds: { ...account.refunds, [key]: amount },
    names: { ...account.names, [key]: name }
  }
  return Effect.succeed({ account: after, refunded: refunded(after), refund: { key, name, amount } })
}

const failedRefundOf = (account: Account): Effect.Effect<Acted, GatewayError> => {
  const last = Object.entries(account.refunds).at(-1)
  if (last === undefined) return refuse("Nothing was refunded.")
  const [key, amount] = last
  const { [key]: _failed, ...refunds } = account.refunds
  return Effect.succeed({
    account: { ...account, refunds, failed: { ...account.failed, [key]: amount } },
    refunded: amount,
    refund: { key, name: account.names?.[key] ?? "", amount }
  })
}

/** The account after the action, or the refusal that Stripe would give. */
const apply = (
  account: Account,
  action: SandboxAction,
  price: number,
  refund: SandboxRefund | undefined
): Effect.Effect<Acted, GatewayError> => {
  if (isCharging(action)) {
    const state = after[action]
    return account.state === state || account.state === "open" || account.state === "failed"
      ? Effect.succeed({ account: { ...account, state }, refunded: refunded(account) })
      : refuse(`The payment is ${account.state} already.`)
  }
  if (account.state !== "succeeded") return refuse(`The payment is ${account.state}: nothing was charged.`)
  if (action === "refund" && refund !== undefined) return refundOf(account, price, refund)
  if (action === "fail_refund") return failedRefundOf(account)
  return Effect.succeed({ account, refunded: refunded(account) })
}

const retries = Schedule.min([Schedule.exponential("1 second", 2), Schedule.spaced("30 seconds")])

export class SandboxBank extends Context.Service<SandboxBank, {
  /** Charges the payment, or declines it, unless it was called off before. */
  readonly charge: (entry: LedgerEntry, action: "confirm" | "fail") => Effect.Effect<void, GatewayError>
  /** What became of the payment, as far as the account tells. */
  readonly known: (request: PaymentRequest) => Effect.Effect<ReadonlyArray<KnownFact>>
  /** Changes the account and queues Stripe's event of it; the same action again is the same event. */
  readonly act: (
    entry: LedgerEntry,
    action: SandboxAction,
    refund?: SandboxRefund
  ) => Effect.Effect<void, GatewayError>
}>()("guichet/services/payments/sandbox/SandboxBank") {
  /** Events wait in a persisted queue until our own webhook route has answered 2xx. */
  static readonly layer: Layer.Layer<
    SandboxBank,
    never,
    | KeyValueStore.KeyValueStore
    | PersistedQueue.PersistedQueueFactory
    | PaymentLedger
    | ServiceTransport
    | StripeSignature
  > = Layer.effect(
    SandboxBank,
    Effect.gen(function* () {
      const store = KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, "sandbox/")
      const accounts = KeyValueStore.toSchemaStore(store, Account)
      const ledger = yield* PaymentLedger
      const signature = yield* StripeSignature
      const route = (yield* ServiceTransport).client("payments", { as: "payment-service" })
      const turn = yield* Semaphore.make(1)
      const queue = yield* PersistedQueue.make({
        name: "sandbox-webhooks",
        schema: Emission,
        maxAttempts: 10_000,
        retrySchedule: retries
      })

      const load = (paymentId: string) =>
        Effect.map(
          Effect.orDie(accounts.get(paymentId)),
          Option.getOrElse((): Account => ({ state: "open", refunds: {} }))
        )

      const emit = Effect.fnUntraced(function* (
        paymentId: string,
        action: SandboxAction,
        created: number,
        { refund, refunded }: Pick<Acted, "refund" | "refunded">
      ) {
        const id = eventIdOf(paymentId, action, refund?.key)
        const trace = yield* TraceParent.current
        const named = refund === undefined ? {} : { refund: { key: refund.key, name: refund.name } }
        const emission = { id, payment_id: paymentId, action, created, refunded, ...named, trace }
        yield* Effect.orDie(queue.offer(emission, { id }))
      })

      /** Of one payment no two events are of one second: what follows what is to be seen, as it is where days pass. */
      const actOn = Effect.fnUntraced(
        function* (account: Account, entry: LedgerEntry, action: SandboxAction, refund?: SandboxRefund) {
          const { amount, payment_id } = entry.request
          const acted = yield* apply(account, action, amount, refund)
          const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
          const created = Math.max(now, (account.last ?? 0) + 1)
          yield* Effect.orDie(accounts.set(payment_id, { ...acted.account, last: created }))
          if (action === "refund" && acted.refund !== undefined && acted.refund.name !== "") {
            yield* emit(payment_id, "refund_arrives", created, { ...acted, refunded: acted.refund.amount })
          }
          yield* emit(payment_id, action, created, acted)
        }
      )

      const act = Effect.fn("SandboxBank.act")(
        (entry: LedgerEntry, action: SandboxAction, refund?: SandboxRefund) =>
          Effect.flatMap(load(entry.request.payment_id), (account) => actOn(account, entry, action, refund)),
        turn.withPermit
      )

      const charge = Effect.fn("SandboxBank.charge")(
        (entry: LedgerEntry, action: "confirm" | "fail") =>
          Effect.flatMap(
            load(entry.request.payment_id),
            (account) => account.state === "canceled" ? Effect.void : actOn(account, entry, action)
          ),
        turn.withPermit
      )

      const deliver = Effect.fn("SandboxBank.deliver")(function* (emission: typeof Emission.Type) {
        const entry = yield* Effect.flatMap(ledger.find(emission.payment_id), Effect.fromOption)
        const payload = JSON.stringify(sandboxEvent(entry.request, emission))
        const response = yield* HttpClientRequest.post("/webhooks/stripe").pipe(
          HttpClientRequest.setHeader("stripe-signature", yield* signature.sign(payload)),
          HttpClientRequest.bodyText(payload, "application/json"),
          route.execute
        )
        if (response.status >= 300) return yield* refuse(`The webhook route answered ${response.status}.`)
      })

      const work = queue.take((emission) => TraceParent.under(emission.trace)(deliver(emission))).pipe(
        Effect.catch((error) =>
          Effect.andThen(
            Effect.logWarning("A sandbox webhook is not delivered yet", { reason: error._tag }),
            Effect.sleep("250 millis")
          )
        ),
        Effect.forever
      )
      yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkScoped(work))

      const known = Effect.fn("SandboxBank.known")(function* (
        { amount, currency, payment_id }: PaymentRequest
      ) {
        const account = yield* load(payment_id)
        const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
        const at = Math.max(now, (account.last ?? 0) + 1)
        const price = { at, amount, currency }
        if (account.state === "canceled") return [{ event: "payment.canceled" as const, ...price }]
        if (account.state !== "succeeded") return []
        const back = refunded(account)
        const completed: KnownFact = { event: "payment.completed", ...price }
        /** What was refunded by hand has no name of ours. */
        const nameOf = (key: string) => account.names?.[key] || undefined
        const said = (key: string, amount: number) => {
          const name = nameOf(key)
          return { id: refundIdOf(payment_id, key), amount, ...(name === undefined ? {} : { name }) }
        }
        const failed = Object.entries(account.failed ?? {}).map(([key, amount]): KnownFact => ({
          ...price,
          event: "payment.refund_failed",
          at: at - 1,
          facts: { refund: said(key, amount) }
        }))
        const arrived = Object.entries(account.refunds).flatMap(([key, amount]): ReadonlyArray<KnownFact> =>
          nameOf(key) === undefined ? [] : [{
            ...price,
            event: "payment.refund_updated",
            at: at - 1,
            facts: { refund: { ...said(key, amount), status: "succeeded" } }
          }]
        )
        if (back === 0 && failed.length === 0) return [completed]
        const sum: KnownFact = back === amount
          ? { event: "payment.refunded", ...price }
          : { event: "payment.partially_refunded", ...price, facts: { amount_refunded: back } }
        return [completed, ...failed, ...arrived, sum]
      })

      return SandboxBank.of({
        act,
        charge,
        known
      })
    })
  )
}
