/**
 * The shards that this runner holds, proved by the session that locks them. One fiber asks PostgreSQL every quarter of a
 * second, and at once for who waits; all who wait share an answer. A lost session is replaced, and what nobody took in
 * the meantime is still held.
 *
 * - A proof is fresh for less than the time in which another runner can miss this one twice: it cannot have taken over.
 * - Without a fresh proof, a reply waits for the next one. The cluster's regular question is answered from memory as long
 *   as nobody can have taken over, however late the answers of PostgreSQL or this process are.
 */
import { PgClient } from "@effect/sql-pg"
import {
  Cause,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Latch,
  Layer,
  Schedule,
  Schema,
  Scope,
  Semaphore
} from "effect"
import { ShardingConfig } from "effect/cluster"
import type { SqlError } from "effect/sql/SqlError"
import { randomUUID } from "node:crypto"
import { faultsOf } from "../../telemetry/Faults.ts"
import { type Backend, type LockSession, type NumberedShard, open, silence } from "./LockSession.ts"
import { RunnerLooks } from "./RunnerLooks.ts"
import { shardNumbers } from "./ShardLockKeys.ts"

/** How often PostgreSQL is asked, and how long its answer is as good as the next, in milliseconds. */
export const beat = 250
const fresh = 200

/** How long the other runners cannot have taken over for certain after the last proof: PostgreSQL waits longer. */
const certain = silence - 1_000

/** How long one question may take: then the session is replaced. In milliseconds. */
const longest = 5_000

/** For a second, a server is given time to end the former session. */
const endings = Schedule.max([Schedule.spaced("20 millis"), Schedule.recurs(50)])

/** PostgreSQL does not confirm the locks; `message` says why. */
export class LocksUnproved
  extends Schema.TaggedError<LocksUnproved>()("LocksUnproved", { message: Schema.String }) {}

const unproved = new LocksUnproved({ message: "PostgreSQL did not confirm this runner's locks" })

/** What is known about the locks, for readiness. Times are of `performance.now()`, in milliseconds. */
export interface LocksState {
  readonly held: ReadonlyArray<string>
  readonly provedAt: number
  /** Since when shards that were asked for are locked by others, and how many. */
  readonly missing: { readonly since: number; readonly seen: number; readonly count: number } | undefined
  /** Another process holds the lock of this runner's address. */
  readonly isTwin: boolean
}

