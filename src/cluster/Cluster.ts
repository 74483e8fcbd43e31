/** Where entities and workflows run: this process alone, or a set of runners that share PostgreSQL. */
import { Config, Effect, Layer, Option } from "effect"
import {
  ClusterWorkflowEngine,
  RunnerAddress,
  RunnerHealth,
  Runners,
  RunnerStorage,
  Sharding,
  ShardingConfig,
  SqlRunnerStorage
} from "effect/cluster"
import * as Database from "../database/Database.ts"
import { DatabaseError } from "../database/DatabaseError.ts"
import * as Platform from "../Platform.ts"
import { PortRefused } from "../PortRefused.ts"
import * as PatientStorage from "./PatientStorage.ts"

type Tuning = Partial<ShardingConfig.ShardingConfig["Service"]>

/**
 * A killed runner's shards move in about 8 seconds (36 with the defaults), and a scheduled message is at
 * most half a second late. `shardsPerGroup` decides which shard an entity is in: it must be the same on
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

/**
 * One runner in this process. On PostgreSQL its shard locks are in the database, so that a second core
 * started by mistake runs nothing; the embedded database has one session and one process, and needs none.
 */
export const layerSingle = (overrides?: Tuning) =>
  ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(PatientStorage.layerSql),
    Layer.provide([
      Layer.unwrap(Effect.map(
        Database.isEmbedded,
        (embedded) => embedded ? RunnerStorage.layerMemory : Layer.orDie(SqlRunnerStorage.layer)
      )),
      RunnerHealth.layerNoop
    ]),
    Layer.provide(ShardingConfig.layerFromEnv({ ...tuning, ...overrides })),
    Layer.provide(Platform.digest)
  )

const unreached = (
  error: PortRefused
): Layer.Layer<Layer.Success<ReturnType<typeof Platform.clusterSocket>>, PortRefused> =>
  Layer.effectContext(Effect.fail(error))

/** Where the other runners reach this one. */
export const runnerSettings = {
  host: Config.withDefault(Config.NonEmptyString("GUICHET_RUNNER_HOST"), "127.0.0.1"),
  port: Config.withDefault(Config.Port("GUICHET_RUNNER_PORT"), 34431)
}

/** One of several runners, which the others reach at `GUICHET_RUNNER_HOST` and `GUICHET_RUNNER_PORT`. */
export const layerSocket = Layer.unwrap(Effect.gen(function* () {
  const { host, port } = yield* Config.all(runnerSettings)
  const address = Option.some(RunnerAddress.make(host, port))
  return ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(
      Platform.clusterSocket({ ...tuning, runnerAddress: address, runnerListenAddress: address }).pipe(
        Layer.catchTag(
          "SocketServerError",
          (cause) =>
            unreached(
              PortRefused.of({
                hostVariable: "GUICHET_RUNNER_HOST",
                host,
                portVariable: "GUICHET_RUNNER_PORT",
                port
              })(cause)
            )
        )
      )
    )
  )
}))

const mode = Config.withDefault(Config.Literals(["single", "socket"], "GUICHET_CLUSTER"), "single")

const unshared = new DatabaseError({
  message: "GUICHET_CLUSTER=socket shares PostgreSQL between several processes: set DATABASE_URL."
})

/** What `GUICHET_CLUSTER` chooses, refused where the environment names no database to share. */
export const chosenMode = Effect.filterOrFail(
  Effect.all({ mode, url: Database.url }),
  ({ mode, url }) => mode === "single" || Option.isSome(url),
  () => unshared
)

/** The cluster that `GUICHET_CLUSTER` chooses: `single` (the default) or `socket`, which needs PostgreSQL. */
export const layer = Layer.unwrap(Effect.gen(function* () {
  if ((yield* mode) === "single") return layerSingle()
  if (yield* Database.isEmbedded) return yield* unshared
  return layerSocket
}))
