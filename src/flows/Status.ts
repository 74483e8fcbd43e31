/** The flow's beginning and its step 8: one global status out of eight. */
import { Cause, DateTime, Effect } from "effect"
import { Activity } from "effect/workflow"
import { type FlowStatus, isFlowOver, type WorkStep, workSteps } from "../../rpc/CompleteFlow.ts"
import { retryTransient } from "../durable/Retry.ts"
import { logFault } from "../telemetry/Faults.ts"
import * as OrchestrationLog from "../telemetry/OrchestrationLog.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import type { Plan } from "./Plan.ts"
import { completed, type Outcome } from "./Outcome.ts"
import { once } from "./Step.ts"
import { started } from "./StepRuns.ts"

/** What a complete flow is in the log. */
const flowType = "complete_event_flow"

/**
 * Reads what the flow is to do, and begins it where it has not begun: a flow that goes on reads it again, and begins
 * nothing. The request never changes.
 */
export const open = Effect.fnUntraced(function* (flowId: string, executionId: string) {
  const flows = yield* FlowStore
  const { created_at: createdAt, deadline, event_id: eventId, owner, request, status, ...stored } =
    yield* retryTransient(flows.load(flowId))
  if (status === "accepted" && (yield* retryTransient(flows.begin(flowId, "validation")))) {
    yield* started(flowId, ["validation"])
    yield* OrchestrationLog.start(flowId, flowType, { guests: request.guests.length })
  }
  const ended = new Map(stored.ended.map(({ step, ...outcome }) => [step, outcome]))
  const over = isFlowOver[status]
  return { flowId, executionId, owner, eventId, request, createdAt, deadline, ended, over } satisfies Plan
})

/** How each step with work to do has ended. */
export type Outcomes = Readonly<Record<WorkStep, Outcome>>

/** Whether a flow whose step fails has failed, whatever its options say; otherwise it completed with errors. */
const essential: Readonly<Record<WorkStep, boolean>> = {
  validation: true,
  event: true,
  guests: true,
  tickets: false,
  payment: false,
  notifications: false,
  reminders: false
}

const failuresOf = (outcomes: Outcomes) => workSteps.filter((name) => outcomes[name].status === "failed")

/** The error of a flow that was asked to end. */
const canceledError = { code: "canceled", detail: "The flow was canceled." }

const statusOf = (plan: Plan, failures: ReadonlyArray<WorkStep>, isCanceled: boolean): FlowStatus => {
  if (isCanceled) return "failed"
  if (failures.length === 0) return "completed"
  const stopped = plan.request.orchestration_options.error_handling === "stop_on_error"
  return stopped || failures.some((name) => essential[name]) ? "failed" : "completed_with_errors"
}

/**
 * Ends the flow, its status step and its feed; tickets that came after the payment's decision learn of it first. A flow
 * that has ended says so in its row: nothing else is stored of it.
 */
export const conclude = (plan: Plan, outcomes: Outcomes, isCanceled: boolean) =>
  once(
    plan,
    "status",
    Effect.gen(function* () {
      const flows = yield* FlowStore
      const failures = failuresOf(outcomes)
      const status = statusOf(plan, failures, isCanceled)
      const failure = failures[0] === undefined ? undefined : outcomes[failures[0]].error ?? undefined
      const first = isCanceled ? canceledError : failure
      yield* flows.finish(plan.flowId, status, first)
      const took = DateTime.distance(plan.createdAt, yield* DateTime.now)
      yield* OrchestrationLog.complete(plan.flowId, status === "completed", took, first?.code ?? [], {
        flowType
      })
      return completed({ status })
    })
  )

/** The end of a flow that met a defect: recorded in its status and in the log, since nothing else will end it. */
export const abandon = (flowId: string, defect: unknown) =>
  Activity.make({
    name: "abandon",
    execute: retryTransient(Effect.gen(function* () {
      yield* logFault("A flow met a defect and is given up", Cause.die(defect))
      const flows = yield* FlowStore
      const { created_at: createdAt } = yield* flows.turn(flowId)
      yield* flows.abandon(flowId)
      const took = DateTime.distance(createdAt, yield* DateTime.now)
      yield* OrchestrationLog.complete(flowId, false, took, "internal", { flowType })
    }))
  })
