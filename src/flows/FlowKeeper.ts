/** Watches over running flows: starts those whose start was lost, and ends the waiting of those out of time. */
import { Effect, Exit } from "effect"
import { DurableDeferred } from "effect/workflow"
import { CompleteFlow, PaymentDone, ticketsDone } from "../../rpc/CompleteFlow.ts"
import * as Keeper from "../durable/Keeper.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { jobs } from "./TicketsStep.ts"

const timeOut = Effect.fnUntraced(function* (executionId: string) {
  const exit = Exit.succeed("timed_out" as const)
  const token = { workflow: CompleteFlow, executionId }
  yield* DurableDeferred.done(PaymentDone, {
    token: DurableDeferred.tokenFromExecutionId(PaymentDone, token),
    exit
  })
  for (let attempt = 1; attempt <= jobs; attempt++) {
    const deferred = ticketsDone(attempt)
    yield* DurableDeferred.done(deferred, {
      token: DurableDeferred.tokenFromExecutionId(deferred, token),
      exit
    })
  }
})

/** One look: what this does, it may do again. */
export const keep = Effect.gen(function* () {
  const flows = yield* FlowStore
  for (const { flow_id: flowId } of yield* flows.forgotten(5)) {
    yield* CompleteFlow.execute({ flowId }, { discard: true })
  }
  for (const { execution_id: executionId } of yield* flows.overdue) {
    if (executionId !== null) yield* timeOut(executionId)
  }
})

/** Runs on one process of the cluster, once a second. */
export const FlowKeeperLayer = Keeper.make("FlowKeeper", keep, "1 second")
