/** A cluster of one runner in this process, over the mailboxes that a test gives it. */
import { Layer } from "effect"
import {
  ClusterWorkflowEngine,
  type MessageStorage,
  RunnerHealth,
  Runners,
  RunnerStorage,
  Sharding,
  ShardingConfig
} from "effect/cluster"
import { tuning } from "../../../src/cluster/Cluster.ts"
import * as Platform from "../../../src/Platform.ts"
import { ready } from "./MailboxSubjects.ts"

/**
 * The entities and workflows on a cluster of their own, made anew each time and there once its runner has its shards. Its
 * locks are in memory; polls are as rare as the test wants them.
 */
export const oneRunner = <A, E, R, RStorage>(
  entities: Layer.Layer<A, E, R>,
  storage: Layer.Layer<MessageStorage.MessageStorage, never, RStorage>,
  entityMessagePollInterval: "1 hour" | "100 millis"
) =>
  Layer.merge(entities, ready).pipe(
    Layer.provideMerge(ClusterWorkflowEngine.layer),
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(storage),
    Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
    Layer.provide(ShardingConfig.layerFromEnv({ ...tuning, entityMessagePollInterval })),
    Layer.provide(Platform.digest),
    Layer.fresh
  )
