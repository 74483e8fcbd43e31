/** Watches over running flows: starts those whose start was lost, and ends the waiting of those out of time. */
import { Effect, Exit } from "effect"
import { DurableDeferred } from "effect/workflow"
import { CompleteFlow, PaymentDone, ticketsDone, type WaitingStep } from "../../rpc/CompleteFlow.ts"
import * as Keeper from "../durable/Keeper.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { jobs } from "./TicketsStep.ts"

const timedOut = Exit.succeed("timed_out" as const)

/** How the waiting of each step that waits for an answer is ended. */
const timeOuts = {
  tickets: (executionId: string) =>
    Effect.forEach(
      Array.from({ length: jobs }, (_, at) => ticketsDone(at + 1)),
      (deferred) =>
        DurableDeferred.done(deferred, {
          token: DurableDeferred.tokenFromExecutionId(deferred, { workflow: CompleteFlow, executionId }),
          exit: timedOut
        }),
      { discard: true }
    ),
  payment: (executionId: string) =>
    DurableDeferred.done(PaymentDone, {
      token: DurableDeferred.tokenFromExecutionId(PaymentDone, { workflow: CompleteFlow, executionId }),
      exit: timedOut
    })
} satisfies Readonly<Record<WaitingStep, unknown>>

const timeOut = (executionId: string) =>
  Effect.forEach(Object.values(timeOuts), (end) => end(executionId), { discard: true })

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
