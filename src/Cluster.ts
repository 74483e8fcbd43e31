/** Where entities and workflows run: this process alone, or a set of runners that share PostgreSQL. */
import { Config, Effect, Layer, Option } from "effect"
import { ClusterWorkflowEngine, RunnerAddress, type ShardingConfig, SingleRunner } from "effect/cluster"
import * as Database from "./Database.ts"
import { DatabaseError } from "./database/DatabaseError.ts"
import * as Platform from "./Platform.ts"
import { PortRefused } from "./PortRefused.ts"

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
    Layer.provideMerge(Layer.unwrap(Effect.map(Database.isEmbedded, (embedded) =>
      SingleRunner.layer({
        runnerStorage: embedded ? "memory" : "sql",
        shardingConfig: { ...tuning, ...overrides }
      })))),
    Layer.provide(Platform.digest)
  )

const unreached = (
  error: PortRefused
): Layer.Layer<Layer.Success<ReturnType<typeof Platform.clusterSocket>>, PortRefused> =>
  Layer.effectContext(Effect.fail(error))

/** One of several runners, which the others reach at `GUICHET_RUNNER_HOST` and `GUICHET_RUNNER_PORT`. */
export const layerSocket = Layer.unwrap(Effect.gen(function* () {
  const host = yield* Config.withDefault(Config.NonEmptyString("GUICHET_RUNNER_HOST"), "127.0.0.1")
  const port = yield* Config.withDefault(Config.Port("GUICHET_RUNNER_PORT"), 34431)
  const address = Option.some(RunnerAddress.make(host, port))
  return ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(
      Platform.clusterSocket({ ...tuning, runnerAddress: address, runnerListenAddress: address }).pipe(
        Layer.catchTag(
          "SocketServerError",
          (cause) => unreached(PortRefused.of("GUICHET_RUNNER_PORT", host, port)(cause))
        )
      )
    )
  )
}))

/** The cluster that `GUICHET_CLUSTER` chooses: `single` (the default) or `socket`, which needs PostgreSQL. */
export const layer = Layer.unwrap(Effect.gen(function* () {
  const modes = Config.Literals(["single", "socket"], "GUICHET_CLUSTER")
  if ((yield* Config.withDefault(modes, "single")) === "single") return layerSingle()
  if (yield* Database.isEmbedded) {
    return yield* new DatabaseError({
      message: "GUICHET_CLUSTER=socket shares PostgreSQL between several processes: set DATABASE_URL."
    })
  }
  return layerSocket
}))
