/** Answers for those who watch a gate, and for those who set its rules. */
import { isGranted } from "../../../rpc/values/Caller.ts"
import { Effect, Option, Stream } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Event } from "../../../rpc/Event.ts"
import { LiveGate, viewOf } from "./LiveGate.ts"
import { EventNumbers } from "../../store/EventNumbers.ts"
import { GateStore } from "../../store/gate/GateStore.ts"
import { GateGroup } from "./GateApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { CurrentCaller } from "../rules/CurrentCaller.ts"
import { Drain } from "../../http/Drain.ts"
import { noStore } from "../../http/NoStore.ts"
import { fromCluster } from "../../http/Problems.ts"
import { ownEvent, reach } from "../rules/OwnEvent.ts"
import { Seats } from "../../limits/Seats.ts"
import { seated } from "../rules/Seated.ts"
import { missing } from "../rules/Visible.ts"
import { served } from "../../http/Sse.ts"
import type { EventNumber } from "../../../rpc/values/Ids.ts"

export const GateHttpLayer = HttpApiBuilder.group(
  apiOf(GateGroup),
  "gate",
  Effect.fn(function* (handlers) {
    const own = yield* ownEvent
    const reached = reach(yield* EventNumbers)
    const store = yield* GateStore
    const gate = yield* LiveGate
    const drain = yield* Drain
    const seats = yield* Seats
    const event = yield* Event.client

    /** For its organiser, an admin, and operators whose token reaches the event; with the gates that one is limited to. */
    const watchable = Effect.fnUntraced(function* (number: EventNumber) {
      const caller = yield* CurrentCaller
      const event = yield* reached(caller, number)
      if (Option.isNone(event)) return yield* missing("event")
      return { eventId: event.value.event_id, gates: isGranted(caller.role) ? caller.gates : undefined }
    })

    return handlers.handleAll({
      view: ({ params: { event_id } }) =>
        noStore(Effect.gen(function* () {
          const { eventId, gates } = yield* watchable(event_id)
          const look = yield* store.look(eventId, null)
          return Option.isSome(look) ? viewOf(look.value.view, gates) : yield* missing("event")
        })),
      events: ({ headers, params: { event_id } }) =>
        noStore(served(
          drain,
          seated(
            seats,
            Effect.gen(function* () {
              const { eventId, gates } = yield* watchable(event_id)
              const last = headers["last-event-id"]
              const sights = yield* gate.watch(eventId, last === undefined ? null : Number(last), gates)
              return Stream.map(sights, (sight) => ({ ...sight, id: String(sight.id) }))
            })
          )
        )),
      rules: ({ params: { event_id } }) =>
        Effect.gen(function* () {
          const { event_id: eventId } = yield* own(event_id)
          const rules = yield* store.rules(eventId)
          return Option.isSome(rules) ? rules.value : yield* missing("event")
        }),
      setRules: ({ params: { event_id }, payload }) =>
        Effect.gen(function* () {
          const { event_id: eventId } = yield* own(event_id)
          yield* fromCluster(event(String(eventId)).SetGateRules({ rules: payload }))
          return payload
        }).pipe(Effect.catchTag("EventNotFound", () => missing("event")))
    })
  })
)
