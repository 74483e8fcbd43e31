/** One compensation as a durable activity: tried like a step, and shown on the step it takes back. */
import { Effect, Schedule } from "effect"
import { Activity } from "effect/workflow"
import type { Schema } from "effect"
import type { StepFailed, StepName } from "../../rpc/CompleteFlow.ts"
import { outlast } from "../Durable.ts"
import { FlowStore } from "../store/FlowStore.ts"
import type { Plan } from "./Plan.ts"

const patience = Schedule.max([Schedule.exponential("200 millis"), Schedule.recurs(6)])

/** Only a step that was begun is taken back; a compensation that fails is told on its step, never lost. */
export const undo = <R>(plan: Plan, name: StepName, work: Effect.Effect<Schema.Json, StepFailed, R>) =>
  Activity.make({
    name: `${name}/undo`,
    execute: outlast(Effect.gen(function*() {
      const flows = yield* FlowStore
      if (!(yield* flows.begun(plan.flowId, name))) return
      yield* work.pipe(
        Effect.retry({ while: (error) => error.retryable, schedule: patience }),
        Effect.matchEffect({
          onSuccess: (result) => flows.undone(plan.flowId, name, { result }),
          onFailure: (error) =>
            flows.undone(plan.flowId, name, { error: { code: error.code, detail: `Not taken back: ${error.detail}` } })
        })
      )
    }))
  })
