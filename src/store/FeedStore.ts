/** The live feeds of flows and jobs: numbered events in SQL, so that any process can serve and resume them. */
import { Context, Duration, Effect, Layer, Option, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { closing, type FeedEvent } from "../../rpc/Feed.ts"
import * as Rows from "./Rows.ts"

const Row = Schema.Struct({ seq: Schema.Int, at: Rows.At, kind: Schema.String, data: Schema.Json })

/** One event to append. */
export interface Entry {
  readonly kind: string
  readonly data: Schema.Json
}

/** How long a watcher rests between two looks at its feed; what this process appends wakes it at once. */
const pause = Duration.millis(100)

/** Wakes whoever rests beside a feed. */
const bell = () => {
  const resting = new Map<string, Set<() => void>>()
  const ring = (feedId: string) =>
    Effect.sync(() => {
      const sleepers = resting.get(feedId)
      resting.delete(feedId)
      sleepers?.forEach((wake) => wake())
    })
  const rest = (feedId: string) =>
    Effect.callback<void>((resume) => {
      const wake = () => resume(Effect.void)
      const sleepers = resting.get(feedId) ?? new Set()
      resting.set(feedId, sleepers.add(wake))
      return Effect.sync(() => {
        sleepers.delete(wake)
        if (sleepers.size === 0 && resting.get(feedId) === sleepers) resting.delete(feedId)
      })
    }).pipe(Effect.timeoutOption(pause))
  return { ring, rest }
}

/** Appends are numbered under the feed's own row, so that numbers are visible in their order. */
export class FeedStore extends Context.Service<FeedStore, {
  /** Appends nothing to a closed feed: a step that a crash repeats has been told of. */
  readonly append: (feedId: string, ...entries: ReadonlyArray<Entry>) => Effect.Effect<void>
  /** Appends the closing event, once. */
  readonly close: (feedId: string, data: Schema.Json) => Effect.Effect<void>
  readonly after: (feedId: string, seq: number) => Effect.Effect<ReadonlyArray<FeedEvent>>
  /** Every event after `seq`, then live; ends with the closing event, and at once when that is behind `seq`. */
  readonly watch: (feedId: string, seq: number) => Stream.Stream<FeedEvent>
}>()("guichet/store/FeedStore") {
  static readonly layer = Layer.effect(
    FeedStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { rest, ring } = bell()
      const isOpen = (feedId: string) =>
        sql`NOT EXISTS (SELECT 1 FROM feed_events WHERE feed_id = ${feedId} AND kind = ${closing})`
      const append = (feedId: string, ...entries: ReadonlyArray<Entry>) =>
        entries.length === 0 ? Effect.void : Rows.run(sql`
          WITH feed AS (
            INSERT INTO feeds (feed_id, last) SELECT ${feedId}, ${entries.length}::int WHERE ${isOpen(feedId)}
            ON CONFLICT (feed_id) DO UPDATE SET last = feeds.last + ${entries.length}::int
            RETURNING last
          )
          INSERT INTO feed_events (feed_id, seq, kind, data)
          SELECT ${feedId}, feed.last - ${entries.length}::int + entry.ordinality::int,
                 entry.value->>'kind', entry.value->'data'
          FROM feed, jsonb_array_elements(${JSON.stringify(entries)}::jsonb) WITH ORDINALITY AS entry`).pipe(
          Effect.andThen(ring(feedId))
        )
      const close = (feedId: string, data: Schema.Json) =>
        Rows.run(sql`
          WITH feed AS (
            INSERT INTO feeds (feed_id, last) SELECT ${feedId}, 1 WHERE ${isOpen(feedId)}
            ON CONFLICT (feed_id) DO UPDATE SET last = feeds.last + 1
            RETURNING last
          )
          INSERT INTO feed_events (feed_id, seq, kind, data)
          SELECT ${feedId}, feed.last, ${closing}, ${JSON.stringify(data)}::jsonb FROM feed`).pipe(
          Effect.andThen(ring(feedId))
        )
      const after = (feedId: string, seq: number) =>
        Rows.all(Row)(sql`
          SELECT seq, at, kind, data FROM feed_events
          WHERE feed_id = ${feedId} AND seq > ${seq}::int ORDER BY seq LIMIT 1000`)
      const isOver = (feedId: string, seq: number) =>
        Effect.map(
          Rows.first(Row)(sql`
            SELECT seq, at, kind, data FROM feed_events
            WHERE feed_id = ${feedId} AND kind = ${closing} AND seq <= ${seq}::int LIMIT 1`),
          Option.isSome
        )
      const live = (feedId: string, seq: number) =>
        Stream.paginate(seq, (last) =>
          Effect.gen(function* () {
            const events = yield* Effect.withTracerEnabled(after(feedId, last), false)
            const latest = events.at(-1)
            if (latest === undefined) yield* rest(feedId)
            return [
              events,
              latest?.kind === closing ? Option.none() : Option.some(latest?.seq ?? last)
            ] as const
          }))
      const watch = (feedId: string, seq: number) =>
        Stream.unwrap(Effect.map(isOver(feedId, seq), (over) => over ? Stream.empty : live(feedId, seq)))
      return { append, close, after, watch }
    })
  )
}
