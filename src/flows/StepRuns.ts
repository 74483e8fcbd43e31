/** Steps under way in this process: one that an arriving answer disturbs goes on, and its next run joins it. */
import { Context, Effect, Layer } from "effect"
import { makeRoom } from "../durable/MakeRoom.ts"
import * as SingleFlight from "../durable/SingleFlight.ts"
import type { StepName } from "../../rpc/CompleteFlow.ts"
import type { Outcome } from "./Outcome.ts"

/** So many steps are remembered. */
const capacity = 10_000

/**
 * A workflow that waits on one branch is woken by interrupting all of them; the engine then runs the interrupted
 * activities again. Here they are not begun twice, so that attempts are counted and reported once.
 */
export class StepRuns extends Context.Service<StepRuns, {
  readonly once: <R>(id: string, work: Effect.Effect<Outcome, never, R>) => Effect.Effect<Outcome, never, R>
  /**
   * Steps whose start was recorded with the end of the one before, and which have not been run yet. A process that goes
   * on with the flow of another knows none, and records the start again: what was not run here is another attempt.
   */
  readonly waiting: Set<string>
}>()("guichet/flows/StepRuns") {
  static readonly layer: Layer.Layer<StepRuns> = Layer.effect(
    StepRuns,
    Effect.map(
      SingleFlight.make<Outcome, never>(capacity),
      (once) => ({ once, waiting: new Set<string>() })
    )
  )
}

const nameOf = (flowId: string, step: StepName) => `${flowId}/${step}`

/** Notes that the start of these steps is recorded. */
export const started = (
  flowId: string,
  steps: ReadonlyArray<StepName>
): Effect.Effect<void, never, StepRuns> =>
  Effect.map(StepRuns, ({ waiting }) => {
    for (const step of steps) waiting.add(nameOf(flowId, step))
    makeRoom(waiting, capacity)
  })

/** Whether the start of a step that is run now is recorded: true once. */
export const isStarted = (flowId: string, step: StepName): Effect.Effect<boolean, never, StepRuns> =>
  Effect.map(StepRuns, ({ waiting }) => waiting.delete(nameOf(flowId, step)))
