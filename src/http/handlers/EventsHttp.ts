/** Answers for events and payments. */
import { Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { FileStore } from "../../files/FileStore.ts"
import { InvoiceFiles } from "../../services/payments/InvoiceFiles.ts"
import { EventStore } from "../../store/EventStore.ts"
import { InvoiceStore } from "../../store/InvoiceStore.ts"
import { PaymentStore } from "../../store/PaymentStore.ts"
import { Api } from "../Api.ts"
import { noStore } from "../NoStore.ts"
import { missing, visible } from "../Visible.ts"

export const EventsHttpLayer = HttpApiBuilder.group(
  Api,
  "events",
  Effect.fn(function*(handlers) {
    const events = yield* EventStore
    const payments = yield* PaymentStore
    const invoices = yield* InvoiceStore
    const files = yield* FileStore
    const drawings = yield* InvoiceFiles
    return handlers.handleAll({
      get: ({ params: { event_id: id } }) =>
        Effect.gen(function*() {
          yield* visible("event", Effect.map(events.owner(id), Option.map((owner) => ({ owner }))))
          return yield* Effect.flatMap(
            events.get(id),
            Option.match({ onNone: () => Effect.fail(missing("event")), onSome: Effect.succeed })
          )
        }),
      payment: ({ params }) => visible("payment", payments.view(params.payment_id)),
      invoice: ({ params }) =>
        noStore(Effect.gen(function*() {
          const invoice = yield* visible("invoice", invoices.get(params.file.replace(/\.pdf$/, "")))
          const key = yield* Effect.orDie(drawings.file(invoice))
          return (yield* Effect.orDie(files.get(key))).bytes
        }))
    })
  })
)
