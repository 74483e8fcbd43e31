/** How long the event loop was held while something was going on. */
import { Effect } from "effect"
import process from "node:process"

const tick = 5

/** Processor time of this thread, in milliseconds: other processes and threads that were given the processor do not count. */
const busy = () => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1_000
}

/** The longest time in milliseconds that this thread worked while a timer was due, and what the effect answered. */
export const longestHold = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const watch = {
        hold: 0,
        last: performance.now(),
        worked: busy(),
        timer: undefined as NodeJS.Timeout | undefined
      }
      watch.timer = setInterval(() => {
        const [now, worked] = [performance.now(), busy()]
        watch.hold = Math.max(watch.hold, Math.min(now - watch.last - tick, worked - watch.worked))
        watch.last = now
        watch.worked = worked
      }, tick)
      return watch
    }),
    (watch) => Effect.map(work, (value) => ({ value, hold: watch.hold })),
    (watch) => Effect.sync(() => clearInterval(watch.timer))
  )
