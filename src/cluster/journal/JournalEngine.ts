/**
 * Effect's engine of workflows with a journal: activities run in the fiber of their run and leave one row each, and what
 * an activation needs of its execution is read once. The engine is `ClusterWorkflowEngine`, unchanged, over a `Sharding`
 * and a `MessageStorage` that stand before the cluster's own. `docs/journal.md` has the design.
 */
import { Effect, Equal, Layer, Option } from "effect"
import {
  ClusterWorkflowEngine,
  Entity,
  type EntityAddress,
  MessageStorage,
  type RunnerAddress,
  RunnerStorage,
  Sharding
} from "effect/cluster"
import { Rpc } from "effect/rpc"
import type { SqlClient } from "effect/sql"
import type { WorkflowEngine } from "effect/workflow"
import type { JournalMail } from "../mailbox/MailboxStorage.ts"
import * as Activation from "./Activation.ts"
import { abandon, type ActivityPayload, executionOf, type Handlers, isWorkflow } from "./EngineSeams.ts"
import * as JournalMessages from "./JournalMessages.ts"
import * as JournalStore from "./JournalStore.ts"
import * as Steps from "./Steps.ts"

type Requirements =
  | Sharding.Sharding
  | MessageStorage.MessageStorage
  | RunnerStorage.RunnerStorage
  | JournalMail
  | SqlClient.SqlClient

/** Before a runner that may have lost a shard asks again. */
const pause = "100 millis"

type Cluster = Sharding.Sharding["Service"]

/** The cluster's sharding, before whose workflows the journal stands. */
const journaledSharding: Effect.Effect<
  Cluster,
  never,
  Requirements
> = Effect.gen(function* () {
  const sharding = yield* Sharding.Sharding
  const storage = yield* MessageStorage.MessageStorage
  const journal = yield* JournalStore.make
  const runners = yield* RunnerStorage.RunnerStorage
  const steps = Steps.make({
    journal,
    storage,
    hasShard: ({ address }) => sharding.hasShardId(address.shardId)
  })
  /** The latest activation of each execution in this process. */
  const latest = new Map<string, Activation.Activation>()

  /** A runner that froze may have lost the shard to another one without knowing it yet. */
  const isOwner = ({ shardId }: EntityAddress.EntityAddress, runner: RunnerAddress.RunnerAddress) =>
    runners.refresh(runner, [shardId]).pipe(
      Effect.map((held) => held.some((one) => Equal.equals(one, shardId))),
      Effect.catch(() => Effect.succeed(false))
    )

  const loaded = (address: EntityAddress.EntityAddress, runner: RunnerAddress.RunnerAddress) =>
    Effect.flatMap(
      isOwner(address, runner),
      (is) => is ? journal.load(address) : Effect.undefined
    )

  const begin = (runner: RunnerAddress.RunnerAddress) =>
    Effect.gen(function* () {
      const address = yield* Entity.CurrentAddress
      // A run that this runner has just stored has nothing to read, but may have become another one's while it froze.
      const stored = journal.begins(address)
        ? ((yield* isOwner(address, runner)) ? JournalStore.nothing() : undefined)
        : yield* loaded(address, runner)
      const activation = Activation.make(address, yield* Effect.scope, stored)
      yield* Effect.acquireRelease(
        Effect.sync(() => latest.set(activation.execution, activation)),
        () =>
          Effect.sync(() => {
            if (latest.get(activation.execution) === activation) latest.delete(activation.execution)
          })
      )
      return activation
    })

  /** Goes on with what is stored now, if this runner is the one that may; else the engine asks again while it seems so. */
  const renew = (activation: Activation.Activation, runner: RunnerAddress.RunnerAddress) =>
    Effect.flatMap(
      loaded(activation.address, runner),
      (stored) =>
        stored === undefined
          ? Effect.andThen(Effect.sleep(pause), abandon)
          : Effect.sync(() => Activation.renew(activation, stored))
    )

  /** The handlers of a workflow that the engine builds, with the journal before them. */
  const withJournal = <A, R>(build: Effect.Effect<A, never, R>) =>
    Effect.gen(function* () {
      const runner = yield* Entity.CurrentRunnerAddress
      const activation = yield* begin(runner)
      const within = <B, E, R2>(work: Effect.Effect<B, E, R2>) =>
        work.pipe(
          Effect.provideService(Activation.CurrentActivation, activation),
          Effect.provideService(Sharding.Sharding, journaled)
        )
      const built = yield* within(build)
      const handlers = built as Handlers
      activation.handlers = handlers
      const own: Handlers = {
        run: (request) =>
          activation.isOver
            ? within(Effect.flatMap(
              renew(activation, runner),
              () => Rpc.unwrap(handlers.run(request))
            ))
            : Rpc.wrapMap(handlers.run(request), within),
        // One that is in the mailbox comes from an earlier version: it runs if its run waits for it now.
        activity: ({ payload }) =>
          Rpc.wrap({ fork: true, uninterruptible: true })(steps.run(activation, payload))
      }
      return { ...built, ...own }
    })

  const registerEntity: Cluster["registerEntity"] = (entity, build, options) =>
    sharding.registerEntity(
      entity,
      isWorkflow(entity.type) ? withJournal(build) as typeof build : build,
      options
    )

  const activity = (execution: string, payload: ActivityPayload) =>
    Effect.flatMap(Effect.serviceOption(Activation.CurrentActivation), (current) => {
      const activation = Option.isSome(current) && current.value.execution === execution
        ? current.value
        : latest.get(execution)
      return activation === undefined
        ? Effect.die(new Error(`An activity of ${execution} was asked for where it does not run`))
        : steps.run(activation, payload)
    })

  const makeClient: Cluster["makeClient"] = (entity) => {
    const stock = sharding.makeClient(entity)
    if (!isWorkflow(entity.type)) return stock
    return Effect.map(stock, (client) => (entityId) => {
      const execution = executionOf({ entityType: entity.type, entityId })
      return new Proxy(client(entityId), {
        get: (target, name) =>
          name === "activity"
            ? (payload: ActivityPayload) => activity(execution, payload)
            : Reflect.get(target, name)
      })
    })
  }

  const journaled: Cluster = { ...sharding, makeClient, registerEntity }
  return journaled
})

/**
 * The engine of workflows of a cluster over our mailboxes. The engine makes a client with the `Sharding` of whoever asks
 * first: everybody who uses workflows must have the one that this gives.
 */
export const layer: Layer.Layer<
  WorkflowEngine.WorkflowEngine | Sharding.Sharding,
  never,
  Requirements
> = Layer.fresh(ClusterWorkflowEngine.layer).pipe(
  Layer.provide(
    Layer.effect(
      MessageStorage.MessageStorage,
      Effect.map(MessageStorage.MessageStorage, JournalMessages.make)
    )
  ),
  Layer.provideMerge(Layer.effect(Sharding.Sharding, journaledSharding))
)
