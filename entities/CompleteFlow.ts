/** The complete flow as its story: eight steps, and how each is compensated when the flow stops. */
import { Effect, Layer, type Schema } from "effect"
import { DurableDeferred } from "effect/workflow"
import { CompleteFlow, type StepFailed, type WorkStep, workSteps } from "../rpc/CompleteFlow.ts"
import { outlive, retryTransient } from "../src/durable/Retry.ts"
import { FlowPlaces } from "../src/flows/FlowPlaces.ts"
import { publish, register, validate } from "../src/flows/EventSteps.ts"
import { messages } from "../src/flows/MessagesStep.ts"
import {
  compensatePayment,
  payment,
  refundUnearned,
  showSettled,
  stopWaiting
} from "../src/flows/PaymentStep.ts"
import type { Plan } from "../src/flows/Plan.ts"
import { cancelMessages, remind } from "../src/flows/RemindersStep.ts"
import { abandon, conclude, open } from "../src/flows/Status.ts"
import { Outcome } from "../src/flows/Outcome.ts"
import { type Next, recorded, skip, step } from "../src/flows/Step.ts"
import { FlowStore } from "../src/store/flows/FlowStore.ts"
import { StepRuns } from "../src/flows/StepRuns.ts"
import { compensate } from "../src/flows/Compensation.ts"
import { stopRendering, tickets, voidTickets } from "../src/flows/TicketsStep.ts"

/** What must be there before a step makes sense, whatever the flow does about errors. */
const needs: Readonly<Record<WorkStep, WorkStep | null>> = {
  validation: null,
  event: "validation",
  guests: "event",
  tickets: "guests",
  payment: "guests",
  notifications: "guests",
  reminders: "guests"
}

type Skips = Effect.Services<ReturnType<typeof skip>["execute"]>
type Outcomes = Map<WorkStep, Outcome>

/** Why a step is not run: something it needs is missing, or the flow stops at its first error. */
const obstacle = (plan: Plan, outcomes: Outcomes, name: WorkStep): string | undefined => {
  const needed = needs[name]
  if (needed !== null && outcomes.get(needed)?.status !== "completed") {
    return `The step ${needed} is not done.`
  }
  const stopped = [...outcomes].find(([, outcome]) => outcome.status === "failed")
  if (stopped === undefined) return undefined
  if (stopped[1].error?.code === "timed_out") return "The flow's timeout_seconds passed."
  return plan.request.orchestration_options.error_handling === "stop_on_error"
    ? `The flow stopped when the step ${stopped[0]} failed.`
    : undefined
}

/**
 * One of two steps at once. While it can go on it counts as work under way, so that the other, which waits for an answer
 * of its own, does not suspend the flow before the answer to this one is acted on. Both count before either goes on.
 */
const alongside = <R>(name: WorkStep, work: Effect.Effect<Outcome, never, R>) =>
  DurableDeferred.into(
    Effect.andThen(Effect.yieldNow, work),
    DurableDeferred.make(`alongside/${name}`, { success: Outcome })
  )

type Compensators = Effect.Services<
  ReturnType<typeof cancelMessages | typeof compensatePayment | typeof voidTickets>
>

/** How an ended step is compensated; null where nothing is to be. */
type Compensation = (
  plan: Plan,
  ended: Outcome | undefined
) => Effect.Effect<Schema.Json, StepFailed, Compensators> | null

/** The event and its guests stay: a later flow uses them. */
const compensations: Readonly<Record<WorkStep, Compensation>> = {
  validation: () => null,
  event: () => null,
  guests: () => null,
  tickets: voidTickets,
  payment: compensatePayment,
  notifications: (plan, ended) => ended?.status === "failed" ? cancelMessages(plan) : null,
  reminders: cancelMessages
}

/** In the order opposite to the steps'; a step that was never begun has nothing to compensate. */
const compensateAll = Effect.fnUntraced(function* (plan: Plan, outcomes: Outcomes) {
  for (const name of workSteps.toReversed()) {
    const ended = outcomes.get(name)
    const work = compensations[name](plan, ended)
    if (work !== null) yield* compensate(plan, name, ended, work)
  }
})

