/**
 * The steps of calling an event off, each a durable activity of a bounded batch: whoever dies, the run goes on with the
 * batch that was not done, and what a batch does it may do twice, since every effect has a name of its own (a guest's row,
 * a ticket's state, a refund's id, a message's id). A round voids, cancels what is open, refunds what was paid, and asks the
 * provider; rounds are repeated while anything waits, since flows that were running and webhooks that were late bring more.
 */
import { Duration, Effect, Schema } from "effect"
import { Activity, DurableClock } from "effect/workflow"
import { createHash } from "node:crypto"
import type { EventId } from "../../rpc/values/Ids.ts"
import { retryTransient } from "../durable/Retry.ts"
import { type Message, messageIdOf, toGuest } from "../notifications/Message.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { PaymentClient } from "../payments/PaymentClient.ts"
import { askDue } from "../payments/Refunds.ts"
import { AudienceStore, type Reader } from "../store/notifications/AudienceStore.ts"
import { calledOffTemplate, CancellationStore, eventCalledOff } from "../store/payments/CancellationStore.ts"
import type { Cancellation } from "../store/payments/CancellationRows.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { RefundStore } from "../store/payments/RefundStore.ts"

/** Guests that are written down, tickets that are void, payments that are looked at, messages: of one batch. */
const sizes = { gather: 1_000, void: 500, payments: 200, tell: 100 } as const

/** Rounds: after so many seconds at first, twice as long each time up to a quarter of an hour, for two days. */
const firstPause = Duration.seconds(2)
const longestPause = Duration.minutes(15)
const rounds = 200

/** The refund of a payment because its event was called off: one, whoever asks. */
const refundIdOf = (cancellationId: string, paymentId: string): string =>
  `refund_${createHash("sha256").update(`${cancellationId} ${paymentId}`).digest("hex").slice(0, 24)}`

const step = <S extends Schema.Codec<unknown, unknown>, R>(
  name: string,
  success: S,
  execute: Effect.Effect<S["Type"], never, R>
) => Activity.make({ name, success, execute: retryTransient(execute) })

/** Batches named by their number, each going on where the last one ended, until one ends at nothing. */
const inBatches = Effect.fnUntraced(function* <A extends number | string, R>(
  name: string,
  place: Schema.Codec<A | null, A | null>,
  from: A,
  batch: (after: A) => Effect.Effect<A | null, never, R>
) {
  let at: A | null = from
  for (let nth = 1; at !== null; nth++) at = yield* step(`${name}/${nth}`, place, batch(at))
})

const Guest = Schema.NullOr(Schema.Int)
const Payment = Schema.NullOr(Schema.String)

/** Everybody who holds a place. */
const gather = (name: string, eventId: EventId) =>
  inBatches(
    name,
    Guest,
    0,
    (after) => Effect.flatMap(CancellationStore, (store) => store.gather(eventId, after, sizes.gather))
  )

const voidAll = (name: string, eventId: EventId) =>
  inBatches(`${name}/void`, Guest, 0, () =>
    Effect.map(
      Effect.flatMap(CancellationStore, (store) => store.voidTickets(eventId, sizes.void)),
      (voided) => voided === 0 ? null : voided
    ))

/** What the provider neither cancels nor knows was never opened; one that it has charged is refunded when that is heard of. */
const cancelOne = Effect.fnUntraced(function* (paymentId: string) {
  const payments = yield* PaymentStore
  const client = yield* PaymentClient
  yield* client.cancel(paymentId).pipe(
    Effect.catchIf(
      ({ reason }) => reason === "unknown_payment",
      () => Effect.asVoid(payments.close(paymentId, "payment.canceled"))
    ),
    Effect.catchIf(({ reason }) => reason === "invalid", () => Effect.asVoid(client.check(paymentId))),
    Effect.catch(({ message }) =>
      Effect.logWarning("A payment of an event that was called off is canceled later", {
        paymentId,
        reason: message
      })
    )
  )
})

const lastOf = (ids: ReadonlyArray<string>): string | null => ids.length < sizes.payments ? null : ids.at(-1)!

const cancelOpen = (name: string, eventId: EventId) =>
  inBatches(`${name}/cancel`, Payment, "", (after) =>
    Effect.gen(function* () {
      const open = yield* (yield* CancellationStore).open(eventId, after, sizes.payments)
      yield* Effect.forEach(open, cancelOne, { concurrency: 4, discard: true })
      return lastOf(open)
    }))

