/** A number of places where the more urgent goes first: whoever waits at `high` takes the next free one. */
import { Effect } from "effect"
import type { Priority } from "../../../rpc/TicketJob.ts"

/** Priorities, the most urgent first. */
export const priorities = ["high", "normal", "low"] as const satisfies ReadonlyArray<Priority>

/** Runs work in one of `places`, waiting for it in the order of priorities, then of arrival. */
export const make = (places: number) => {
  let free = places
  const waiting: Readonly<Record<Priority, Array<() => void>>> = { high: [], normal: [], low: [] }

  const enter = (priority: Priority) =>
    Effect.callback<void>((resume) => {
      if (free > 0) {
        free--
        resume(Effect.void)
      } else {
        waiting[priority].push(() => resume(Effect.void))
      }
    })

  const leave = Effect.sync(() => {
    const first = priorities.find((priority) => waiting[priority].length > 0)
    const next = first === undefined ? undefined : waiting[first].shift()
    if (next === undefined) free++
    else next()
  })

  return <A, E, R>(priority: Priority, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(enter(priority), () => work, () => leave)
}
