/**
 * The mailboxes as a run of a workflow sees them: what the engine looks up of its own execution is in memory since its
 * activation began, or has reached the engine as a message since.
 */
import { Effect, Option } from "effect"
import { type EntityAddress, type MessageStorage, type Reply, Snowflake } from "effect/cluster"
import { type Activation, CurrentActivation } from "./Activation.ts"
import { activityOf } from "./EngineSeams.ts"
import { keyOf } from "./JournalStore.ts"

type Storage = MessageStorage.MessageStorage["Service"]

type Lookup = Parameters<Storage["requestIdForPrimaryKey"]>[0]

const isOf = (activation: Activation, address: EntityAddress.EntityAddress): boolean =>
  !activation.isOver && activation.address.entityId === address.entityId &&
  activation.address.entityType === address.entityType

/** Steps are no requests and have no such ids; those of requests are positive. */
const idOfStep = (activation: Activation, key: string): Snowflake.Snowflake =>
  Snowflake.Snowflake(-BigInt(activation.lookedUp.push(key)))

const stepOfId = (activation: Activation, id: Snowflake.Snowflake): string =>
  activation.steps.get(activation.lookedUp[Number(-id) - 1]!)!

const replyOfStep = (activation: Activation, id: Snowflake.Snowflake): Reply.Encoded => ({
  _tag: "WithExit",
  id: String(id),
  requestId: String(id),
  exit: {
    _tag: "Success",
    value: { _tag: "Complete", exit: JSON.parse(stepOfId(activation, id)) }
  }
})

/** The id that a request of the activation's own execution has; undefined of what is not known in memory. */
const idOf = (
  activation: Activation,
  { id, tag }: Lookup
): Option.Option<Snowflake.Snowflake> | undefined => {
  if (tag === "activity") {
    const key = keyOf(activityOf(id))
    return activation.steps.has(key) ? Option.some(idOfStep(activation, key)) : Option.none()
  }
  if (tag === "deferred") {
    return Option.map(
      Option.fromNullishOr(activation.told.get(id)),
      ({ requestId }) => Snowflake.Snowflake(requestId)
    )
  }
  return undefined
}

const replyOf = (activation: Activation, id: Snowflake.Snowflake): Reply.Encoded | undefined => {
  if (id < 0n) return replyOfStep(activation, id)
  return [...activation.told.values()].find(({ requestId }) => requestId === String(id))?.reply
}

/** The storage for the engine of workflows. */
export const make = (storage: Storage): Storage => ({
  ...storage,

  requestIdForPrimaryKey: (options) =>
    Effect.flatMap(Effect.serviceOption(CurrentActivation), (current) => {
      const known = Option.isSome(current) && isOf(current.value, options.address)
        ? idOf(current.value, options)
        : undefined
      return known === undefined ? storage.requestIdForPrimaryKey(options) : Effect.succeed(known)
    }),

  repliesForUnfiltered: (requestIds) =>
    Effect.flatMap(Effect.serviceOption(CurrentActivation), (current) => {
      const ids = [...requestIds]
      const [only] = ids
      const known = Option.isSome(current) && !current.value.isOver && ids.length === 1
        ? replyOf(current.value, only!) :
        undefined
      return known === undefined ? storage.repliesForUnfiltered(ids) : Effect.succeed([known])
    })
})
