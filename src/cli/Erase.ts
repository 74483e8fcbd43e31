/** `guichet erase`: a guest who asks to be forgotten is, the invoices of the payments apart. */
import { Console, Effect, Layer, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { databaseLayer, filesLayer } from "../app/Foundation.ts"
import { queueLayer } from "../app/Services.ts"
import { dataDirectory } from "../database/Database.ts"
import { FileStore } from "../files/FileStore.ts"
import * as Outbox from "../services/notifications/Outbox.ts"
import { GeneratorQueue } from "../services/generator/GeneratorQueue.ts"
import { PaymentLedger } from "../services/payments/contract/PaymentLedger.ts"
import type { EventNumber } from "../../rpc/values/Ids.ts"
import { EventNumbers } from "../store/EventNumbers.ts"
import { ErasureStore, GuestBusy } from "../store/retention/ErasureStore.ts"
import * as KeyValues from "../store/KeyValues.ts"
import { type Guest, pseudonymOf } from "../store/retention/Pseudonym.ts"
import { reportFailure } from "./Sentence.ts"

/** No event is meant, or one of several; `message` says what to do. */
export class EventUnclear
  extends Schema.TaggedError<EventUnclear>()("EventUnclear", { message: Schema.String }) {}

/** Files, messages in the outbox of `dir`, queued chunks and the payment service's copy go first: stopped anywhere, the same command finds what is left. */
export const eraseGuest = Effect.fn("Erase.eraseGuest")(function* (guest: Guest, dir: string) {
  const store = yield* ErasureStore
  const files = yield* FileStore
  const ledger = yield* PaymentLedger
  const queue = yield* GeneratorQueue
  const { files: keys, messages, payments, tickets } = yield* store.traces(guest)
  if (!(yield* queue.forget(tickets))) {
    return yield* new GuestBusy({
      message:
        `A ticket of guest ${guest.guestId} of event ${guest.eventId} is being generated: erase when it is done.`
    })
  }
  yield* Effect.forEach(keys, (key) => files.remove(key), { concurrency: 4, discard: true })
  yield* Effect.orDie(Outbox.forget(dir, messages))
  yield* Effect.forEach(payments, (id) => ledger.rename(id, pseudonymOf(guest)), { discard: true })
  yield* store.erase(guest)
  return { files: keys.length }
})

/** The event of this number: the organiser's, or the only one. */
export const eventOf = Effect.fn("Erase.eventOf")(
  function* (number: EventNumber, organizer: Option.Option<string>) {
    const numbers = yield* EventNumbers
    if (Option.isSome(organizer)) {
      const found = yield* numbers.find(organizer.value, number)
      if (Option.isSome(found)) return { event_id: found.value, owner: organizer.value }
      return yield* new EventUnclear({ message: `${organizer.value} has no event ${number}.` })
    }
    const [event, another] = yield* numbers.all(number)
    if (event === undefined) return yield* new EventUnclear({ message: `There is no event ${number}.` })
    if (another === undefined) return event
    return yield* new EventUnclear({
      message: `Several organisers have an event ${number}: name one with --organizer.`
    })
  }
)

const layer = Layer.mergeAll(
  ErasureStore.layer,
  EventNumbers.layer,
  queueLayer,
  PaymentLedger.layer.pipe(Layer.provide(KeyValues.layer))
).pipe(
  Layer.provide(databaseLayer),
  Layer.merge(filesLayer)
)

const number = (name: string, description: string) => Flag.Int(name).pipe(Flag.withDescription(description))

export const erase = Command.make(
  "erase",
  {
    event: number("event", "The event's number"),
    organizer: Flag.String("organizer").pipe(
      Flag.withDescription("Whose event it is, where several organisers have one of this number"),
      Flag.optional
    ),
    guest: number("guest", "The guest's number at this event")
  },
  ({ event, guest, organizer }) =>
    reportFailure(
      Effect.gen(function* () {
        const { files } = yield* Effect.flatMap(
          eventOf(event, organizer),
          ({ event_id: eventId }) =>
            Effect.flatMap(
              dataDirectory,
              (dir) => eraseGuest({ eventId, number: event, guestId: guest }, dir)
            )
        ).pipe(Effect.provide(layer))
        yield* Console.log(
          `Erased guest ${guest} of event ${event}, and ${files} files. Invoices keep their payer. Where the ` +
            "notification service has another data directory than this one, its outbox forgets within 31 days."
        )
      })
    )
).pipe(Command.withDescription("Forget a guest: name, addresses and ticket files; invoices are kept"))
