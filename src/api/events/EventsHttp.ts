/** Answers for events and payments. */
import { Effect, Option, Schedule, Schema } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { Event } from "../../../rpc/Event.ts"
import type { EventId } from "../../../rpc/values/Ids.ts"
import { PaymentMethod } from "../../../rpc/payments/PaymentProvider.ts"
import { FileStore } from "../../files/FileStore.ts"
import { InvoiceFiles } from "../../payments/invoices/InvoiceFiles.ts"
import { PaymentClient } from "../../payments/PaymentClient.ts"
import { Fonts } from "../../print/pdf/Fonts.ts"
import { unprintableReason } from "../../print/text/Unprintable.ts"
import { type EventTerms, PrintStore } from "../../store/tickets/PrintStore.ts"
import { EventStore } from "../../store/EventStore.ts"
import { InvoiceStore } from "../../payments/invoices/InvoiceStore.ts"
import { isOpen } from "../../store/payments/PaymentDecisions.ts"
import type { PaymentView } from "../../../rpc/Payment.ts"
import type { PaymentRow } from "../../store/payments/PaymentRow.ts"
import { PaymentStore } from "../../store/payments/PaymentStore.ts"
import { EventsGroup } from "./EventsApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { pdfNamed } from "../../http/FileNamed.ts"
import { fileStoreAway, storedBytes } from "../rules/FileStoreAway.ts"
import { nextPage, pageSize } from "../rules/NextPage.ts"
import { noStore } from "../../http/NoStore.ts"
import { Conflict, type FieldError, fromCluster, InvalidRequest } from "../../http/Problems.ts"
import { ownEvent } from "../rules/OwnEvent.ts"
import { missing, ownerOf, visible } from "../rules/Visible.ts"

const isPaymentMethod = Schema.is(PaymentMethod)

/** A payment is shown in time, whatever its gateway does: it is asked twice, and the door waits four seconds. */
const gatewayPatience = "1500 millis"

const within = <A, E, R>(asked: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.option(Effect.timeoutOption(asked, gatewayPatience)), Option.flatten)

const textOrNull = (text: string | null | undefined): string | null => text?.trim() || null

export const EventsHttpLayer = HttpApiBuilder.group(
  apiOf(EventsGroup),
  "events",
  Effect.fn(function* (handlers) {
    const events = yield* EventStore
    const payments = yield* PaymentStore
    const invoices = yield* InvoiceStore
    const files = yield* FileStore
    const drawings = yield* InvoiceFiles
    const service = yield* PaymentClient
    const prints = yield* PrintStore
    const fonts = yield* Fonts
    const event = yield* Event.client

    const own = yield* ownEvent

    const view = (id: EventId) =>
      Effect.flatMap(
        events.get(id),
        Option.match({ onNone: () => Effect.fail(missing("event")), onSome: Effect.succeed })
      )

    /** What tickets would be printed with boxes for is refused here, where whoever wrote it can still change it. */
    const writable = Effect.fnUntraced(function* (terms: EventTerms) {
      const errors = yield* fonts.complete(() =>
        Object.entries(terms).flatMap(([field, text]): ReadonlyArray<FieldError> => {
          const detail = text === null ? null : unprintableReason(fonts.regular.missing(text))
          return detail === null ? [] : [{ pointer: `/${field}`, detail }]
        })
      )
      if (errors.length > 0) {
        return yield* new InvalidRequest({ detail: "Tickets cannot be printed with this text.", errors })
      }
    })

    /**
     * Asking again for a payment that waits is the same payment, and its answer has what the payer's page needs; one whose
     * card was declined waits for another.
     */
    const secretOf = Effect.fnUntraced(function* (row: PaymentRow) {
      const { customer, gateway_ref: ref, gateway: method } = row
      if (!isOpen(row.status) || customer === null || ref === null || !isPaymentMethod(method)) return null
      const answer = yield* within(service.create({
        payment_id: row.payment_id,
        amount: row.amount,
        currency: row.currency,
        method,
        auto_confirm: false,
        customer,
        metadata: row.metadata ?? {}
      }))
      return Option.getOrNull(answer)?.client_secret ?? null
    })

    /**
     * A payment that is open here may be decided at the gateway, where its webhook was lost: whoever reads it has it asked,
     * and waits a moment for what was heard to be applied.
     */
    const heal = ({ payment_id: id, status }: PaymentView) =>
      Effect.gen(function* () {
        if (!isOpen(status)) return
        const row = yield* payments.get(id)
        if (Option.isNone(row) || row.value.gateway_ref === null || !(yield* payments.mayCheck(id))) return
        if (!(yield* service.check(id))) return
        yield* payments.status(id).pipe(
          Effect.repeat({
            until: (status) => status === null || !isOpen(status),
            schedule: Schedule.spaced("50 millis")
          })
        )
      }).pipe(
        Effect.timeout(gatewayPatience),
        Effect.catch((error) =>
          Effect.logWarning("A payment is shown as it was heard of last", { reason: error.message })
        )
      )

    return handlers.handleAll({
      list: ({ query: { cursor, limit = pageSize, ...filters } }) =>
        Effect.gen(function* () {
          const owner = yield* ownerOf
          const page = yield* events.page({ owner, before: cursor, limit }, filters)
          const { headers, next_cursor } = yield* nextPage("/api/events", page)
          const named = page.rows.map(({ owner: organizer, ...row }) =>
            owner === undefined ? { ...row, organizer } : row
          )
          return HttpApiSchema.withHeaders({ body: { events: named, next_cursor }, headers })
        }),
      get: ({ params }) => Effect.flatMap(own(params.event_id), ({ event_id: id }) => view(id)),
      setStatus: ({ params, payload }) =>
        Effect.gen(function* () {
          const { event_id: id } = yield* own(params.event_id)
          yield* fromCluster(event(String(id)).SetStatus(payload))
          return yield* view(id)
        }).pipe(Effect.catchTags({
          EventNotFound: () => missing("event"),
          EventClosed: () =>
            new Conflict({ detail: "The event was called off: its tickets are void, its payments go back." })
        })),
      terms: ({ params }) =>
        Effect.gen(function* () {
          const { event_id: id } = yield* own(params.event_id)
          const found = yield* prints.terms(id)
          return Option.isSome(found) ? found.value : yield* missing("event")
        }),
      setTerms: ({ params, payload }) =>
        Effect.gen(function* () {
          const { event_id: id } = yield* own(params.event_id)
          const terms = { terms: textOrNull(payload.terms), organizer: textOrNull(payload.organizer) }
          yield* writable(terms)
          yield* prints.setTerms(id, terms)
          return terms
        }),
      payment: ({ params }) =>
        noStore(Effect.gen(function* () {
          yield* heal(yield* visible("payment", payments.view(params.payment_id)))
          const view = yield* visible("payment", payments.view(params.payment_id))
          const row = yield* payments.get(params.payment_id)
          return { ...view, client_secret: Option.isSome(row) ? yield* secretOf(row.value) : null }
        })),
      invoice: ({ params }) =>
        pdfNamed(
          params.file,
          noStore(Effect.gen(function* () {
            const invoice = yield* visible("invoice", invoices.get(params.file.replace(/\.pdf$/, "")))
            const key = yield* drawings.file(invoice).pipe(
              Effect.catchTags({ FileStoreError: fileStoreAway, PdfError: Effect.die })
            )
            return yield* storedBytes(files, key, "Ask whoever runs this installation to restore it.")
          }))
        )
    })
  })
)
