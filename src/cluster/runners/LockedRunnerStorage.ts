/**
 * The cluster's `RunnerStorage` on PostgreSQL: Effect's table of runners and Effect's locks, so that runners of a version
 * with Effect's own storage share the cluster, but locks that are proved by one session (`ShardLocks`) and runners that
 * are known to live by a lock of their own. The heartbeat of a row is for runners of that older version, and theirs is
 * all that is known of them.
 */
import { Effect, Layer, Schema } from "effect"
import { ClusterError, RunnerStorage, SqlRunnerStorage } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { silence } from "./LockSession.ts"
import { ShardLocks } from "./ShardLocks.ts"

/** A row that carries this holds a runner's lock; Effect's schema of a runner skips it. */
const mark = { locks: "session" }

const isMarked = (runner: string): boolean => JSON.parse(runner)["locks"] === mark.locks

const Row = Schema.Struct({
  machineId: Schema.Int,
  address: Schema.String,
  runner: Schema.String,
  healthy: Schema.Boolean,
  /** Its heartbeat is younger than the limit of the older version, and than a minute. */
  isFresh: Schema.Boolean,
  isRecent: Schema.Boolean
})
const Registered = Schema.Tuple([Schema.Tuple([Schema.Int])])

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Row))
const decodeRegistered = Schema.decodeUnknownEffect(Registered)

/** A row whose runner was not heard of for so long is removed; one that lives after all registers again. */
const forgotten = "1 hour"

const make = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const locks = yield* ShardLocks
  let self: string | undefined

  const stored = <A, E>(work: Effect.Effect<A, E>) =>
    Effect.withTracerEnabled(ClusterError.PersistenceError.refail(work), false)

  /** Without waiting for the disk: a heartbeat that is lost with the server is of no use after it. */
  const heartbeat = Effect.suspend(() =>
    sql`
      UPDATE cluster_runners SET last_heartbeat = now()
      FROM (SELECT set_config('synchronous_commit', 'off', true)) AS quick WHERE address = ${self ?? null}`
  )

  yield* heartbeat.pipe(
    Effect.tapError((error) => Effect.logDebug("The runner's heartbeat was not written", error)),
    Effect.ignore,
    Effect.andThen(Effect.sleep("1 second")),
    Effect.forever,
    Effect.withTracerEnabled(false),
    Effect.forkScoped
  )

  const getRunners = Effect.gen(function* () {
    const rows = yield* decodeRows(
      yield* sql`
        SELECT machine_id AS "machineId", address, runner, healthy,
          last_heartbeat > now() - ${silence} * interval '1 millisecond' AS "isFresh",
          last_heartbeat > now() - interval '1 minute' AS "isRecent"
        FROM cluster_runners`
    )
    const isAlive = ({ address, isFresh, machineId, runner }: typeof Row.Type): boolean =>
      address === self || (isMarked(runner) ? locks.isAlive(machineId) : isFresh)
    const alive = rows.filter(isAlive)
    locks.setRivals(alive.some(({ address }) => address !== self))
    if (rows.some((row) => row.isRecent && !isAlive(row))) yield* locks.endSilentTransactions
    return alive.map(({ healthy, runner }) => [runner, healthy] as const)
  })

  return RunnerStorage.makeEncoded({
    getRunners: stored(getRunners),
    register: Effect.fnUntraced(function* (address, runner, healthy) {
      const marked = JSON.stringify({ ...JSON.parse(runner), ...mark })
      const [[machineId]] = yield* stored(Effect.flatMap(
        sql`
          INSERT INTO cluster_runners (address, runner, last_heartbeat, healthy)
          VALUES (${address}, ${marked}, now(), ${healthy})
          ON CONFLICT (address) DO UPDATE
          SET runner = excluded.runner, last_heartbeat = excluded.last_heartbeat, healthy = excluded.healthy
          RETURNING machine_id`.values,
        decodeRegistered
      ))
      self = address
      yield* locks.announce(machineId)
      return machineId
    }),
    unregister: (address) =>
      stored(sql`
        DELETE FROM cluster_runners
        WHERE address = ${address} OR last_heartbeat < now() - ${forgotten}::interval`).pipe(Effect.asVoid),
    setRunnerHealth: (address, healthy) =>
      stored(sql`UPDATE cluster_runners SET healthy = ${healthy} WHERE address = ${address}`).pipe(
        Effect.asVoid
      ),
    acquire: (_address, shardIds) => stored(Effect.map(locks.take(shardIds), (held) => [...held])),
    refresh: (_address, shardIds) => stored(locks.holds(shardIds)),
    release: (_address, shardId) => stored(locks.free([shardId])),
    releaseAll: () => stored(locks.freeAll)
  })
})

/** With Effect's tables and the locks. */
export const layer = Layer.effect(RunnerStorage.RunnerStorage, make).pipe(
  Layer.provideMerge(ShardLocks.layer),
  Layer.provide(SqlRunnerStorage.layerMigrations({}))
)
