/** A workflow's run that ended in a defect is stored as ended for good, with its work undone: it may be begun again. */
import { type Cause, Context, Effect, Exit, Option } from "effect"
import {
  ClusterSchema,
  EntityAddress,
  EntityId,
  EntityType,
  MessageStorage,
  Sharding,
  Snowflake
} from "effect/cluster"
import type { Workflow } from "effect/workflow"

/** A workflow that can be asked how an execution stands. */
interface Polled<A, E, R> {
  readonly poll: (executionId: string) => Effect.Effect<Option.Option<Workflow.Result<A, E>>, never, R>
}

/** What an execution died of; none while it runs or waits, when it was never begun, and when it did what it was to do. */
export const diedOf = <A, E, R>(
  workflow: Polled<A, E, R>,
  executionId: string
): Effect.Effect<Option.Option<Cause.Cause<E>>, never, R> =>
  Effect.map(
    workflow.poll(executionId),
    Option.flatMap((result) =>
      result._tag === "Complete" && Exit.isFailure(result.exit)
        ? Option.some(result.exit.cause)
        : Option.none()
    )
  )

/** Takes back the answer of an execution's run, which is then begun from its beginning: what its activities have done stays. */
export const beginAgain = Effect.fnUntraced(function* (workflow: Workflow.Any, executionId: string) {
  const sharding = yield* Sharding.Sharding
  const storage = yield* MessageStorage.MessageStorage
  const entityId = EntityId.make(executionId)
  const group = Context.get(workflow.annotations, ClusterSchema.ShardGroup)(entityId)
  const address = EntityAddress.make({
    entityType: EntityType.make(`Workflow/${workflow._tag}`),
    entityId,
    shardId: sharding.getShardId(entityId, group)
  })
  const request = yield* storage.requestIdForPrimaryKey({ address, tag: "run", id: "" })
  if (Option.isNone(request)) return false
  const isReset = yield* sharding.reset(Snowflake.Snowflake(request.value))
  yield* sharding.pollStorage
  return isReset
})
