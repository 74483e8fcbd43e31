/**
 * What the payment service remembers: each payment it was asked for, under our id and under the gateway's.
 */
import { Cache, Context, Duration, Effect, Exit, Layer, Option, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { PaymentRequest } from "./PaymentApi.ts"

const Entry = Schema.Struct({ request: PaymentRequest, ref: Schema.NullOr(Schema.String) })

/** A payment that was asked for; `ref` is the gateway's name of it, once it has one. */
export type LedgerEntry = typeof Entry.Type

/** An event that decided nothing; `created` is the provider's, in Unix seconds. */
const SetAside = Schema.Struct({
  why: Schema.String,
  type: Schema.NullOr(Schema.String),
  created: Schema.NullOr(Schema.Int)
})
type SetAside = typeof SetAside.Type

/**
 * What is read and written is remembered for a moment, for the steps that follow each other; what another process changed
 * meanwhile, a name or an erased customer, is seen after it. What is not there is asked for each time.
 */
const recently = {
  capacity: 1_024,
  timeToLive: <A>(exit: Exit.Exit<Option.Option<A>>) =>
    Exit.isSuccess(exit) && Option.isSome(exit.value) ? Duration.seconds(5) : Duration.zero
}

export class PaymentLedger extends Context.Service<PaymentLedger, {
  /** Keeps the request before the gateway hears of it; one that is kept already is returned as it is. */
  readonly remember: (request: PaymentRequest) => Effect.Effect<LedgerEntry>
  readonly name: (entry: LedgerEntry, ref: string) => Effect.Effect<void>
  readonly find: (paymentId: string) => Effect.Effect<Option.Option<LedgerEntry>>
  /** Puts another customer in the place of the one who paid, where there is such a payment. */
  readonly rename: (
    paymentId: string,
    customer: typeof PaymentRequest.Type["customer"]
  ) => Effect.Effect<void>
  /** Keeps that an event decided nothing here, once: who, when and why, without what it said. */
  readonly setAside: (eventId: string, note: SetAside) => Effect.Effect<void>
  /** The payment that the gateway calls `ref`. */
  readonly paymentOf: (ref: string) => Effect.Effect<string | undefined>
}>()("guichet/services/payments/contract/PaymentLedger") {
  /** The store survives the process: in SQL or in files; in memory for tests. */
  static readonly layer: Layer.Layer<PaymentLedger, never, KeyValueStore.KeyValueStore> = Layer.effect(
    PaymentLedger,
    Effect.gen(function* () {
      const store = KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, "payments/")
      const entries = KeyValueStore.toSchemaStore(store, Entry)
      const asides = KeyValueStore.toSchemaStore(store, SetAside)

      const recent = yield* Cache.makeWith(
        (paymentId: string) => Effect.orDie(entries.get(`id/${paymentId}`)),
        recently
      )
      const refs = yield* Cache.makeWith(
        (ref: string) => Effect.map(Effect.orDie(store.get(`ref/${ref}`)), Option.fromUndefinedOr),
        recently
      )

      const find = (paymentId: string) => Cache.get(recent, paymentId)

      const keep = Effect.fnUntraced(function* (entry: LedgerEntry) {
        const { payment_id: paymentId } = entry.request
        yield* Effect.orDie(entries.set(`id/${paymentId}`, entry))
        yield* Cache.set(recent, paymentId, Option.some(entry))
      })

      const remember = Effect.fn("PaymentLedger.remember")(function* (request: PaymentRequest) {
        const known = yield* find(request.payment_id)
        if (Option.isSome(known)) return known.value
        const entry: LedgerEntry = { request, ref: null }
        yield* keep(entry)
        return entry
      })

      const name = Effect.fn("PaymentLedger.name")(function* (entry: LedgerEntry, ref: string) {
        if (entry.ref === ref) return
        yield* Effect.orDie(store.set(`ref/${ref}`, entry.request.payment_id))
        yield* Cache.set(refs, ref, Option.some(entry.request.payment_id))
        yield* keep({ ...entry, ref })
      })

      const rename = Effect.fn("PaymentLedger.rename")(
        function* (paymentId: string, customer: typeof PaymentRequest.Type["customer"]) {
          const known = yield* find(paymentId)
          if (Option.isNone(known)) return
          const { ref, request } = known.value
          yield* keep({ request: { ...request, customer }, ref })
        }
      )

      const paymentOf = (ref: string) => Effect.map(Cache.get(refs, ref), Option.getOrUndefined)

      const setAside = (eventId: string, note: SetAside) => Effect.orDie(asides.set(`aside/${eventId}`, note))

      return PaymentLedger.of({ setAside, remember, name, rename, find, paymentOf })
    })
  )
}
