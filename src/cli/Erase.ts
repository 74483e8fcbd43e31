/** `guichet erase`: a guest who asks to be forgotten is, the invoices of the payments apart. */
import { Console, Effect, Layer } from "effect"
import { Command, Flag } from "effect/cli"
import { databaseLayer, filesLayer } from "../app/Foundation.ts"
import { queueLayer } from "../app/Services.ts"
import { FileStore } from "../files/FileStore.ts"
import { GeneratorQueue } from "../services/generator/GeneratorQueue.ts"
import { PaymentLedger } from "../services/payments/contract/PaymentLedger.ts"
import { ErasureStore, GuestBusy } from "../store/ErasureStore.ts"
import * as KeyValues from "../store/KeyValues.ts"
import { type Guest, pseudonymOf } from "../store/Pseudonym.ts"
import { reportFailure } from "./Sentence.ts"

/** Files, queued chunks and the payment service's copy go first: stopped anywhere, the same command finds what is left. */
export const eraseGuest = Effect.fn("Erase.eraseGuest")(function* (guest: Guest) {
  const store = yield* ErasureStore
  const files = yield* FileStore
  const ledger = yield* PaymentLedger
  const queue = yield* GeneratorQueue
  const { files: keys, payments, tickets } = yield* store.traces(guest)
  if (!(yield* queue.forget(tickets))) {
    return yield* new GuestBusy({
      message:
        `A ticket of guest ${guest.guestId} of event ${guest.eventId} is being generated: erase when it is done.`
    })
  }
  yield* Effect.forEach(keys, (key) => files.remove(key), { concurrency: 4, discard: true })
  yield* Effect.forEach(payments, (id) => ledger.rename(id, pseudonymOf(guest)), { discard: true })
  yield* store.erase(guest)
  return { files: keys.length }
})

const layer = Layer.mergeAll(
  ErasureStore.layer,
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
    guest: number("guest", "The guest's number at this event")
  },
  ({ event, guest }) =>
    reportFailure(
      Effect.gen(function* () {
        const { files } = yield* Effect.provide(eraseGuest({ eventId: event, guestId: guest }), layer)
        yield* Console.log(
          `Erased guest ${guest} of event ${event}, and ${files} files. Invoices keep their payer; logs of deliveries and ` +
            "messages in the outbox go by themselves within 31 days."
        )
      })
    )
).pipe(Command.withDescription("Forget a guest: name, addresses and ticket files; invoices are kept"))
