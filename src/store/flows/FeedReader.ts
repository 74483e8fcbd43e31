/**
 * Wakes the watchers of feeds, and hands them what this process has written: SQL is asked for what other processes write
 * alone, in one query for all of a process, however many watch and whatever they watch.
 */
import { Cause, Duration, Effect, Latch, Schema, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { closing, type FeedEvent } from "../../../rpc/Feed.ts"
import { isEmbedded } from "../../database/Database.ts"
import { logFault } from "../../telemetry/Faults.ts"
import * as Rows from "../Rows.ts"

const Grown = Schema.Struct({ feed_id: Schema.String, last: Schema.Int })

/** How often the feeds that somebody waits for are asked for news of other processes. */
const pause = Duration.millis(500)

/** So many events of a watched feed stay in memory at least; twice as many are the most. */
const remembered = 500

/** A database that does not answer for so long is asked again. */
const patience = Duration.seconds(10)

/** A watcher that has seen everything up to `seq`. */
interface Sleeper {
  readonly seq: number
  readonly wake: () => void
}

interface Watched {
  watchers: number
  /** How often this process has committed to the feed since it is watched. */
  news: number
  /** The last events of the feed that this process wrote, without a gap between them. */
  tail: ReadonlyArray<FeedEvent>
  readonly sleepers: Set<Sleeper>
}

/** A watcher's place beside one feed. */
export interface Place {
  /** Changes with each commit of this process to the feed. */
  readonly news: () => number
  /** Every event after `seq` that is known here; undefined when only SQL can say which they are. */
  readonly since: (seq: number) => ReadonlyArray<FeedEvent> | undefined
  /** Returns when the feed may have more than `seq`; `news` was taken before the feed was read up to there. */
  readonly rest: (seq: number, news: number) => Effect.Effect<void>
}

/** Which feeds are watched here, and how their watchers are woken. */
export interface FeedReader {
  /** Wakes the watchers of a feed to which this process has committed these events, with what they wait for. */
  readonly ring: (feedId: string, events: ReadonlyArray<FeedEvent>) => Effect.Effect<void>
  /** A place beside the feed until the scope closes. */
  readonly beside: (feedId: string) => Effect.Effect<Place, never, Scope.Scope>
}

/**
 * Commits of one process may be heard in another order than they were made, and other processes write between them: what
 * does not follow the tail begins a new one, what comes late is left to SQL. So is
 * a closing event, which any process may turn into one end of several.
 */
const followed = (tail: ReadonlyArray<FeedEvent>, events: ReadonlyArray<FeedEvent>) => {
  if (events.some(({ kind }) => kind === closing)) return []
  const last = tail.at(-1)?.seq
  const next = events[0]?.seq
  if (next === undefined || (last !== undefined && next <= last)) return tail
  if (last === undefined || next > last + 1) return events
  return [...(tail.length < 2 * remembered ? tail : tail.slice(-remembered)), ...events]
}

/** The events after `seq`, where the tail says them all. */
const behind = (tail: ReadonlyArray<FeedEvent>, seq: number) => {
  const [first] = tail
  return first === undefined || first.seq > seq + 1 || tail.at(-1)!.seq <= seq
    ? undefined
    : tail.slice(seq + 1 - first.seq)
}

/** The reader of this process; it asks nothing while nobody waits, and ends with the scope. */
export const make: Effect.Effect<FeedReader, never, SqlClient.SqlClient | Scope.Scope> = Effect.gen(
  function* () {
    const sql = yield* SqlClient.SqlClient
    const alone = yield* isEmbedded
    const feeds = new Map<string, Watched>()
    const awaited = yield* Latch.make(false)

    const wake = (watched: Watched | undefined, isBehind: (sleeper: Sleeper) => boolean) => {
      // One that is woken may rest again at once: it is not to be woken a second time.
      for (const sleeper of [...watched?.sleepers ?? []]) {
        if (!isBehind(sleeper)) continue
        watched?.sleepers.delete(sleeper)
        sleeper.wake()
      }
    }

    const look = Effect.suspend(() => {
      const ids = [...feeds].flatMap(([feedId, { sleepers }]) => sleepers.size > 0 ? [feedId] : [])
      if (ids.length === 0) {
        awaited.closeUnsafe()
        return Effect.void
      }
      return Effect.map(
        Rows.all(Grown)(sql`SELECT feed_id, last FROM feeds WHERE feed_id = ANY(${ids}::text[])`),
        (rows) => rows.forEach(({ feed_id, last }) => wake(feeds.get(feed_id), ({ seq }) => seq < last))
      )
    }).pipe(Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.die(new Error("The feeds were not read in time"))
    }))

    let failing = false
    const report = (cause: Cause.Cause<never>) =>
      Effect.suspend(() => {
        if (failing || Cause.hasInterruptsOnly(cause)) return Effect.void
        failing = true
        return logFault("The feeds cannot be read; their watchers wait until they can", cause)
      })

    // The embedded database has no other process: whatever is written was written here.
    if (!alone) {
      yield* awaited.await.pipe(
        Effect.andThen(Effect.sleep(pause)),
        Effect.andThen(look),
        Effect.tap(() => Effect.sync(() => void (failing = false))),
        Effect.catchCause(report),
        Effect.withTracerEnabled(false),
        Effect.forever,
        Effect.forkScoped
      )
    }

    const rest = (watched: Watched) => (seq: number, news: number) =>
      Effect.callback<void>((resume) => {
        if (watched.news !== news) return resume(Effect.void)
        const sleeper: Sleeper = { seq, wake: () => resume(Effect.void) }
        watched.sleepers.add(sleeper)
        awaited.openUnsafe()
        return Effect.sync(() => void watched.sleepers.delete(sleeper))
      })

    const enter = (feedId: string) =>
      Effect.sync(() => {
        const watched = feeds.get(feedId) ?? { watchers: 0, news: 0, tail: [], sleepers: new Set() }
        watched.watchers++
        feeds.set(feedId, watched)
        return watched
      })

    const leave = (feedId: string, watched: Watched) =>
      Effect.sync(() => {
        watched.watchers--
        if (watched.watchers === 0) feeds.delete(feedId)
      })

    return {
      ring: (feedId, events) =>
        Effect.sync(() => {
          const watched = feeds.get(feedId)
          if (watched === undefined) return
          watched.news++
          watched.tail = followed(watched.tail, events)
          wake(watched, () => true)
        }),
      beside: (feedId) =>
        Effect.map(
          Effect.acquireRelease(enter(feedId), (watched) => leave(feedId, watched)),
          (watched): Place => ({
            news: () => watched.news,
            since: (seq) => behind(watched.tail, seq),
            rest: rest(watched)
          })
        )
    }
  }
)
