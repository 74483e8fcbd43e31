/** The flow's beginning and its step 8: one global status out of eight. */
import { Cause, DateTime, Effect } from "effect"
import { Activity } from "effect/workflow"
import { type FlowStatus, type WorkStep, workSteps } from "../../rpc/CompleteFlow.ts"
import { retryTransient } from "../durable/Retry.ts"
import { logFault } from "../telemetry/Faults.ts"
import * as OrchestrationLog from "../telemetry/OrchestrationLog.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import type { Plan } from "./Plan.ts"
import type { Outcome } from "./Outcome.ts"

/** Reads what the flow is to do; the request never changes, so reading it again changes nothing. */
export const open = Effect.fnUntraced(function* (flowId: string, executionId: string) {
  const flows = yield* FlowStore
  const { created_at: createdAt, deadline, event_id: eventId, owner, request } = yield* retryTransient(
    flows.load(flowId)
  )
  yield* Activity.make({
    name: "open",
    execute: Effect.flatMap(
      retryTransient(flows.begin(flowId)),
      (began) =>
        began
          ? OrchestrationLog.start(flowId, "complete_event_flow", { guests: request.guests.length })
          : Effect.void
    )
  })
  return { flowId, executionId, owner, eventId, request, createdAt, deadline } satisfies Plan
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

const statusOf = (plan: Plan, failures: ReadonlyArray<WorkStep>): FlowStatus => {
  if (failures.length === 0) return "completed"
  const stopped = plan.request.orchestration_options.error_handling === "stop_on_error"
  return stopped || failures.some((name) => essential[name]) ? "failed" : "completed_with_errors"
}

/** Ends the flow, its status step and its feed; tickets that came after the payment's decision learn of it first. */
export const conclude = (plan: Plan, outcomes: Outcomes) =>
  Activity.make({
    name: "status",
    execute: retryTransient(Effect.gen(function* () {
      const flows = yield* FlowStore
      const failures = failuresOf(outcomes)
      const status = statusOf(plan, failures)
      if (status !== "failed") yield* (yield* PaymentStore).syncTickets(plan.flowId)
      const first = failures[0] === undefined ? undefined : outcomes[failures[0]].error ?? undefined
      yield* flows.stepStarted(plan.flowId, "status")
      yield* flows.stepEnded(plan.flowId, "status", { status: "completed", result: { status } })
      yield* flows.finish(plan.flowId, status, first)
      const took = DateTime.distance(plan.createdAt, yield* DateTime.now)
      yield* OrchestrationLog.complete(plan.flowId, status === "completed", took, first?.code)
    }))
  })

/** The end of a flow that met a defect: recorded in its status and in the log, since nothing else will end it. */
export const abandon = (flowId: string, defect: unknown) =>
  Activity.make({
    name: "abandon",
    execute: retryTransient(Effect.gen(function* () {
      yield* logFault("A flow met a defect and is given up", Cause.die(defect))
      yield* (yield* FlowStore).abandon(flowId)
    }))
  })
