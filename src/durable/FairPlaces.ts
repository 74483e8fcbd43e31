/** A number of places where the more urgent goes first: whoever waits at `high` takes the next free one. */
import { Effect } from "effect"
import type { Priority } from "../../rpc/TicketJob.ts"

/** Priorities, the most urgent first. */
export const priorities = ["high", "normal", "low"] as const satisfies ReadonlyArray<Priority>

/** Orders by priority; what has the same one stays in its order. */
export const byPriority = (
  one: { readonly priority: Priority },
  other: { readonly priority: Priority }
): number => priorities.indexOf(one.priority) - priorities.indexOf(other.priority)

/** Someone who waits, until `given` a place. */
interface Waiting {
  given: boolean
  go: () => void
}

/**
 * Runs work in one of `places`, waiting for it in the order of priorities, then of arrival. Whoever is interrupted while
 * waiting waits no longer.
 */
export const make = (places: number) => {
  let free = places
  const waiting: Readonly<Record<Priority, Set<Waiting>>> = {
    high: new Set(),
    normal: new Set(),
    low: new Set()
  }

  const leave = Effect.sync(() => {
    const line = priorities.find((priority) => waiting[priority].size > 0)
    if (line === undefined) return void free++
    const [next] = waiting[line]
    if (next === undefined) return
    waiting[line].delete(next)
    next.given = true
    next.go()
  })

  const wait = (
    priority: Priority,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ) => {
    const one: Waiting = { given: false, go: () => {} }
    const turn = Effect.callback<void>((resume) => {
      one.go = () => resume(Effect.void)
      waiting[priority].add(one)
    })
    return Effect.onInterrupt(
      restore(turn),
      () => one.given ? leave : Effect.sync(() => void waiting[priority].delete(one))
    )
  }

  return <A, E, R>(priority: Priority, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        if (free === 0) return wait(priority, restore)
        free--
        return Effect.void
      }).pipe(Effect.andThen(Effect.ensuring(restore(work), leave)))
    )
}
