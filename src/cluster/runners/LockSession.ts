/**
 * The one session of PostgreSQL that holds a runner's advisory locks. PostgreSQL frees them when the session ends, be it
 * that the process is killed, that the session is terminated, or that nothing was heard on it for six seconds.
 */
import { PgClient, PgConnection } from "@effect/sql-pg"
import { Effect, Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { runnerClass, shardClass } from "./ShardLockKeys.ts"

/**
 * How long PostgreSQL lets the session be silent, in milliseconds: so long after it froze, a runner's shards are free.
 * Servers before version 14 have no such limit.
 */
export const silence = 6_000

/** A session as PostgreSQL knows it; a process id alone may be given out again. */
export interface Backend {
  readonly pid: number
  readonly since: string
}

/** What PostgreSQL says of the locks at one moment. */
export interface Look {
  /** The numbers of the shards that this session holds. */
  readonly own: ReadonlySet<number>
  /** The machine ids of all runners that hold their own lock, and of this session. */
  readonly alive: ReadonlySet<number>
  readonly self: ReadonlySet<number>
}

/** A shard and the number of its lock. */
export type NumberedShard = readonly [shardId: string, number: number]

/** What can be asked of a session; an error means that it can no longer be counted on. */
export interface LockSession {
  readonly backend: Backend
  readonly look: Effect.Effect<Look, SqlError>
  /** Takes the free ones of these shards and notes that this owner took them; answers those it took. */
  readonly take: (
    owner: string,
    shards: ReadonlyArray<NumberedShard>
  ) => Effect.Effect<ReadonlyArray<string>, SqlError>
  /** Takes those of these shards that nobody but this owner took since it did; answers those it took. */
  readonly retake: (
    owner: string,
    shards: ReadonlyArray<NumberedShard>
  ) => Effect.Effect<ReadonlyArray<string>, SqlError>
  readonly free: (numbers: Iterable<number>) => Effect.Effect<void, SqlError>
  /** Takes the lock by which the others know that this runner lives; false when another session has it. */
  readonly announce: (machineId: number) => Effect.Effect<boolean, SqlError>
  /**
   * Ends the transactions in which no statement came for as long as a frozen runner is waited for, and answers how many:
   * their row locks would hold up whoever takes over. No transaction of ours waits for anything but PostgreSQL.
   */
  readonly endSilentTransactions: Effect.Effect<number, SqlError>
  /** Ends an earlier session of this role; false when it is gone already. */
  readonly end: (backend: Backend) => Effect.Effect<boolean, SqlError>
}

/** Of its own, so that a pool that is used up holds up no lock; the limits that a role may have are not meant for it. */
const settings = `
  SELECT pg_backend_pid(), (SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()),
    set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false),
    (SELECT set_config(name, '${silence}', false) FROM pg_settings WHERE name = 'idle_session_timeout')`

/** Two integers as a lock's key are `objsubid` 2; an integer stands in `pg_locks` as an unsigned oid. */
const look = `
  SELECT
    coalesce(string_agg(objid::text, ' ') FILTER (WHERE classid = ${shardClass >>> 0} AND mine), ''),
    coalesce(string_agg(objid::text, ' ') FILTER (WHERE classid = ${runnerClass}), ''),
    coalesce(string_agg(objid::text, ' ') FILTER (WHERE classid = ${runnerClass} AND mine), '')
  FROM (
    SELECT classid, objid, pid = pg_backend_pid() AS mine FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid IN (${
  shardClass >>> 0
}, ${runnerClass})
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ) AS locks`

const wanted =
  `unnest(string_to_array($1, ' '), string_to_array($2, ' ')::int[]) AS wanted (shard_id, number)`

const take = `
  WITH taken AS MATERIALIZED (
    SELECT shard_id FROM ${wanted} WHERE pg_try_advisory_lock(${shardClass}, number)
  ), noted AS (
    INSERT INTO shard_owners (shard_id, owner) SELECT shard_id, $3 FROM taken
    ON CONFLICT (shard_id) DO UPDATE SET owner = excluded.owner, taken_at = now()
  )
  SELECT shard_id FROM taken`

const takeAll = `SELECT shard_id FROM ${wanted} WHERE pg_try_advisory_lock(${shardClass}, number)`

/**
 * Read after the locks are taken, so that it is final. A runner of a version that notes nothing may have had the shard in
 * between: while one is registered, nothing is kept.
 */
const untouched = `
  SELECT shard_id FROM shard_owners WHERE shard_id = ANY (string_to_array($1, ' ')) AND owner = $2
    AND NOT EXISTS (SELECT FROM cluster_runners WHERE strpos(runner, '"locks":') = 0)`

const free =
  `SELECT pg_advisory_unlock(${shardClass}, number) FROM unnest(string_to_array($1, ' ')::int[]) AS number`

/** Of this role's sessions only: no other can hold these locks for it. */
const end = `
  SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity
  WHERE pid = $1 AND backend_start = $2::timestamptz AND usename = current_user`

const endSilent = `
  SELECT count(*)::int FROM (
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'guichet' AND datname = current_database() AND usename = current_user
      AND state LIKE 'idle in transaction%' AND state_change < now() - ${silence} * interval '1 millisecond'
  ) AS ended`

const setOf = (text: string): ReadonlySet<number> => new Set(text === "" ? [] : text.split(" ").map(Number))

/** What comes back is what was asked for; anything else is a defect. */
const decoded = <S extends Schema.Codec<unknown, unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (rows: Effect.Effect<unknown, SqlError>) =>
    Effect.flatMap(rows, (values) => Effect.orDie(decode(values))) as Effect.Effect<S["Type"], SqlError>
}

