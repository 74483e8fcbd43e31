/** Answers for events that are called off: what is asked is kept, then begun; a keeper begins what was not. */
import { Effect, Option } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { CallOffEvent } from "../../../rpc/EventCancellation.ts"
import type { EventId } from "../../../rpc/values/Ids.ts"
import { noStore } from "../../http/NoStore.ts"
import { cancellationIdOf, CancellationStore } from "../../store/payments/CancellationStore.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { CurrentCaller } from "../rules/CurrentCaller.ts"
import { nextPage, pageSize } from "../rules/NextPage.ts"
import { ownEvent } from "../rules/OwnEvent.ts"
import { missing } from "../rules/Visible.ts"
import { CancellationsGroup } from "./CancellationsApi.ts"

export const CancellationsHttpLayer = HttpApiBuilder.group(
  apiOf(CancellationsGroup),
  "cancellations",
  Effect.fn(function* (handlers) {
    const store = yield* CancellationStore
    const own = yield* ownEvent

    const view = (eventId: EventId) =>
      Effect.flatMap(
        store.view(eventId),
        Option.match({ onNone: () => Effect.fail(missing("event")), onSome: Effect.succeed })
      )

    return handlers.handleAll({
      callOff: ({ params, payload }) =>
        Effect.gen(function* () {
          const { event_id: eventId, owner } = yield* own(params.event_id)
          const { subject } = yield* CurrentCaller
          yield* store.begin({
            event_id: eventId,
            cancellation_id: cancellationIdOf(owner, eventId),
            owner,
            reason: payload.reason,
            askedBy: subject
          })
          yield* CallOffEvent.execute({ eventId }, { discard: true })
          return HttpApiSchema.withHeaders({
            body: yield* view(eventId),
            headers: { location: `/api/events/${params.event_id}/cancellation` }
          })
        }),
      cancellation: ({ params }) =>
        noStore(Effect.flatMap(own(params.event_id), ({ event_id: eventId }) => view(eventId))),
      report: ({ params, query: { cursor = 0, limit = pageSize } }) =>
        noStore(Effect.gen(function* () {
          const { event_id: eventId } = yield* own(params.event_id)
          const page = yield* store.report(eventId, cursor, limit)
          const path = `/api/events/${params.event_id}/cancellation/guests`
          const { headers, next_cursor } = yield* nextPage(path, page)
          const guests = page.rows.map(({ seq: _seq, ...guest }) => guest)
          return HttpApiSchema.withHeaders({ body: { guests, next_cursor }, headers })
        }))
    })
  })
)
