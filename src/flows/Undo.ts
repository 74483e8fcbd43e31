/** One compensation as a durable activity: tried like a step, and shown on the step it takes back. */
import { Effect, Schedule } from "effect"
import { Activity } from "effect/workflow"
import type { Schema } from "effect"
import type { StepFailed, StepName } from "../../rpc/CompleteFlow.ts"
import { outlast } from "../Durable.ts"
import { FlowStore } from "../store/FlowStore.ts"
import type { Plan } from "./Plan.ts"
import type { Outcome } from "./Step.ts"

const patience = Schedule.max([Schedule.exponential("200 millis"), Schedule.recurs(6)])

/**
 * Only a step that was begun is taken back. A failed one keeps its error, whatever of it was undone; a compensation
 * that fails is told on its step, never lost.
 */
export const undo = <R>(
  plan: Plan,
  name: StepName,
  ended: Outcome | undefined,
  work: Effect.Effect<Schema.Json, StepFailed, R>
) =>
  Activity.make({
    name: `${name}/undo`,
    execute: outlast(Effect.gen(function* () {
      const flows = yield* FlowStore
      if (!(yield* flows.begun(plan.flowId, name))) return
      yield* work.pipe(
        Effect.retry({ while: (error) => error.retryable, schedule: patience }),
        Effect.matchEffect({
          onSuccess: (result) =>
            ended?.status === "failed"
              ? flows.stepEnded(plan.flowId, name, { ...ended, error: ended.error ?? undefined, result })
              : flows.undone(plan.flowId, name, { result }),
          onFailure: ({ code, detail }) =>
            flows.undone(plan.flowId, name, {
              error: {
                code: ended?.error?.code ?? code,
                detail: [ended?.error?.detail, `Not taken back: ${detail}`].filter(Boolean).join(" ")
              }
            })
        })
      )
    }))
  })
