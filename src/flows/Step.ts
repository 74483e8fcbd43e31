/** A step of the flow as durable activities: begun, tried, ended, each recorded where organisers read it. */
import { DateTime, Duration, Effect, Schedule, type Schema } from "effect"
import { Activity } from "effect/workflow"
import { StepFailed, type StepName } from "../../rpc/CompleteFlow.ts"
import { retryTransient } from "../durable/Retry.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { completed, failed, Outcome, skipped, timedOut } from "./Outcome.ts"
import type { Plan } from "./Plan.ts"
import { isStarted, started, StepRuns } from "./StepRuns.ts"

/** A step that may be tried again is tried six times in about fifteen seconds: longer than a breaker stays open. */
const again = Schedule.max([
  Schedule.jittered(Schedule.exponential("500 millis")),
  Schedule.recurs(5)
])

const withinDeadline = (plan: Plan) => <R>(work: Effect.Effect<Schema.Json, StepFailed, R>) =>
  Effect.gen(function* () {
    const left = DateTime.distance(yield* DateTime.now, plan.deadline)
    const late = new StepFailed({ ...timedOut.error!, retryable: false })
    if (Duration.toMillis(left) <= 0) return yield* late
    return yield* Effect.timeoutOrElse(work, { duration: left, orElse: () => Effect.fail(late) })
  })

const tried = <R>(plan: Plan, step: StepName, work: Effect.Effect<Schema.Json, StepFailed, R>) =>
  Effect.gen(function* () {
    const flows = yield* FlowStore
    const start = Effect.flatMap(
      isStarted(plan.flowId, step),
      (already) => already ? Effect.void : flows.stepStarted(plan.flowId, step)
    )
    return yield* Effect.andThen(start, withinDeadline(plan)(work)).pipe(
      Effect.retry({
        while: (error) => error.retryable && plan.request.orchestration_options.retry_failed_steps,
        schedule: again
      }),
      Effect.match({
        onFailure: (error) => failed(error.code, error.detail),
        onSuccess: completed
      })
    )
  })

/** The steps that begin when this one is completed: their start is recorded with its end. */
export type Next = () => ReadonlyArray<StepName>

const nothing: Next = () => []

const record = (plan: Plan, step: StepName, outcome: Outcome, next: Next = nothing) =>
  Effect.gen(function* () {
    const flows = yield* FlowStore
    const following = outcome.status === "completed" ? next() : []
    yield* flows.stepEnded(plan.flowId, step, {
      status: outcome.status,
      error: outcome.error ?? undefined,
      result: outcome.result ?? undefined
    }, following)
    yield* started(plan.flowId, following)
    return outcome
  })

/** One run in this process, whatever disturbs the flow meanwhile. */
export const once = <R>(plan: Plan, name: string, work: Effect.Effect<Outcome, never, R>) =>
  Effect.flatMap(StepRuns, ({ once }) => once(`${plan.executionId}/${name}`, retryTransient(work)))

const durable = <R>(plan: Plan, name: string, work: Effect.Effect<Outcome, never, R>) =>
  Activity.make({ name, success: Outcome, execute: once(plan, name, work) })

const runOf = <R>(plan: Plan, name: StepName, work: Effect.Effect<Schema.Json, StepFailed, R>, next?: Next) =>
  Effect.flatMap(tried(plan, name, work), (outcome) => record(plan, name, outcome, next))

/**
 * A step that is SQL alone and safe to repeat: its own row tells whether and how it ended, and nothing else is stored of
 * it. Only for steps that nobody changes when they have ended.
 */
export const recorded = <R>(
  plan: Plan,
  name: "validation" | "event" | "guests",
  work: Effect.Effect<Schema.Json, StepFailed, R>,
  next?: Next
) => {
  const ended = plan.ended.get(name)
  return ended === undefined ? once(plan, name, runOf(plan, name, work, next)) : Effect.succeed(ended)
}

/** A step that is done when its work is. */
export const step = <R>(
  plan: Plan,
  name: StepName,
  work: Effect.Effect<Schema.Json, StepFailed, R>,
  next?: Next
) => durable(plan, name, runOf(plan, name, work, next))

/** The first half of a step that ends when an answer arrives: `part` names it within the step. */
export const begin = <R>(
  plan: Plan,
  name: StepName,
  part: string,
  work: Effect.Effect<Schema.Json, StepFailed, R>
) => durable(plan, `${name}/${part}`, tried(plan, name, work))

/** The second half: what the answer means. */
export const end = <R>(plan: Plan, name: StepName, outcome: Effect.Effect<Outcome, never, R>, next?: Next) =>
  durable(plan, `${name}/end`, Effect.flatMap(outcome, (ended) => record(plan, name, ended, next)))

/** A step that is not run, and why. */
export const skip = (plan: Plan, name: StepName, detail: string) =>
  durable(
    plan,
    `${name}/skip`,
    record(plan, name, skipped(detail))
  )
