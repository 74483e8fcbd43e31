/** Answers for those who watch a gate, and for those who set its rules. */
import { Effect, Option, Stream } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Event } from "../../../rpc/Event.ts"
import { LiveGate, viewOf } from "./LiveGate.ts"
import { EventStore } from "../../store/EventStore.ts"
import { GateStore } from "../../store/gate/GateStore.ts"
import { GateGroup } from "./GateApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { CurrentCaller, reaches } from "../rules/CurrentCaller.ts"
import { Drain } from "../../http/Drain.ts"
import { noStore } from "../../http/NoStore.ts"
import { fromCluster } from "../../http/Problems.ts"
import { Seats } from "../../limits/Seats.ts"
import { seated } from "../rules/Seated.ts"
import { missing, visible } from "../rules/Visible.ts"
import { served } from "../../http/Sse.ts"

export const GateHttpLayer = HttpApiBuilder.group(
  apiOf(GateGroup),
  "gate",
  Effect.fn(function* (handlers) {
    const events = yield* EventStore
    const store = yield* GateStore
    const gate = yield* LiveGate
    const drain = yield* Drain
    const seats = yield* Seats
    const event = yield* Event.client

    const own = (eventId: number) =>
      visible("event", Effect.map(events.owner(eventId), Option.map((owner) => ({ owner }))))

    /** Its organiser, an admin, and operators whose token reaches the event; answers the gates that one is limited to. */
    const watchable = Effect.fnUntraced(function* (eventId: number) {
      const caller = yield* CurrentCaller
      if (caller.role !== "operator") yield* own(eventId)
      else if (!reaches(caller, eventId) || Option.isNone(yield* events.owner(eventId))) {
        return yield* missing("event")
      }
      return caller.role === "operator" ? caller.gates : undefined
    })

    return handlers.handleAll({
      view: ({ params: { event_id } }) =>
        noStore(Effect.gen(function* () {
          const gates = yield* watchable(event_id)
          const look = yield* store.look(event_id, null)
          return Option.isSome(look) ? viewOf(look.value.view, gates) : yield* missing("event")
        })),
      events: ({ headers, params: { event_id } }) =>
        noStore(served(
          drain,
          seated(
            seats,
            Effect.gen(function* () {
              const gates = yield* watchable(event_id)
              const last = headers["last-event-id"]
              const sights = yield* gate.watch(event_id, last === undefined ? null : Number(last), gates)
              return Stream.map(sights, (sight) => ({ ...sight, id: String(sight.id) }))
            })
          )
        )),
      rules: ({ params: { event_id } }) =>
        Effect.gen(function* () {
          yield* own(event_id)
          const rules = yield* store.rules(event_id)
          return Option.isSome(rules) ? rules.value : yield* missing("event")
        }),
      setRules: ({ params: { event_id }, payload }) =>
        Effect.gen(function* () {
          yield* own(event_id)
          yield* fromCluster(event(String(event_id)).SetGateRules({ rules: payload }))
          return payload
        }).pipe(Effect.catchTag("EventNotFound", () => missing("event")))
    })
  })
)
