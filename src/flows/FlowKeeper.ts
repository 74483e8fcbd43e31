/**
 * Watches over running flows: starts those whose start was lost, ends the waiting of those out of time, and begins anew,
 * or ends, those whose run is over and who would never hear of it.
 */
import { Clock, Effect, Exit, Layer, Option } from "effect"
import { DurableDeferred } from "effect/workflow"
import { CompleteFlow, PaymentDone, ticketsDone, type WaitingStep } from "../../rpc/CompleteFlow.ts"
import { beginAgain, diedOf } from "../durable/DeadRun.ts"
import * as Keeper from "../durable/Keeper.ts"
import { makeRoom } from "../durable/MakeRoom.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { logFault } from "../telemetry/Faults.ts"
import { refundUnearned } from "./PaymentStep.ts"
import { jobs } from "./TicketsStep.ts"

/** Why a wait is ended: the flow has no more time, or was canceled. */
type Ending = "timed_out" | "stopped"

/** How the waiting of each step that waits for an answer is ended. */
const timeOuts = {
  tickets: (executionId: string, why: Ending) =>
    Effect.forEach(
      Array.from({ length: jobs }, (_, at) => ticketsDone(at + 1)),
      (deferred) =>
        DurableDeferred.done(deferred, {
          token: DurableDeferred.tokenFromExecutionId(deferred, { workflow: CompleteFlow, executionId }),
          exit: Exit.succeed(why)
        }),
      { discard: true }
    ),
  payment: (executionId: string, why: Ending) =>
    DurableDeferred.done(PaymentDone, {
      token: DurableDeferred.tokenFromExecutionId(PaymentDone, { workflow: CompleteFlow, executionId }),
      exit: Exit.succeed(why)
    })
} satisfies Readonly<Record<WaitingStep, unknown>>

const timeOut = (executionId: string, why: Ending) =>
  Effect.forEach(Object.values(timeOuts), (end) => end(executionId, why), { discard: true })

/** A start that is not seen to have begun is looked at again after this long, and each time after twice as long. */
const patience = { first: 5_000, most: 300_000 }

/** A run that ended in a defect is begun again so often; a flow that it does not get through is ended. */
const lives = 2

/** Flows that a keeper remembers. */
const remembered = 20_000

/** How many running flows a look goes through, one look a minute. */
const looked = 100
const lookEvery = 60_000

/** What a keeper remembers: when to look at a flow again, how often it was begun again, how far its rounds have come. */
export interface Memory {
  readonly starts: Map<string, { at: number; pause: number }>
  readonly begun: Map<string, number>
  cursor: number
  lookAt: number
}

export const remember = (): Memory => ({ starts: new Map(), begun: new Map(), cursor: 0, lookAt: 0 })

/** A flow whose run is over though the flow is not; answers whether it was one. */
const revive = Effect.fnUntraced(function* (memory: Memory, flowId: string, executionId: string) {
  const died = yield* diedOf(CompleteFlow, executionId)
  if (Option.isNone(died)) return false
  const before = memory.begun.get(flowId) ?? 0
  memory.begun.set(flowId, before + 1)
  makeRoom(memory.begun, remembered)
  yield* logFault(before < lives ? "A flow's run died, and is begun again" : "A flow is given up", died.value)
  if (before < lives) yield* beginAgain(CompleteFlow, executionId)
  else {
    yield* (yield* FlowStore).abandon(flowId)
    yield* refundUnearned(flowId)
  }
  return true
})

/** Starts what is accepted and was not begun, unless it is a moment since this was tried. */
const startForgotten = Effect.fnUntraced(function* (memory: Memory, now: number) {
  const flows = yield* FlowStore
  for (const { execution_id, flow_id: flowId } of yield* flows.forgotten(5)) {
    const known = memory.starts.get(flowId)
    if (known !== undefined && now < known.at) continue
    const pause = Math.min(patience.most, (known?.pause ?? patience.first / 2) * 2)
    memory.starts.set(flowId, { at: now + pause, pause })
    makeRoom(memory.starts, remembered)
    if (execution_id !== null && (yield* revive(memory, flowId, execution_id))) continue
    yield* CompleteFlow.execute({ flowId }, { discard: true })
  }
})

/** Looks, some at a time, whether running flows still have a run. */
const lookAtRunning = Effect.fnUntraced(function* (memory: Memory, now: number) {
  if (now < memory.lookAt) return
  memory.lookAt = now + lookEvery
  const running = yield* (yield* FlowStore).running(memory.cursor, looked)
  memory.cursor = running.length < looked ? 0 : running.at(-1)!.seq
  for (const { execution_id, flow_id } of running) {
    if (execution_id !== null) yield* revive(memory, flow_id, execution_id)
  }
})

/** One look: what this does, it may do again. */
export const keep = Effect.fnUntraced(function* (memory: Memory) {
  const flows = yield* FlowStore
  const now = yield* Clock.currentTimeMillis
  yield* startForgotten(memory, now)
  for (const { canceled, execution_id: executionId } of yield* flows.overdue) {
    if (executionId !== null) yield* timeOut(executionId, canceled ? "stopped" : "timed_out")
  }
  yield* lookAtRunning(memory, now)
})

/** Runs on one process of the cluster, once a second. */
export const FlowKeeperLayer = Layer.unwrap(
  Effect.sync(() => Keeper.make("FlowKeeper", keep(remember()), "1 second"))
)
