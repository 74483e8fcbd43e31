/** The flow's beginning and its step 8: one global status out of eight. */
import { Cause, DateTime, Effect } from "effect"
import { Activity } from "effect/workflow"
import type { FlowStatus, StepName } from "../../rpc/CompleteFlow.ts"
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
  const { created_at: createdAt, deadline, owner, request } = yield* retryTransient(flows.load(flowId))
  yield* Activity.make({
    name: "open",
    execute: Effect.andThen(
      retryTransient(flows.begin(flowId)),
      OrchestrationLog.start(flowId, "complete_event_flow", { guests: request.guests.length })
    )
  })
  return { flowId, executionId, owner, request, createdAt, deadline } satisfies Plan
})

const essential: ReadonlySet<StepName> = new Set<StepName>(["validation", "event", "guests"])

const statusOf = (plan: Plan, ended: ReadonlyArray<readonly [StepName, Outcome]>): FlowStatus => {
  const failed = ended.filter(([, outcome]) => outcome.status === "failed")
  if (failed.length === 0) return "completed"
  const stopped = plan.request.orchestration_options.error_handling === "stop_on_error"
  return stopped || failed.some(([name]) => essential.has(name)) ? "failed" : "completed_with_errors"
}

/** Ends the flow, its status step and its feed; tickets that came after the payment's decision are told it before. */
export const conclude = (plan: Plan, outcomes: ReadonlyArray<readonly [StepName, Outcome | undefined]>) =>
  Activity.make({
    name: "status",
    execute: retryTransient(Effect.gen(function* () {
      const flows = yield* FlowStore
      const ended = outcomes.flatMap(([name, outcome]) =>
        outcome === undefined ? [] : [[name, outcome] as const]
      )
      const status = statusOf(plan, ended)
      if (status !== "failed") yield* (yield* PaymentStore).syncTickets(plan.flowId)
      const first = ended.find(([, outcome]) => outcome.status === "failed")?.[1].error ?? undefined
      yield* flows.stepStarted(plan.flowId, "status")
      yield* flows.stepEnded(plan.flowId, "status", { status: "completed", result: { status } })
      yield* flows.finish(plan.flowId, status, first)
      const took = DateTime.distance(plan.createdAt, yield* DateTime.now)
      yield* OrchestrationLog.complete(plan.flowId, status === "completed", took, first?.code)
    }))
  })

/** The end of a flow that met a defect: told in its status and in the log, since nothing else will end it. */
export const abandon = (flowId: string, defect: unknown) =>
  Activity.make({
    name: "abandon",
    execute: retryTransient(Effect.gen(function* () {
      yield* logFault("A flow met a defect and is given up", Cause.die(defect))
      yield* (yield* FlowStore).abandon(flowId)
    }))
  })
