/** An organisation's event number becomes our key: here, before anything of the event is read, and nowhere further in. */
import { Effect, Option } from "effect"
import { type Caller, managers } from "../../../rpc/values/Caller.ts"
import type { EventNumber } from "../../../rpc/values/Ids.ts"
import { type Forbidden, InvalidRequest, type NotFound } from "../../http/Problems.ts"
import { EventNumbers, type OwnedEvent } from "../../store/EventNumbers.ts"
import { type CurrentCaller, requireRole } from "./CurrentCaller.ts"
import { organizerHeader } from "./Organizer.ts"
import { missing } from "./Visible.ts"

const ambiguous = (number: EventNumber) => {
  const detail = `Several organisers have an event ${number}: name one in X-Organizer.`
  return new InvalidRequest({ detail, errors: [{ in: "header", parameter: organizerHeader, detail }] })
}

/**
 * The event that a caller means by a number: among the events of its list, else its organisation's. Who sees everybody's
 * means the only event of this number, and names its organiser where there are several.
 */
export const reach = (numbers: EventNumbers["Service"]) =>
  Effect.fnUntraced(function* (caller: Caller, number: EventNumber) {
    if (caller.events !== undefined) {
      const listed = caller.events.find((event) => event.number === number)
      return Option.map(
        Option.fromUndefinedOr(listed),
        ({ id }): OwnedEvent => ({ event_id: id, owner: caller.owner })
      )
    }
    if (caller.sees === "own") {
      const found = yield* numbers.find(caller.owner, number)
      return Option.map(found, (event_id): OwnedEvent => ({ event_id, owner: caller.owner }))
    }
    const found = yield* numbers.all(number)
    return found.length > 1 ? yield* ambiguous(number) : Option.fromUndefinedOr(found[0])
  })

/** The event of a manager's path or body; one that is not there and another's are not told apart. */
export const ownEvent = Effect.map(EventNumbers, (numbers) => {
  const reached = reach(numbers)
  return (
    number: EventNumber
  ): Effect.Effect<OwnedEvent, Forbidden | NotFound | InvalidRequest, CurrentCaller> =>
    Effect.gen(function* () {
      const event = yield* reached(yield* requireRole(...managers), number)
      return Option.isSome(event) ? event.value : yield* missing("event")
    })
})
