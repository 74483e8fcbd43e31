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
import * as JournalEngine from "../../../src/cluster/journal/JournalEngine.ts"
import * as PatientStorage from "../../../src/cluster/PatientStorage.ts"
import * as Platform from "../../../src/Platform.ts"
import { ready } from "./MailboxSubjects.ts"

/** A runner's locks are in memory; polls are as rare as the test wants them. */
const around = (entityMessagePollInterval: "1 hour" | "100 millis") =>
  Layer.mergeAll(RunnerStorage.layerMemory, RunnerHealth.layerNoop, Platform.digest).pipe(
    Layer.provideMerge(ShardingConfig.layerFromEnv({ ...tuning, entityMessagePollInterval }))
  )

/** The entities and workflows on a cluster of their own, made anew each time and there once its runner has its shards. */
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
    Layer.provide(around(entityMessagePollInterval)),
    Layer.fresh
  )

/** The same over our mailboxes, with the journal. */
export const journalRunner = <A, E, R>(
  entities: Layer.Layer<A, E, R>,
  entityMessagePollInterval: "1 hour" | "100 millis"
) =>
  Layer.merge(entities, ready).pipe(
    Layer.provideMerge(JournalEngine.layer),
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(PatientStorage.layerSql),
    Layer.provideMerge(around(entityMessagePollInterval)),
    Layer.fresh
  )
