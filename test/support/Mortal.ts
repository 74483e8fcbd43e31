/** A process that a test ends with SIGKILL and starts again as it was. */
import { Effect, Scope } from "effect"
import type { ChildProgram } from "./ChildProgram.ts"

export interface Mortal<A> {
  /** The process of this life. */
  readonly now: () => A
  /** Ends it with SIGKILL. */
  readonly die: Effect.Effect<void>
  /** Starts it again; done when it serves. */
  readonly rise: Effect.Effect<void>
}

/** Starts a first life; the last one ends with the scope. */
export const mortal = <A extends { readonly child: ChildProgram }>(
  start: Effect.Effect<A, never, Scope.Scope>,
  kill: (child: ChildProgram) => Effect.Effect<void> = (child) => child.kill("SIGKILL")
): Effect.Effect<Mortal<A>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    let life = yield* start
    return {
      now: () => life,
      die: Effect.suspend(() => kill(life.child)),
      rise: Effect.map(Effect.provideService(start, Scope.Scope, scope), (next) => void (life = next))
    }
  })
