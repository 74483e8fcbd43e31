/** What runs flows in the engine's bench: ours and Effect's stock storage on either database; peers join this list. */
import { Effect, Layer, type Scope } from "effect"
import {
  ClusterWorkflowEngine,
  RunnerHealth,
  Runners,
  RunnerStorage,
  Sharding,
  ShardingConfig,
  SqlMessageStorage,
  SqlRunnerStorage
} from "effect/cluster"
import { SqlClient } from "effect/sql"
import type { WorkflowEngine } from "effect/workflow"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import process from "node:process"
import { layerSingle, tuning } from "../../src/cluster/Cluster.ts"
import * as Database from "../../src/database/Database.ts"
import { openEmbedded } from "../../src/database/EmbeddedDatabase.ts"
import * as Migrations from "../../src/database/Migrations.ts"
import * as Platform from "../../src/Platform.ts"
import * as StatementCount from "../../test/support/StatementCount.ts"
import { administer, urlOf } from "../../test/support/TestDatabase.ts"
import { NoopFlow, NoopFlowLayer, sum } from "./NoopFlow.ts"

/** One engine that is ready to run flows. */
export interface Engine {
  /** Runs one flow to its end; fails unless its result is right. */
  readonly run: (id: string) => Effect.Effect<void>
  /** Statements and commits since it started; a peer that cannot tell says undefined. */
  readonly counts: Effect.Effect<{ readonly statements?: number; readonly commits?: number }>
}

/** A kind of engine; `start` lives as long as its scope, on a database of its own. */
export interface EngineSubject {
  readonly name: string
  readonly on: "postgres" | "embedded"
  readonly start: Effect.Effect<Engine, unknown, Scope.Scope>
}

const stock = ClusterWorkflowEngine.layer.pipe(
  Layer.provideMerge(Sharding.layer),
  Layer.provideMerge(Runners.layerNoop),
  Layer.provideMerge(SqlMessageStorage.layer),
  Layer.provide([
    Layer.unwrap(Effect.map(
      Database.isEmbedded,
      (embedded) => embedded ? RunnerStorage.layerMemory : Layer.orDie(SqlRunnerStorage.layer)
    )),
    RunnerHealth.layerNoop
  ]),
  Layer.provide(ShardingConfig.layerFromEnv(tuning)),
  Layer.provide(Platform.digest)
)

type Cluster = Layer.Layer<WorkflowEngine.WorkflowEngine, unknown, SqlClient.SqlClient>

const storages: Readonly<Record<string, Cluster>> = { ours: layerSingle(), stock }

let made = 0

/** A new database at the server, gone with the scope. */
const freshUrl = (server: string) => {
  const name = `guichet_engine_${process.pid}_${++made}`
  return Effect.as(
    Effect.acquireRelease(
      administer(server, `CREATE DATABASE ${name} TEMPLATE template0`),
      () => administer(server, `DROP DATABASE ${name} WITH (FORCE)`)
    ),
    urlOf(server, name)
  )
}

/** Every transaction that wrote has taken one number; the server's are shared with its other databases. */
const commitsOf = {
  postgres: "SELECT xact_commit::int AS commits FROM pg_stat_database WHERE datname = current_database()",
  embedded: "SELECT pg_current_xact_id()::text::int AS commits"
} as const

const engineOn = (
  cluster: Cluster,
  on: EngineSubject["on"],
  database: Layer.Layer<SqlClient.SqlClient, unknown>,
  count: StatementCount.StatementCount
) =>
  Effect.gen(function* () {
    const services = yield* Layer.build(
      Layer.fresh(NoopFlowLayer.pipe(
        Layer.provideMerge(Layer.fresh(cluster)),
        Layer.provideMerge(Layer.effectDiscard(Migrations.run)),
        Layer.provideMerge(database)
      ))
    )
    const run = (id: string) =>
      NoopFlow.execute({ id }).pipe(
        Effect.flatMap((total) => total === sum ? Effect.void : Effect.die(new Error(`${id} gave ${total}`))),
        Effect.provideContext(services)
      )
    const counts = Effect.gen(function* () {
      const { statements } = count
      const sql = yield* SqlClient.SqlClient
      // The server's own counts are up to a second late.
      if (on === "postgres") yield* Effect.sleep("1.2 seconds")
      const [row] = yield* sql.unsafe<{ commits: number }>(commitsOf[on])
      return { statements, commits: row!.commits }
    }).pipe(Effect.orDie, Effect.provideContext(services))
    return { run, counts } satisfies Engine
  })

const onPostgres = (server: string, name: string): EngineSubject => ({
  name,
  on: "postgres",
  start: Effect.gen(function* () {
    const count = { statements: 0 }
    const url = yield* freshUrl(server)
    return yield* engineOn(storages[name]!, "postgres", StatementCount.layerPostgres(url, count), count)
  })
})

const embedded = (name: string): EngineSubject => ({
  name,
  on: "embedded",
  start: Effect.gen(function* () {
    const count = { statements: 0 }
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "guichet-engine-"))),
      (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
    )
    const database = yield* openEmbedded({ dataDir: Path.join(directory, "data") })
    return yield* engineOn(storages[name]!, "embedded", StatementCount.layerEmbedded(database, count), count)
  })
})

/** Ours and the stock storage; without a server the embedded database alone. */
export const subjects = (server: string | undefined): ReadonlyArray<EngineSubject> =>
  Object.keys(storages).flatMap((name) => [
    ...server === undefined ? [] : [onPostgres(server, name)],
    embedded(name)
  ])