/** Keeps the refund of all that is left of each payment, and asks for what is kept. */
const refundAll = (name: string, { cancellation_id, event_id: eventId, reason }: Cancellation) =>
  inBatches(`${name}/refund`, Payment, "", (after) =>
    Effect.gen(function* () {
      const refunds = yield* RefundStore
      const paid = yield* (yield* CancellationStore).paid(eventId, after, sizes.payments)
      yield* Effect.forEach(paid, (paymentId) =>
        Effect.catchTag(
          refunds.begin({
            refundId: refundIdOf(cancellation_id, paymentId),
            paymentId,
            what: { of: "rest" },
            reason: `${eventCalledOff}: ${reason}`.slice(0, 200),
            origin: "event",
            askedBy: null
          }),
          "RefundRefused",
          // All of it goes back by refunds that were asked for before, or what is left is clear in a later round.
          () => Effect.void
        ), { discard: true })
      yield* askDue(sizes.payments, { eventId })
      return lastOf(paid)
    }))

/** Asks for refunds that are due until there is none. */
const askRest = (name: string, eventId: EventId) =>
  inBatches(`${name}/ask`, Guest, 0, () =>
    Effect.map(
      askDue(sizes.payments, { eventId }),
      (asked) => asked < sizes.payments ? null : asked
    ))

const Told = Schema.Struct({ last: Guest, waiting: Schema.Int })

/** What a guest is told, by e-mail with the calendar's entry canceled. */
export const calledOffMessage = (
  { cancellation_id, reason }: Pick<Cancellation, "cancellation_id" | "reason">,
  reader: Reader
): Message =>
  toGuest(reader, {
    messageId: messageIdOf(cancellation_id, calledOffTemplate, reader.guest_id, "email"),
    type: calledOffTemplate,
    template: calledOffTemplate,
    channel: "email",
    priority: "high",
    data: { reason }
  })

/** Tells a batch of guests. */
const tellSome = Effect.fnUntraced(function* (cancellation: Cancellation, after: number) {
  const { event_id: eventId } = cancellation
  const notifier = yield* Notifier
  const ids = yield* (yield* CancellationStore).guests(eventId, after, sizes.tell)
  const readers = yield* (yield* AudienceStore).guests(eventId, ids)
  const messages = readers.map((reader) => calledOffMessage(cancellation, reader))
  yield* notifier.enlist({ flowId: null, sequenceId: null }, messages)
  const { retryable } = yield* notifier.send(messages, { untilAway: true })
  return { last: ids.length < sizes.tell ? null : ids.at(-1)!, waiting: retryable }
})

/** Everybody, once; answers how many messages wait for a mail server that is away. */
const tellAll = Effect.fnUntraced(function* (name: string, cancellation: Cancellation) {
  let waiting = 0
  let at: number | null = 0
  for (let nth = 1; at !== null; nth++) {
    const told: typeof Told.Type = yield* step(`${name}/tell/${nth}`, Told, tellSome(cancellation, at))
    waiting += told.waiting
    at = told.last
  }
  return waiting
})

/** The money of one round. */
const settle = Effect.fnUntraced(function* (name: string, cancellation: Cancellation) {
  const { event_id: eventId } = cancellation
  yield* voidAll(name, eventId)
  yield* cancelOpen(name, eventId)
  yield* refundAll(name, cancellation)
  yield* askRest(name, eventId)
})

/** Rounds until nothing waits, or for two days: then what is left a person has to look at. */
export const callOff = Effect.fnUntraced(function* (cancellation: Cancellation) {
  const { event_id: eventId } = cancellation
  yield* gather("gather", eventId)
  let pause = firstPause
  let waiting = true
  let told = 0
  for (let round = 1; round <= rounds; round++) {
    const name = `round/${round}`
    yield* settle(name, cancellation)
    // Flows that were running register guests, and are issued tickets, behind what was gathered before.
    yield* gather(`${name}/gather`, eventId)
    const gathered = yield* step(
      `${name}/gathered`,
      Schema.Int,
      Effect.flatMap(CancellationStore, (store) => store.gathered(eventId))
    )
    if (waiting || gathered > told) waiting = (yield* tellAll(name, cancellation)) > 0
    told = gathered
    const left = yield* step(
      `${name}/left`,
      Schema.Int,
      Effect.flatMap(CancellationStore, (store) => store.left(eventId))
    )
    if (left === 0 && !waiting) break
    yield* DurableClock.sleep({ name: `${name}/pause`, duration: pause })
    pause = Duration.min(Duration.times(pause, 2), longestPause)
  }
  yield* step("finish", Schema.Void, Effect.flatMap(CancellationStore, (store) => store.finish(eventId)))
})
