/** Wakes the watchers of feeds: one query for all of a process, however many there are and whatever they watch. */
import { Cause, Duration, Effect, Latch, Schema, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { isEmbedded } from "../../database/Database.ts"
import { logFault } from "../../telemetry/Faults.ts"
import * as Rows from "../Rows.ts"

const Grown = Schema.Struct({ feed_id: Schema.String, last: Schema.Int })

/** How often the feeds that somebody waits for are asked for news of other processes; */
const pause = Duration.millis(100)

/** and on the embedded database, which has no other process. */
const pauseAlone = Duration.seconds(1)

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
  readonly sleepers: Set<Sleeper>
}

/** A watcher's place beside one feed. */
export interface Place {
  /** Changes with each commit of this process to the feed. */
  readonly news: () => number
  /** Returns when the feed may have more than `seq`; `news` was taken before the feed was read up to there. */
  readonly rest: (seq: number, news: number) => Effect.Effect<void>
}

/** Which feeds are watched here, and how their watchers are woken. */
export interface FeedReader {
  /** Wakes the watchers of a feed that this process has committed to. */
  readonly ring: (feedId: string) => Effect.Effect<void>
  /** A place beside the feed until the scope closes. */
  readonly beside: (feedId: string) => Effect.Effect<Place, never, Scope.Scope>
}

/** The reader of this process; it asks nothing while nobody waits, and ends with the scope. */
export const make: Effect.Effect<FeedReader, never, SqlClient.SqlClient | Scope.Scope> = Effect.gen(
  function* () {
    const sql = yield* SqlClient.SqlClient
    const every = (yield* isEmbedded) ? pauseAlone : pause
    const feeds = new Map<string, Watched>()
    const awaited = yield* Latch.make(false)

    const wake = (watched: Watched | undefined, isBehind: (sleeper: Sleeper) => boolean) => {
      for (const sleeper of watched?.sleepers ?? []) {
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

    yield* awaited.await.pipe(
      Effect.andThen(Effect.sleep(every)),
      Effect.andThen(look),
      Effect.tap(() => Effect.sync(() => void (failing = false))),
      Effect.catchCause(report),
      Effect.withTracerEnabled(false),
      Effect.forever,
      Effect.forkScoped
    )

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
        const watched = feeds.get(feedId) ?? { watchers: 0, news: 0, sleepers: new Set() }
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
      ring: (feedId) =>
        Effect.sync(() => {
          const watched = feeds.get(feedId)
          if (watched === undefined) return
          watched.news++
          wake(watched, () => true)
        }),
      beside: (feedId) =>
        Effect.map(
          Effect.acquireRelease(enter(feedId), (watched) => leave(feedId, watched)),
          (watched): Place => ({ news: () => watched.news, rest: rest(watched) })
        )
    }
  }
)