const asBackend = decoded(
  Schema.NonEmptyArray(Schema.TupleWithRest(Schema.Tuple([Schema.Int, Schema.String]), [Schema.Unknown]))
)
const asLook = decoded(Schema.NonEmptyArray(Schema.Tuple([Schema.String, Schema.String, Schema.String])))
const asNames = decoded(Schema.Array(Schema.Tuple([Schema.String])))
const asCount = decoded(Schema.NonEmptyArray(Schema.Tuple([Schema.Int])))
const asAnswer = decoded(Schema.NonEmptyArray(Schema.Tuple([Schema.NullOr(Schema.Boolean)])))

const namesOf = (shards: ReadonlyArray<NumberedShard>): string => shards.map(([shardId]) => shardId).join(" ")

const numbersOf = (shards: ReadonlyArray<NumberedShard>): string =>
  shards.map(([, number]) => number).join(" ")

/** Opens one beside the pool of `client`, to the same server. */
export const open = Effect.fnUntraced(function* (client: PgClient.PgClient) {
  const connection = yield* PgConnection.make({ ...client.config, applicationName: "guichet locks" })
  const ask = (text: string, ...parameters: ReadonlyArray<string | number>) =>
    connection.queryValues(text, parameters)
  const names = (rows: Effect.Effect<unknown, SqlError>) =>
    Effect.map(asNames(rows), (found) => found.map(([name]) => name))
  const isTrue = (rows: Effect.Effect<unknown, SqlError>) =>
    Effect.map(asAnswer(rows), ([[answer]]) => answer === true)

  const [[pid, since]] = yield* asBackend(ask(settings))
  const session: LockSession = {
    backend: { pid, since },
    look: Effect.map(
      asLook(ask(look)),
      ([[own, alive, self]]) => ({ own: setOf(own), alive: setOf(alive), self: setOf(self) })
    ),
    take: (owner, shards) => names(ask(take, namesOf(shards), numbersOf(shards), owner)),
    retake: (owner, shards) =>
      Effect.andThen(
        names(ask(takeAll, namesOf(shards), numbersOf(shards))),
        (taken) => names(ask(untouched, taken.join(" "), owner))
      ),
    free: (numbers) => Effect.asVoid(ask(free, [...numbers].join(" "))),
    announce: (machineId) => isTrue(ask(`SELECT pg_try_advisory_lock(${runnerClass}, ${machineId})`)),
    endSilentTransactions: Effect.map(asCount(ask(endSilent)), ([[count]]) => count),
    end: ({ pid, since }) => isTrue(ask(end, pid, since))
  }
  return session
})
