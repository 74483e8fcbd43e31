/** When a reminder is due, what speaks against it then, and the wait for a moment that may move. */
import { DateTime, Duration, Effect, Option, Schema } from "effect"
import { Activity } from "effect/workflow"
import type { EventStatus } from "../../rpc/Event.ts"
import { retryTransient } from "../durable/Retry.ts"
import { EventStore } from "../store/EventStore.ts"
import * as ParallelBranches from "../durable/ParallelBranches.ts"
import { EventId } from "../../rpc/values/Ids.ts"

/** An event as it stands. */
export interface Standing {
  readonly status: EventStatus
  readonly starts_at: DateTime.Utc
}

export const momentOf = (startsAt: DateTime.Utc, hours: number): DateTime.Utc =>
  DateTime.subtract(startsAt, { hours })

/** What is left until the event, in hours; the words of a reminder are made of it. */
export const hoursLeft = ({ starts_at }: Pick<Standing, "starts_at">, now: DateTime.Utc): number =>
  Duration.toHours(DateTime.distance(now, starts_at))

/** A reminder of the beginning itself is due when the event begins. */
const grace = Duration.minutes(5)

/** Why a reminder that is due is not sent; null when nothing speaks against it. */
export const obstacle = (
  event: Standing,
  hours: number,
  ticketId: number | null,
  now: DateTime.Utc
): string | null => {
  if (event.status !== "active" && event.status !== "draft") return `the event is ${event.status}`
  const late = DateTime.addDuration(momentOf(event.starts_at, hours), grace)
  if (DateTime.isGreaterThan(now, DateTime.max(event.starts_at, late))) {
    return `the event had begun at ${DateTime.formatIso(event.starts_at)}`
  }
  return ticketId === null ? "the guest has no live ticket" : null
}

/** The clock that a reminder sleeps by while its event is of this version; completed early, it looks again. */
export const clockOf = (name: string, version: number): string => `${name}/${version}`

const Look = Schema.Struct({ at: Schema.DateTimeUtc, version: Schema.Int, waits: Schema.Boolean })

/**
 * Waits until `hours` before the event, wherever its date goes meanwhile: the `SequenceKeeper` ends the clocks of an
 * earlier version, and `moved` is called with each new moment. A clock that ran out by itself has waited long enough, whatever
 * this process thinks the time is.
 */
export const waitFor = Effect.fnUntraced(function* <R>(
  { eventId, hours, name }: { readonly eventId: EventId; readonly hours: number; readonly name: string },
  moved: (at: DateTime.Utc) => Effect.Effect<void, never, R>
) {
  const look = (number: number) =>
    Effect.gen(function* () {
      const now = yield* DateTime.now
      const event = yield* (yield* EventStore).standing(eventId)
      if (Option.isNone(event)) return { at: now, version: 0, waits: false }
      const at = momentOf(event.value.starts_at, hours)
      if (number > 1) yield* moved(at)
      return { at, version: event.value.version, waits: DateTime.isGreaterThan(at, now) }
    })
  let slept: number | null = null
  for (let number = 1;; number++) {
    const { at, version, waits }: typeof Look.Type = yield* Activity.make({
      name: `${name}/look/${number}`,
      success: Look,
      execute: retryTransient(look(number))
    })
    if (!waits || version === slept) return
    const left = DateTime.distance(yield* DateTime.now, at)
    yield* ParallelBranches.sleep(clockOf(name, version), Duration.max(left, Duration.zero))
    slept = version
  }
})
