/** Messages from a flow to an entity: a busy or moving owner is a reason to try again, never a lost step. */
import { Effect } from "effect"
import type { ClusterError } from "effect/cluster"
import { StepFailed } from "../../rpc/CompleteFlow.ts"

type Unreached =
  | ClusterError.MailboxFull
  | ClusterError.AlreadyProcessingMessage
  | ClusterError.PersistenceError
  | ClusterError.EntityNotAssignedToRunner

const busy = (tag: string) =>
  new StepFailed({
    code: "busy",
    detail: `The owner of this data could not be reached (${tag}).`,
    retryable: true
  })

/** Bounds the wait for an entity's answer and turns the cluster's own failures into retryable ones. */
export const reach = <A, E, R>(
  message: Effect.Effect<A, E | Unreached, R>
): Effect.Effect<A, Exclude<E, Unreached> | StepFailed, R> =>
  message.pipe(
    Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => Effect.fail(busy("no answer in 30 s")) }),
    Effect.catchIf(
      (error): error is Extract<typeof error, Unreached> =>
        unreached.has((error as { _tag?: string })._tag ?? ""),
      (error) => Effect.fail(busy(error._tag))
    )
  ) as Effect.Effect<A, Exclude<E, Unreached> | StepFailed, R>

const unreached: ReadonlySet<string> = new Set([
  "MailboxFull",
  "AlreadyProcessingMessage",
  "PersistenceError",
  "EntityNotAssignedToRunner"
])