/** Answers whether the payment's step is told as completed. */
const runSteps = Effect.fnUntraced(function* (plan: Plan) {
  const outcomes: Outcomes = new Map()
  /** Nobody is asked while all is well: whoever cancels a flow ends what it waits for, and that is no completed step. */
  const isCanceled = Effect.suspend(() =>
    [...outcomes.values()].every(({ status }) => status === "completed")
      ? Effect.succeed(false)
      : retryTransient(Effect.flatMap(FlowStore, (flows) => flows.isCanceled(plan.flowId)))
  )
  const settle = Effect.fnUntraced(
    function* <R>(name: WorkStep, run: Effect.Effect<Outcome, never, R>) {
      const why = obstacle(plan, outcomes, name) ??
        ((yield* isCanceled) ? "The flow was canceled." : undefined)
      const ended: Effect.Effect<Outcome, never, R | Skips> = why === undefined ? run : skip(plan, name, why)
      const outcome = yield* ended
      outcomes.set(name, outcome)
      return outcome
    }
  )

  const validation = yield* settle(
    "validation",
    recorded(plan, "validation", validate(plan), () => ["event"])
  )
  const event = yield* settle("event", recorded(plan, "event", publish(plan), () => ["guests"]))
  const { error_handling, parallel_processing } = plan.request.orchestration_options
  const guests = yield* settle(
    "guests",
    recorded(plan, "guests", register(plan), () => parallel_processing ? ["tickets", "payment"] : ["tickets"])
  )
  const followedWhen = (other: WorkStep): Next => () =>
    outcomes.get(other)?.status === "completed" ? ["notifications"] : []
  const orStop = <R, R2>(work: Effect.Effect<Outcome, never, R>, stop: Effect.Effect<void, never, R2>) =>
    Effect.tap(
      work,
      ({ status }) => status === "failed" && error_handling === "stop_on_error" ? stop : Effect.void
    )
  const [ticketsEnd, paymentEnd] = parallel_processing
    ? yield* Effect.all([
      settle(
        "tickets",
        alongside("tickets", orStop(tickets(plan, followedWhen("payment")), stopWaiting(plan)))
      ),
      settle(
        "payment",
        alongside("payment", orStop(payment(plan, followedWhen("tickets")), stopRendering(plan)))
      )
    ], { concurrency: 2 })
    : [
      yield* settle("tickets", tickets(plan, () => ["payment"])),
      yield* settle("payment", payment(plan, followedWhen("tickets")))
    ] as const
  const notifications = yield* settle("notifications", messages(plan, () => ["reminders"]))
  const reminders = yield* settle("reminders", step(plan, "reminders", remind(plan)))

  const wasCanceled = yield* isCanceled
  if (wasCanceled || stops(plan, outcomes)) yield* compensateAll(plan, outcomes)
  yield* conclude(plan, {
    validation,
    event,
    guests,
    tickets: ticketsEnd,
    payment: paymentEnd,
    notifications,
    reminders
  }, wasCanceled)
  return paymentEnd.status === "completed"
})

/** A defect ends the flow; one that stops on errors compensates what was done first. */
const giveUp = (plan: Plan, defect: unknown) =>
  Effect.andThen(
    plan.request.orchestration_options.error_handling === "stop_on_error"
      ? compensateAll(plan, new Map())
      : Effect.void,
    abandon(plan.flowId, defect)
  )

const stops = (plan: Plan, outcomes: Outcomes): boolean =>
  plan.request.orchestration_options.error_handling === "stop_on_error" &&
  [...outcomes.values()].some((outcome) => outcome.status === "failed")

/** The last look at the payment, which is stored nowhere, since it may be repeated: what settles later is looked at then. */
const afterwards = (flowId: string, isPaid: boolean) =>
  retryTransient(Effect.gen(function* () {
    if (!(yield* refundUnearned(flowId)) && !isPaid) yield* showSettled(flowId)
  }))

export const CompleteFlowLayer = CompleteFlow.toLayer(
  Effect.fnUntraced(function* ({ flowId }, executionId) {
    yield* Effect.annotateLogsScoped({ flowId })
    const { admit } = yield* FlowPlaces
    yield* admit(
      flowId,
      open(flowId, executionId),
      (plan) =>
        plan.over ? afterwards(flowId, false) : outlive(runSteps(plan)).pipe(
          Effect.catchDefect((defect) => Effect.as(outlive(giveUp(plan, defect)), false)),
          Effect.catchDefect((defect) => Effect.as(abandon(flowId, defect), false)),
          Effect.flatMap((isPaid) => afterwards(flowId, isPaid))
        )
    )
  }, outlive)
).pipe(Layer.provide([StepRuns.layer, FlowPlaces.layer]))