export class ShardLocks extends Context.Service<ShardLocks, {
  /** Which of these shards are held. */
  readonly holds: (shardIds: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, LocksUnproved>
  /** Takes those that are free; answers those that are held. */
  readonly take: (shardIds: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, LocksUnproved>
  readonly free: (shardIds: Iterable<string>) => Effect.Effect<void, LocksUnproved>
  readonly freeAll: Effect.Effect<void, LocksUnproved>
  /** Holds the lock by which other runners know that this one lives, from now on. */
  readonly announce: (machineId: number) => Effect.Effect<void>
  /** Whether a runner that announced itself lives. */
  readonly isAlive: (machineId: number) => boolean
  /** Tells whether other runners live, who could take over. */
  readonly setRivals: (exist: boolean) => void
  /** Ends what a runner that froze holds up, once a second at most. */
  readonly endSilentTransactions: Effect.Effect<void, LocksUnproved>
  readonly state: Effect.Effect<LocksState>
}>()("guichet/cluster/ShardLocks") {
  static readonly layer = Layer.effect(ShardLocks, Effect.suspend(() => make))
}

const make = Effect.gen(function* () {
  const client = yield* PgClient.PgClient
  const numbers = shardNumbers(yield* ShardingConfig.ShardingConfig)
  const scope = yield* Effect.scope
  const owner = randomUUID()
  const held = new Set<string>()
  const looks = new RunnerLooks()
  const exclusive = Semaphore.makeUnsafe(1).withPermits(1)
  const wake = Latch.makeUnsafe(false)
  let waiting = Deferred.makeUnsafe<void, LocksUnproved>()
  let current: { readonly session: LockSession; readonly scope: Scope.Closeable } | undefined
  let former: Backend | undefined
  let provedAt = performance.now()
  let machineId: number | undefined
  let rivals = false
  let isTwin = false
  let missing: LocksState["missing"]

  const numbered = (shardIds: Iterable<string>): ReadonlyArray<NumberedShard> =>
    Array.from(shardIds, (shardId) => [shardId, numbers.get(shardId) ?? 0] as const)

  const lose = (error: SqlError | LocksUnproved | Cause.TimeoutError) =>
    Effect.suspend(() => {
      if (current === undefined) return Effect.void
      const { scope: lost } = current
      current = undefined
      wake.openUnsafe()
      const faults = faultsOf(Cause.fail(error)).map(({ error }) => error)
      return Effect.logWarning("The session of the shards' locks is lost: they are taken again", { faults })
        .pipe(
          Effect.andThen(Effect.forkIn(Scope.close(lost, Exit.void), scope)),
          Effect.asVoid
        )
    })

  const forget = Effect.fnUntraced(function* (lost: ReadonlyArray<string>) {
    if (lost.length === 0) return
    for (const shardId of lost) held.delete(shardId)
    yield* Effect.logWarning("Locks of shards are lost to another runner", { shards: lost.length })
  })

  const announce = Effect.fnUntraced(function* (session: LockSession) {
    if (machineId === undefined) return
    const others = !(yield* session.announce(machineId))
    if (others && !isTwin) {
      yield* Effect.logWarning("Another process holds the lock of this runner's address", { machineId })
    }
    isTwin = others
  })

  /** A server that has not heard of a broken connection, or has no time, may still hold the locks for the former session. */
  const recover = Effect.fnUntraced(function* (session: LockSession) {
    if (former !== undefined) {
      yield* Effect.repeat(session.end(former), { while: (isThere) => isThere, schedule: endings })
    }
    if (held.size === 0) return
    const kept = yield* session.retake(owner, numbered(held))
    yield* forget([...held].filter((shardId) => !kept.includes(shardId)))
  })

  const replace = Effect.gen(function* () {
    const own = yield* Scope.fork(scope)
    const session = yield* open(client).pipe(
      Effect.tap(recover),
      Scope.provide(own),
      Effect.onError(() => Scope.close(own, Exit.void))
    )
    if (former !== undefined) {
      looks.pause()
      yield* Effect.logInfo("The session of the shards' locks is replaced", { kept: held.size })
    }
    former = session.backend
    current = { session, scope: own }
    return session
  })

  const look = Effect.fnUntraced(function* (session: LockSession) {
    const sent = performance.now()
    const { alive, own, self } = yield* session.look
    provedAt = sent
    looks.add(alive, sent)
    yield* forget([...held].filter((shardId) => !own.has(numbers.get(shardId) ?? 0)))
    const known = new Set(numbered(held).map(([, number]) => number))
    const strays = [...own].filter((number) => !known.has(number))
    if (strays.length > 0) yield* session.free(strays)
    if (machineId !== undefined && !self.has(machineId)) yield* announce(session)
  })

  /** In a fiber of its own: whoever stops waiting leaves no lock behind that nobody knows of. */
  const apart = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.flatMap(Effect.forkIn(exclusive(work), scope, { startImmediately: true }), Fiber.join)

  const inTime = <A>(work: Effect.Effect<A, SqlError>): Effect.Effect<A, LocksUnproved> =>
    Effect.timeout(work, longest).pipe(
      Effect.tapError(lose),
      Effect.mapError(() => unproved)
    )

  const proof = Effect.suspend(() =>
    current === undefined ? Effect.fail(unproved) : inTime(look(current.session))
  ).pipe(
    Effect.catch(() =>
      Effect.timeout(replace, 2 * longest).pipe(
        Effect.flatMap(look),
        Effect.tapError(lose)
      )
    )
  )

  const round = Effect.suspend(() => {
    const asked = waiting
    waiting = Deferred.makeUnsafe()
    return apart(proof).pipe(
      Effect.matchEffect({
        onFailure: () => Effect.andThen(Deferred.fail(asked, unproved), Effect.sleep(beat)),
        onSuccess: () =>
          Effect.andThen(Deferred.succeed(asked, undefined), Effect.raceFirst(wake.await, Effect.sleep(beat)))
      }),
      Effect.andThen(wake.close)
    )
  })

  yield* Effect.orDie(apart(proof))
  yield* Effect.forkScoped(Effect.withTracerEnabled(Effect.forever(round), false))

  const isFresh = () => current !== undefined && performance.now() - provedAt < fresh
  const isCertain = () => !rivals || performance.now() - provedAt < certain
  const holding = (shardIds: ReadonlyArray<string>) => shardIds.filter((shardId) => held.has(shardId))

  const free = (shardIds: Iterable<string>) =>
    apart(Effect.suspend(() => {
      const freed = [...shardIds].filter((shardId) => held.delete(shardId))
      if (current === undefined || freed.length === 0) return Effect.void
      return inTime(current.session.free(numbered(freed).map(([, number]) => number)))
    }))

  let endedAt = Number.NEGATIVE_INFINITY
  const endSilentTransactions = Effect.suspend(() => {
    if (current === undefined || performance.now() - endedAt < 1_000) return Effect.void
    endedAt = performance.now()
    return Effect.flatMap(
      inTime(current.session.endSilentTransactions),
      (count) =>
        count === 0 ? Effect.void : Effect.logWarning("Transactions of a frozen runner are ended", { count })
    )
  })

  return ShardLocks.of({
    endSilentTransactions: apart(endSilentTransactions),
    holds: (shardIds) =>
      Effect.suspend(() => {
        if (isFresh() || (shardIds.length > 1 && isCertain())) return Effect.succeed(holding(shardIds))
        wake.openUnsafe()
        return Effect.map(Deferred.await(waiting), () => holding(shardIds))
      }),
    take: (shardIds) =>
      apart(Effect.gen(function* () {
        const free = shardIds.filter((shardId) => !held.has(shardId))
        const taken = current === undefined || free.length === 0
          ? []
          : yield* inTime(current.session.take(owner, numbered(free)))
        for (const shardId of taken) held.add(shardId)
        const now = performance.now()
        const count = free.length - taken.length
        missing = count === 0 ? undefined : { since: missing?.since ?? now, seen: now, count }
        return holding(shardIds)
      })),
    free,
    freeAll: Effect.suspend(() => free([...held])),
    announce: (id) =>
      Effect.sync(() => {
        machineId = id
        wake.openUnsafe()
      }),
    isAlive: (id) => looks.isAlive(id),
    setRivals: (exist) => {
      rivals = exist
    },
    state: Effect.sync(() => ({ held: [...held], provedAt, missing, isTwin }))
  })
})
