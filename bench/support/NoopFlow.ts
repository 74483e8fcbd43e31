/** A flow of eight steps that do nothing: what an engine itself costs. */
import { Effect, Schema } from "effect"
import { Activity, Workflow } from "effect/workflow"

/** Steps of a flow; what it returns is the sum of their numbers. */
export const steps = 8

export const sum = (steps * (steps + 1)) / 2

export const NoopFlow = Workflow.make("NoopFlow", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

export const NoopFlowLayer = NoopFlow.toLayer(Effect.fnUntraced(function* () {
  let total = 0
  for (let nth = 1; nth <= steps; nth++) {
    total += yield* Activity.make({ name: `step-${nth}`, success: Schema.Int, execute: Effect.succeed(nth) })
  }
  return total
}))
