/** Steps under way in this process: one that an arriving answer disturbs goes on, and its next run joins it. */
import { Context, Effect, Layer } from "effect"
import * as SingleFlight from "../durable/SingleFlight.ts"
import type { Outcome } from "./Outcome.ts"

/**
 * A workflow that waits on one branch is woken by interrupting all of them; the engine then runs the interrupted
 * activities again. Here they are not begun twice, so that attempts are counted and reported once.
 */
export class StepRuns extends Context.Service<StepRuns, {
  readonly once: <R>(id: string, work: Effect.Effect<Outcome, never, R>) => Effect.Effect<Outcome, never, R>
}>()("guichet/flows/StepRuns") {
  static readonly layer: Layer.Layer<StepRuns> = Layer.effect(
    StepRuns,
    Effect.map(SingleFlight.make<Outcome, never>(10_000), (once) => ({ once }))
  )
}
