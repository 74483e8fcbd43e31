/** A number of places that owners share: the more urgent goes first, and no owner has them all while another waits. */
import { Context, Effect, Schema } from "effect"
import type { Priority } from "../../rpc/TicketJob.ts"

/** Priorities, the most urgent first. */
export const priorities = ["high", "normal", "low"] as const satisfies ReadonlyArray<Priority>

/** Orders by priority; what has the same one stays in its order. */
export const byPriority = (
  one: { readonly priority: Priority },
  other: { readonly priority: Priority }
): number => priorities.indexOf(one.priority) - priorities.indexOf(other.priority)

/** `each`: the most places of one owner, all of them unless it is said. */
export interface FairPlacesOptions {
  readonly places: number
  readonly each?: number
}

/** Whose work it is, and how urgent. */
export interface Turn {
  readonly owner: string
  readonly priority: Priority
}

/** Someone who waits, until `given` a place. */
interface Waiting extends Turn {
  given: boolean
  go: () => void
}

/** The place that work is in. */
interface Place {
  readonly leaveFor: <A, E, R>(waiting: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Work that is in no place has none to leave. */
const CurrentPlace = Context.Reference<Place>("guichet/durable/FairPlaces/CurrentPlace", {
  defaultValue: () => ({ leaveFor: (waiting) => waiting })
})

/** What waits for somebody else leaves its place to others meanwhile, and waits for one when it goes on. */
export const aside = <A, E, R>(waiting: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(CurrentPlace, ({ leaveFor }) => leaveFor(waiting))

/**
 * Runs work in one of the places. A free place is given by these rules, the first that tells two apart: an owner who
 * would have every place goes last, then priority, then the owner with the fewest places, then arrival. Whoever is
 * interrupted while waiting waits no longer.
 */
export const make = ({ each, places }: FairPlacesOptions) => {
  const most = each ?? places
  const line = new Set<Waiting>()
  const atWork = new Map<string, number>()
  let free = places

  const countOf = (owner: string): number => atWork.get(owner) ?? 0
  const wouldHaveAll = ({ owner }: Turn): number => countOf(owner) + 1 >= places ? 1 : 0

  const order = (one: Turn, other: Turn): number =>
    wouldHaveAll(one) - wouldHaveAll(other) || byPriority(one, other) ||
    countOf(one.owner) - countOf(other.owner)

  const enter = ({ owner }: Turn): void => {
    free--
    atWork.set(owner, countOf(owner) + 1)
  }

  const next = (): Waiting | undefined => {
    let first: Waiting | undefined
    for (const one of line) {
      if (countOf(one.owner) < most && (first === undefined || order(one, first) < 0)) first = one
    }
    return first
  }

  const leave = ({ owner }: Turn) =>
    Effect.sync(() => {
      free++
      const left = countOf(owner) - 1
      if (left === 0) atWork.delete(owner)
      else atWork.set(owner, left)
      const one = next()
      if (one === undefined) return
      line.delete(one)
      enter(one)
      one.given = true
      one.go()
    })

  const wait = (turn: Turn, restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
    const one: Waiting = { ...turn, given: false, go: () => {} }
    const called = Effect.callback<void>((resume) => {
      one.go = () => resume(Effect.void)
      line.add(one)
    })
    return Effect.onInterrupt(
      restore(called),
      () => one.given ? leave(turn) : Effect.sync(() => void line.delete(one))
    )
  }

  /** One piece of work's place: it is in it, or away for so many things that it waits for. */
  const placeOf = (turn: Turn) => {
    let isIn = false
    let away = 0
    const take = (restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) =>
      Effect.suspend(() => {
        if (free === 0 || countOf(turn.owner) >= most) return wait(turn, restore)
        enter(turn)
        return Effect.void
      }).pipe(Effect.andThen(Effect.sync(() => isIn = true)))
    const give = Effect.suspend(() => {
      if (!isIn) return Effect.void
      isIn = false
      return leave(turn)
    })
    const leaveFor: Place["leaveFor"] = (waiting) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => away++ === 0 ? give : Effect.void).pipe(
          Effect.andThen(Effect.exit(restore(waiting))),
          Effect.tap(() => Effect.suspend(() => --away === 0 ? take(restore) : Effect.void)),
          Effect.flatMap((exit) => exit)
        )
      )
    return { take, give, leaveFor }
  }

  return <A, E, R>(turn: Turn, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const { give, leaveFor, take } = placeOf(turn)
        const placed = Effect.provideService(restore(work), CurrentPlace, { leaveFor })
        return Effect.andThen(take(restore), Effect.ensuring(placed, give))
      })
    )
}

/** So much of one owner is at work or waits already that this is not taken. */
export class TooManyWait extends Schema.TaggedError<TooManyWait>()("TooManyWait", {}) {}

/** The same, for `asked` of one owner at most: more than those are refused at once. */
export const makeBounded = (options: FairPlacesOptions & { readonly asked: number }) => {
  const through = make(options)
  const asked = new Map<string, number>()

  const forget = (owner: string) =>
    Effect.sync(() => {
      const left = (asked.get(owner) ?? 0) - 1
      if (left > 0) asked.set(owner, left)
      else asked.delete(owner)
    })

  return <A, E, R>(turn: Turn, work: Effect.Effect<A, E, R>): Effect.Effect<A, E | TooManyWait, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend((): Effect.Effect<A, E | TooManyWait, R> => {
        const count = asked.get(turn.owner) ?? 0
        if (count >= options.asked) return Effect.fail(new TooManyWait())
        asked.set(turn.owner, count + 1)
        return Effect.ensuring(restore(through(turn, work)), forget(turn.owner))
      })
    )
}
