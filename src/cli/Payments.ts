/**
 * `guichet payments`: lists payments, refunds, disputes and documents, tells the history of one, refunds, and calls an event
 * off. What is asked here is kept in the database; the process that serves does it within a minute.
 */
import { Console, Effect, Layer, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { createHash } from "node:crypto"
import { databaseLayer } from "../app/Foundation.ts"
import { isInUse } from "../database/DatabaseError.ts"
import type { EventNumber } from "../../rpc/values/Ids.ts"
import { HistoryEntry, PaymentHistory } from "../store/payments/PaymentHistory.ts"
import { RefundBody, refundRefusals } from "../../rpc/payments/Refund.ts"
import { format } from "../../rpc/values/Money.ts"
import { CancellationStore } from "../store/payments/CancellationStore.ts"
import { EventNumbers } from "../store/EventNumbers.ts"
import { PaymentIndex } from "../store/payments/PaymentIndex.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { RefundStore, whatOf } from "../store/payments/RefundStore.ts"
import { cancellationIdOf } from "../store/payments/CancellationStore.ts"
import { eventOf } from "./Erase.ts"
import { reportFailure, sentenceOf } from "./Sentence.ts"

/** What was asked cannot be done; `message` says why. */
export class PaymentRefused
  extends Schema.TaggedError<PaymentRefused>()("PaymentRefused", { message: Schema.String }) {}

const stores = Layer.mergeAll(
  CancellationStore.layer,
  EventNumbers.layer,
  PaymentHistory.layer,
  PaymentIndex.layer,
  PaymentStore.layer,
  RefundStore.layer
).pipe(Layer.provide(databaseLayer))

type Stores = Layer.Success<typeof stores>

/** The database of a process that serves is closed to this one, which then says who can do it. */
const withStores = <A, E>(work: Effect.Effect<A, E, Stores>) =>
  reportFailure(
    Effect.mapError(Effect.provide(work, stores), (error) =>
      isInUse(error)
        ? new PaymentRefused({
          message: `${sentenceOf(error)} While it serves, its routes under /api do this.`
        })
        : error)
  )

const limit = Flag.Int("limit").pipe(
  Flag.withDescription("So many of the newest, 100 at most"),
  Flag.withDefault(20)
)

const page = (asked: number) => ({
  owner: undefined,
  before: undefined,
  limit: Math.min(Math.max(asked, 1), 100)
})

/** One line each, as JSON. */
const print = (rows: ReadonlyArray<unknown>) =>
  Effect.forEach(rows, (row) => Console.log(JSON.stringify(row)), { discard: true })

const lists = {
  list: [
    "Payments, the newest first",
    (limit: number) => Effect.flatMap(PaymentIndex, (index) => index.payments(page(limit), {}))
  ],
  refunds: [
    "Refunds, the newest first",
    (limit: number) => Effect.flatMap(RefundStore, (refunds) => refunds.page(page(limit), {}))
  ],
  disputes: [
    "Disputes, the newest first",
    (limit: number) => Effect.flatMap(PaymentIndex, (index) => index.disputes(page(limit), {}))
  ],
  invoices: [
    "Invoices, credit notes and corrective invoices, the newest first",
    (limit: number) => Effect.flatMap(PaymentIndex, (index) => index.invoices(page(limit), {}))
  ]
} as const

const listings = Object.entries(lists).map(([name, [says, read]]) =>
  Command.make(name, { limit }, ({ limit }) =>
    withStores(Effect.gen(function* () {
      const { rows } = yield* read(limit)
      yield* print(rows)
    }))).pipe(Command.withDescription(says))
)

const paymentOf = Effect.fnUntraced(function* (paymentId: string) {
  const payment = yield* (yield* PaymentStore).get(paymentId)
  if (Option.isSome(payment)) return payment.value
  return yield* new PaymentRefused({ message: `There is no payment ${paymentId}.` })
})

const history = Command.make(
  "history",
  { payment: Argument.String("payment") },
  ({ payment }) =>
    withStores(Effect.gen(function* () {
      const entries = yield* (yield* PaymentHistory).of(yield* paymentOf(payment))
      yield* print(yield* Effect.orDie(Schema.encodeEffect(Schema.Array(HistoryEntry))(entries)))
    }))
).pipe(Command.withDescription("All that happened to a payment"))

const decodeBody = Schema.decodeUnknownEffect(RefundBody)

const numbers = (text: string) => text.split(",").map((part) => Number(part.trim()))

const refund = Command.make(
  "refund",
  {
    payment: Argument.String("payment"),
    reason: Flag.String("reason").pipe(Flag.withDescription("Why, as its organiser reads it")),
    key: Flag.String("key").pipe(
      Flag.withDescription("Names the refund: the same key again is the same refund, another one another")
    ),
    amount: Flag.Int("amount").pipe(Flag.withDescription("A part, in minor units"), Flag.optional),
    tickets: Flag.String("tickets").pipe(
      Flag.withDescription(
        "Comma-separated ticket ids: their share of the price; they are void from then on"
      ),
      Flag.optional
    )
  },
  ({ amount, key, payment: paymentId, reason, tickets }) =>
    withStores(Effect.gen(function* () {
      const body = yield* Effect.mapError(
        decodeBody({
          reason,
          ...(Option.isSome(amount) ? { amount: amount.value } : {}),
          ...(Option.isSome(tickets) ? { ticket_ids: numbers(tickets.value) } : {})
        }),
        (error) => new PaymentRefused({ message: sentenceOf(error) })
      )
      const { currency } = yield* paymentOf(paymentId)
      const named = createHash("sha256").update(`cli\n${paymentId}\n${key}`).digest("hex").slice(0, 24)
      const kept = yield* (yield* RefundStore).begin({
        refundId: `refund_${named}`,
        paymentId,
        what: whatOf(body),
        reason,
        origin: "organizer",
        askedBy: "command line"
      }).pipe(Effect.mapError(({ left, reason }) =>
        new PaymentRefused({ message: refundRefusals[reason](format(left, currency, "en")) })
      ))
      yield* Console.log(
        `${kept.refund_id}: ${format(kept.amount, kept.currency, "en")}, ${kept.status}. ` +
          "The process that serves asks for it within a minute."
      )
    }))
).pipe(Command.withDescription("Refund a payment, whole or in part"))

const callOff = Command.make(
  "call-off",
  {
    event: Flag.Int("event").pipe(Flag.withDescription("The event's number")),
    organizer: Flag.String("organizer").pipe(
      Flag.withDescription("Whose event it is, where several organisers have one of this number"),
      Flag.optional
    ),
    reason: Flag.String("reason").pipe(Flag.withDescription("Why"))
  },
  ({ event, organizer, reason }) =>
    withStores(Effect.gen(function* () {
      const { event_id, owner } = yield* eventOf(event as EventNumber, organizer)
      yield* (yield* CancellationStore).begin({
        event_id,
        owner,
        cancellation_id: cancellationIdOf(owner, event_id),
        reason: reason.slice(0, 200),
        askedBy: "command line"
      })
      yield* Console.log(
        `Event ${event} is canceled. The process that serves voids, refunds and tells from the next minute on.`
      )
    }))
).pipe(
  Command.withDescription("Call an event off: tickets void, money back, guests told; it cannot be taken back")
)

export const payments = Command.make("payments").pipe(
  Command.withDescription("Payments, refunds and documents, and events that are called off"),
  Command.withSubcommands([...listings, history, refund, callOff])
)
