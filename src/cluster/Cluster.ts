/** Where entities and workflows run: this process alone, or a set of runners that share PostgreSQL. */
import type { PgClient } from "@effect/sql-pg"
import { Config, Effect, Layer, Option } from "effect"
import {
  type MessageStorage,
  RunnerAddress,
  RunnerHealth,
  Runners,
  RunnerStorage,
  Sharding,
  ShardingConfig
} from "effect/cluster"
import { RpcSerialization } from "effect/rpc"
import type { SqlClient } from "effect/sql"
import * as Database from "../database/Database.ts"
import { DatabaseError } from "../database/DatabaseError.ts"
import * as Platform from "../Platform.ts"
import { ReadinessNotice } from "../http/Health.ts"
import * as JournalEngine from "./journal/JournalEngine.ts"
import type { JournalMail, MailboxNews } from "./mailbox/MailboxStorage.ts"
import * as PatientStorage from "./PatientStorage.ts"
import { layerSocketRunner } from "./RunnerNotices.ts"
import * as LockedRunnerStorage from "./runners/LockedRunnerStorage.ts"
import * as LocksReadiness from "./runners/LocksReadiness.ts"
import { beat } from "./runners/ShardLocks.ts"
import { clusterSecret, runnerAddress, runnerTlsFiles, runnerTrust } from "./RunnerSettings.ts"
import { layerClient, layerServer, type RunnerTrust, UnprovedRunners } from "./RunnerTransport.ts"

type Tuning = Partial<ShardingConfig.ShardingConfig["Service"]>

/**
 * A frozen runner's shards move in about 8 seconds (36 with the defaults), a killed runner's in about one, and a
 * scheduled message is at most half a second late. `shardsPerGroup` decides which shard an entity is in: it must be the same on
 * every runner and never change once messages are stored. A message to an entity of this process stays the object it is.
 */
export const tuning: Tuning = {
  shardsPerGroup: 64,
  shardLockExpiration: "6 seconds",
  shardLockRefreshInterval: "2 seconds",
  refreshAssignmentsInterval: "1 second",
  runnerHealthCheckInterval: "2 seconds",
  entityMessagePollInterval: "500 millis",
  entityTerminationTimeout: "5 seconds",
  simulateRemoteSerialization: false
}

/** Among several runners, shards follow as soon as one of them is known to be dead. */
const sharedTuning: Tuning = { refreshAssignmentsInterval: beat }

/** Where messages are kept, and who holds which shard. */
type StorageLayer = Layer.Layer<
  MessageStorage.MessageStorage | MailboxNews | JournalMail | RunnerStorage.RunnerStorage,
  never,
  PgClient.PgClient | SqlClient.SqlClient | ShardingConfig.ShardingConfig
>

const mailboxes = PatientStorage.layerSql.pipe(Layer.provide(Platform.digest))

const storageOnPostgres: StorageLayer = LocksReadiness.layer.pipe(
  Layer.provideMerge(mailboxes),
  Layer.provideMerge(LockedRunnerStorage.layer)
)

const storageEmbedded: StorageLayer = Layer.merge(mailboxes, RunnerStorage.layerMemory)

/**
 * One runner in this process. On PostgreSQL its shard locks are in the database, so that a second core
 * started by mistake runs nothing; the embedded database has one session and one process, and needs none.
 */
export const layerSingle = (overrides?: Tuning) =>
  JournalEngine.layer.pipe(
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(Layer.unwrap(Effect.map(
      Database.isEmbedded,
      (embedded) => embedded ? storageEmbedded : storageOnPostgres
    ))),
    Layer.provide(RunnerHealth.layerNoop),
    Layer.provide(ShardingConfig.layerFromEnv({ ...tuning, ...overrides })),
    Layer.provide(Platform.digest)
  )

/** A frame between runners is at most this long: what they say to each other comes from bodies that are shorter. */
const maxFrameSize = 8 * 1024 * 1024

/** Sharding over sockets that prove themselves, with messages and runners in SQL. */
const sockets = (trust: RunnerTrust, config: Tuning) => {
  const client = layerClient(trust)
  return layerSocketRunner.pipe(
    Layer.provide(RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))),
    Layer.provide([layerServer(trust), client]),
    Layer.provideMerge(storageOnPostgres),
    Layer.provide(ShardingConfig.layerFromEnv(config)),
    Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize }))
  )
}

/** Readiness names the registered runners that do not prove themselves: the process stays ready, it is they who are not. */
const readinessNotice = Layer.effect(
  ReadinessNotice,
  Effect.map(
    UnprovedRunners,
    ({ current }) =>
      Effect.map(
        current,
        (addresses) =>
          addresses.length === 0
            ? undefined
            : `These runners do not prove that they belong to this cluster: ${addresses.join(", ")}. ` +
              "Give all of them the same GUICHET_CLUSTER_SECRET and the same version."
      )
  )
)

/** One of several runners, which the others reach at `GUICHET_RUNNER_HOST` and `GUICHET_RUNNER_PORT`. */
export const layerSocket = Layer.unwrap(Effect.gen(function* () {
  const { host, port } = yield* Config.all(runnerAddress)
  const address = Option.some(RunnerAddress.make(host, port))
  const trust = yield* runnerTrust
  return JournalEngine.layer.pipe(
    Layer.provideMerge(
      sockets(trust, { ...tuning, ...sharedTuning, runnerAddress: address, runnerListenAddress: address })
    ),
    Layer.merge(readinessNotice),
    Layer.provide(UnprovedRunners.layer)
  )
}))

const mode = Config.withDefault(Config.Literals(["single", "socket"], "GUICHET_CLUSTER"), "single")

const unshared = new DatabaseError({
  message: "GUICHET_CLUSTER=socket shares PostgreSQL between several processes: set DATABASE_URL."
})

/** What `GUICHET_CLUSTER` chooses, refused without a database to share or a secret that the runners need. */
export const chosenMode = Effect.gen(function* () {
  const chosen = yield* mode
  if (chosen === "single") return chosen
  if (Option.isNone(yield* Database.url)) return yield* unshared
  yield* clusterSecret
  yield* runnerTlsFiles
  return chosen
})

/** The cluster that `GUICHET_CLUSTER` chooses: `single` (the default) or `socket`, which needs PostgreSQL. */
export const layer = Layer.unwrap(Effect.gen(function* () {
  if ((yield* mode) === "single") return layerSingle()
  if (yield* Database.isEmbedded) return yield* unshared
  return layerSocket
}))
