/** The complete flow as its story: eight steps, and what is taken back when the flow stops. */
import { Effect, Layer } from "effect"
import { Activity, DurableDeferred } from "effect/workflow"
import { CompleteFlow, type StepName, steps } from "../rpc/CompleteFlow.ts"
import { retryTransient } from "../src/durable/Retry.ts"
import { publish, register, validate } from "../src/flows/EventSteps.ts"
import { messages } from "../src/flows/MessagesStep.ts"
import { compensatePayment, payment, refundUnearned, stopWaiting } from "../src/flows/PaymentStep.ts"
import type { Plan } from "../src/flows/Plan.ts"
import { cancelMessages, remind } from "../src/flows/RemindersStep.ts"
import { abandon, conclude, open } from "../src/flows/Status.ts"
import { Outcome } from "../src/flows/Outcome.ts"
import { skip, step } from "../src/flows/Step.ts"
import { StepRuns } from "../src/flows/StepRuns.ts"
import { compensate } from "../src/flows/Compensation.ts"
import { stopRendering, tickets, voidTickets } from "../src/flows/TicketsStep.ts"

/** What must be there before a step makes sense, whatever the flow does about errors. */
const needs: Partial<Record<StepName, StepName>> = {
  event: "validation",
  guests: "event",
  tickets: "guests",
  payment: "guests",
  notifications: "guests",
  reminders: "guests"
}

type Skips = Effect.Services<ReturnType<typeof skip>["execute"]>
type Outcomes = Map<StepName, Outcome>

/** Why a step is not run: something it needs is missing, or the flow stops at its first error. */
const obstacle = (plan: Plan, outcomes: Outcomes, name: StepName): string | undefined => {
  const needed = needs[name]
  if (needed !== undefined && outcomes.get(needed)?.status !== "completed") {
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
const alongside = <R>(name: StepName, work: Effect.Effect<Outcome, never, R>) =>
  DurableDeferred.into(
    Effect.andThen(Effect.yieldNow, work),
    DurableDeferred.make(`alongside/${name}`, { success: Outcome })
  )

const tell = Effect.fnUntraced(function* (plan: Plan) {
  const outcomes: Outcomes = new Map()
  const settle = <R>(name: StepName, run: Effect.Effect<Outcome, never, R>) => {
    const why = obstacle(plan, outcomes, name)
    const ended: Effect.Effect<Outcome, never, R | Skips> = why === undefined ? run : skip(plan, name, why)
    return Effect.map(ended, (outcome) => outcomes.set(name, outcome))
  }

  yield* settle("validation", step(plan, "validation", validate(plan)))
  yield* settle("event", step(plan, "event", publish(plan)))
  yield* settle("guests", step(plan, "guests", register(plan)))
  const { error_handling, parallel_processing } = plan.request.orchestration_options
  if (parallel_processing) {
    const orStop = <R, R2>(work: Effect.Effect<Outcome, never, R>, stop: Effect.Effect<void, never, R2>) =>
      Effect.tap(
        work,
        ({ status }) => status === "failed" && error_handling === "stop_on_error" ? stop : Effect.void
      )
    yield* Effect.all([
      settle("tickets", alongside("tickets", orStop(tickets(plan), stopWaiting(plan)))),
      settle("payment", alongside("payment", orStop(payment(plan), stopRendering(plan))))
    ], { concurrency: 2 })
  } else {
    yield* settle("tickets", tickets(plan))
    yield* settle("payment", payment(plan))
  }
  yield* settle("notifications", messages(plan))
  yield* settle("reminders", step(plan, "reminders", remind(plan)))

  if (stops(plan, outcomes)) yield* takeAllBack(plan, outcomes)
  yield* conclude(plan, steps.map((name) => [name, outcomes.get(name)] as const))
})

/** In the order opposite to the steps'; a step that was never begun has nothing to take back. */
const takeAllBack = Effect.fnUntraced(function* (plan: Plan, outcomes: Outcomes) {
  const ended = (name: StepName) => outcomes.get(name)
  yield* compensate(plan, "reminders", ended("reminders"), cancelMessages(plan))
  if (ended("notifications")?.status === "failed") {
    yield* compensate(plan, "notifications", ended("notifications"), cancelMessages(plan))
  }
  yield* compensate(plan, "payment", ended("payment"), compensatePayment(plan))
  yield* compensate(plan, "tickets", ended("tickets"), voidTickets(plan))
})

/** A defect ends the flow; one that stops on errors takes back what was done, money first of all. */
const giveUp = (plan: Plan, defect: unknown) =>
  Effect.andThen(
    plan.request.orchestration_options.error_handling === "stop_on_error"
      ? takeAllBack(plan, new Map())
      : Effect.void,
    abandon(plan.flowId, defect)
  )

const stops = (plan: Plan, outcomes: Outcomes): boolean =>
  plan.request.orchestration_options.error_handling === "stop_on_error" &&
  [...outcomes.values()].some((outcome) => outcome.status === "failed")

export const CompleteFlowLayer = CompleteFlow.toLayer(
  Effect.fnUntraced(function* ({ flowId }, executionId) {
    yield* Effect.annotateLogsScoped({ flowId })
    const plan = yield* open(flowId, executionId)
    yield* tell(plan).pipe(
      Effect.catchDefect((defect) => giveUp(plan, defect)),
      Effect.catchDefect((defect) => abandon(flowId, defect))
    )
    // The activity's stored name is of an earlier word for a refund.
    yield* Activity.make({
      name: "give-back",
      execute: retryTransient(Effect.asVoid(refundUnearned(flowId)))
    })
  })
).pipe(Layer.provide(StepRuns.layer))
