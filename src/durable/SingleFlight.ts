/**
 * One run an id: a repeat joins the run in flight or gets its answer; a caller that gives up does not stop
 * it.
 */
import { Deferred, Effect } from "effect"

/** Failures are forgotten, so that a retry tries again; successes are kept for the last `capacity` ids. */
export const make = Effect.fnUntraced(function* <A, E>(capacity: number) {
  const scope = yield* Effect.scope
  const runs = new Map<string, Deferred.Deferred<A, E>>()

  return <R>(id: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) => {
      const known = runs.get(id)
      if (known !== undefined) return restore(Deferred.await(known))
      const run = Deferred.makeUnsafe<A, E>()
      runs.set(id, run)
      for (const oldest of runs.keys()) {
        if (runs.size <= capacity) break
        runs.delete(oldest)
      }
      return effect.pipe(
        Effect.tapCause(() => Effect.sync(() => runs.get(id) === run && runs.delete(id))),
        Deferred.into(run),
        Effect.forkIn(scope),
        Effect.andThen(restore(Deferred.await(run)))
      )
    })
})
