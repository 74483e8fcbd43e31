/** Messages from a flow to an entity: a busy or moving owner is a reason to try again, never a lost step. */
import { Effect } from "effect"
import { StepFailed } from "../../rpc/CompleteFlow.ts"
import { type ClusterFailure, isClusterFailure } from "./ClusterFailure.ts"

const busy = (tag: string) =>
  new StepFailed({
    code: "busy",
    detail: `The owner of this data could not be reached (${tag}).`,
    retryable: true
  })

/** Bounds the wait for an entity's answer and turns the cluster's own failures into retryable ones. */
export const askEntity = <A, E, R>(
  message: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, ClusterFailure> | StepFailed, R> =>
  message.pipe(
    Effect.timeout("30 seconds"),
    Effect.catch((failure): Effect.Effect<never, Exclude<E, ClusterFailure> | StepFailed> =>
      isClusterFailure(failure)
        ? Effect.fail(busy(failure._tag))
        : Effect.fail(failure as Exclude<E, ClusterFailure>)
    )
  )
