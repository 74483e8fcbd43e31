/** One compensation as a durable activity: tried like a step, and shown on the step that it compensates. */
import { Effect, type Schema } from "effect"
import type { StepFailed, StepName } from "../../rpc/CompleteFlow.ts"
import { aside } from "../durable/FairPlaces.ts"
import { forADay, patience } from "../durable/Retry.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import type { Plan } from "./Plan.ts"
import type { Outcome } from "./Outcome.ts"

/**
 * Only a step that was begun is compensated. A failed one keeps its error, whatever of it was compensated; a
 * compensation that fails is shown on its step, never lost.
 */
export const compensate = Effect.fnUntraced(function* <R>(
  plan: Plan,
  name: StepName,
  ended: Outcome | undefined,
  work: Effect.Effect<Schema.Json, StepFailed, R>
) {
  const recorded = (result: Schema.Json) =>
    Effect.flatMap(
      FlowStore,
      (flows) =>
        ended?.status === "failed"
          ? flows.stepEnded(plan.flowId, name, { ...ended, error: ended.error ?? undefined, result })
          : flows.compensated(plan.flowId, name, { result })
    )
  const refused = ({ code, detail }: StepFailed) =>
    Effect.flatMap(FlowStore, (flows) =>
      flows.compensated(plan.flowId, name, {
        error: {
          code: ended?.error?.code ?? code,
          detail: [ended?.error?.detail, `Not compensated: ${detail}`].filter(Boolean).join(" ")
        }
      }))
  const once = Effect.gen(function* () {
    if (!(yield* (yield* FlowStore).begun(plan.flowId, name))) return { done: true }
    return yield* work.pipe(
      Effect.retry({ while: (error) => error.retryable, schedule: patience }),
      Effect.matchEffect({
        onSuccess: (result) => Effect.as(recorded(result), { done: true }),
        onFailure: (error) => Effect.as(refused(error), { done: !error.retryable })
      })
    )
  })

  // The activities are stored under this name.
  // A gateway that is away is waited for outside: whose money it is not goes on meanwhile.
  yield* aside(forADay(`${name}/undo`, once))
})
