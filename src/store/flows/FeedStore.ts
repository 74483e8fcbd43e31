/** The live feeds of flows and jobs: numbered events in SQL, so that any process can serve and resume them. */
import { Cache, Context, Duration, Effect, Layer, Option, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"
import { closing, type FeedEvent } from "../../../rpc/Feed.ts"
import * as Rows from "../Rows.ts"
import * as FeedReader from "./FeedReader.ts"

const Row = Schema.Struct({ seq: Schema.Int, at: Rows.At, kind: Schema.String, data: Schema.Json })

const Told = Schema.Struct({ feed_id: Schema.String, ...Row.fields })

/** The same in a column of JSON. */
export const Written = Schema.Struct({ ...Told.fields, at: Schema.DateTimeUtcFromString })

/** So many events are read at once. */
const most = 1_000

/** One event to append. */
export interface Entry {
  readonly kind: string
  readonly data: Schema.Json
}

/** Watchers that ask for the same at the same time share one answer; so many questions may be open. */
const questions = 4_096

/** Appends are numbered under the feed's own row, so that numbers are visible in their order. */
export class FeedStore extends Context.Service<FeedStore, {
  /** Appends nothing to a closed feed: a step that a crash repeats has been reported. */
  readonly append: (feedId: string, ...entries: ReadonlyArray<Entry>) => Effect.Effect<void>
  /**
   * Appends in one statement with others: `also` is one or more CTEs (`name AS (…)`, without a read of the feed) that run
   * whether or not the feed takes the entries.
   */
  readonly appendWith: (
    feedId: string,
    entries: ReadonlyArray<Entry>,
    also: Fragment
  ) => Effect.Effect<void>
  /** Appends the closing event, once. */
  readonly close: (feedId: string, data: Schema.Json) => Effect.Effect<void>
  /** The same behind other entries, in one statement with others. */
  readonly closeWith: (
    feedId: string,
    entries: ReadonlyArray<Entry>,
    data: Schema.Json,
    also: Fragment
  ) => Effect.Effect<void>
  /**
   * The same, where each entry with a `when` is written only if that is among the `reason`s of the CTE `cause`. Answers
   * whether anything was written.
   */
  readonly appendFor: (
    feedId: string,
    entries: ReadonlyArray<Entry & { readonly when?: string }>,
    cause: string,
    also: Fragment
  ) => Effect.Effect<boolean>
  /** Closes the feed if `when` is among the `reason`s of the CTE `cause`. */
  readonly closeFor: (
    feedId: string,
    data: Schema.Json,
    when: string,
    cause: string,
    also: Fragment
  ) => Effect.Effect<void>
  /**
   * A part of somebody's statement, which writes to several feeds: in one order of feeds, whoever does so. Its entries are
   * written if `cause`, a CTE before them, has a row whose `reason` is `when`. `rows` is a column of what was written, and
   * `ring` wakes the watchers with it.
   */
  readonly within: (
    feedIds: ReadonlyArray<string>,
    entries: ReadonlyArray<Entry & { readonly when: string }>,
    cause: string
  ) => Effect.Effect<{
    readonly ctes: Fragment
    readonly rows: Fragment
    readonly ring: (rows: ReadonlyArray<typeof Written.Type>) => Effect.Effect<void>
  }>
  /** The closing event becomes one end of several, so that whoever resumes after it reads on. For a transaction. */
  readonly reopen: (feedId: string) => Effect.Effect<void>
  readonly after: (feedId: string, seq: number) => Effect.Effect<ReadonlyArray<FeedEvent>>
  /** Every event after `seq`, then live; ends with the closing event, and at once when that is behind `seq`. */
  readonly watch: (feedId: string, seq: number) => Stream.Stream<FeedEvent>
}>()("guichet/store/flows/FeedStore") {
  static readonly layer = Layer.effect(
    FeedStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const reader = yield* FeedReader.make
      const none = sql.literal("")
      const ring = (
        feedIds: ReadonlyArray<string>,
        told: ReadonlyArray<FeedEvent & { readonly feed_id: string }>
      ) =>
        Effect.forEach(
          feedIds,
          (feedId) => sql.afterCommit(reader.ring(feedId, told.filter(({ feed_id }) => feed_id === feedId))),
          { discard: true }
        )
      /**
       * Under the feed's row, so that of an entry and a close at the same time the second sees the first. `cause` is a CTE of
       * the same statement that says which of the entries with a `when` are written.
       */
      const entering = (
        feedIds: ReadonlyArray<string>,
        entries: ReadonlyArray<Entry & { readonly when?: string }>,
        cause: string | undefined,
        closed: boolean
      ) =>
        sql`said AS (
            SELECT entry.value, row_number() OVER (ORDER BY entry.ordinality)::int AS nth
            FROM jsonb_array_elements(${JSON.stringify(entries)}::jsonb) WITH ORDINALITY AS entry
            ${
          cause === undefined ? none : sql`WHERE entry.value->>'when' IS NULL
              OR entry.value->>'when' IN (SELECT reason FROM ${sql(cause)})`
        }
          ), feed AS (
            INSERT INTO feeds (feed_id, last, closed)
            SELECT feed_id, (SELECT count(*) FROM said)::int, ${closed}::boolean
            FROM unnest(${feedIds}::text[]) AS asked (feed_id) WHERE EXISTS (SELECT 1 FROM said)
            ON CONFLICT (feed_id) DO UPDATE SET last = feeds.last + excluded.last, closed = excluded.closed
            WHERE NOT feeds.closed
            RETURNING feed_id, last
          ), told AS (
            INSERT INTO feed_events (feed_id, seq, kind, data)
            SELECT feed.feed_id, feed.last - (SELECT count(*) FROM said)::int + said.nth,
              said.value->>'kind', said.value->'data'
            FROM feed CROSS JOIN said
            RETURNING feed_id, seq, at, kind, data
          )`
      /** `also` are CTEs of the same statement. Answers whether anything was written. */
      const write = Effect.fnUntraced(function* (
        feedIds: ReadonlyArray<string>,
        entries: ReadonlyArray<Entry & { readonly when?: string }>,
        { also = none, cause, closed = false }: {
          readonly closed?: boolean
          readonly also?: Fragment
          readonly cause?: string
        } = {}
      ) {
        const told = yield* Rows.all(Told)(sql`
          WITH ${also === none ? none : sql`${also}, `}${entering(feedIds, entries, cause, closed)}
          SELECT feed_id, seq, at, kind, data FROM told ORDER BY feed_id, seq`)
        yield* ring(feedIds, told)
        return told
      }, Effect.map((told) => told.length > 0))
      const within: FeedStore["Service"]["within"] = (feedIds, entries, cause) =>
        Effect.succeed({
          ctes: entering(feedIds, entries, cause, false),
          rows: sql`(SELECT coalesce(jsonb_agg(told ORDER BY seq), '[]'::jsonb) FROM told)`,
          ring: (rows) => ring(feedIds, rows)
        })
      const append = (feedId: string, ...entries: ReadonlyArray<Entry>) =>
        entries.length === 0 ? Effect.void : Effect.asVoid(write([feedId], entries))
      const appendWith = (feedId: string, entries: ReadonlyArray<Entry>, also: Fragment) =>
        Effect.asVoid(write([feedId], entries, { also }))
      const appendFor = (
        feedId: string,
        entries: ReadonlyArray<Entry & { readonly when?: string }>,
        cause: string,
        also: Fragment
      ) => write([feedId], entries, { also, cause })
      const close = (feedId: string, data: Schema.Json) =>
        Effect.asVoid(write([feedId], [{ kind: closing, data }], { closed: true }))
      const closeWith = (
        feedId: string,
        entries: ReadonlyArray<Entry>,
        data: Schema.Json,
        also: Fragment
      ) => Effect.asVoid(write([feedId], [...entries, { kind: closing, data }], { closed: true, also }))
      const closeFor = (feedId: string, data: Schema.Json, when: string, cause: string, also: Fragment) =>
        Effect.asVoid(write([feedId], [{ kind: closing, data, when }], { closed: true, also, cause }))
      const reopen = (feedId: string) =>
        Effect.andThen(
          Rows.run(sql`UPDATE feeds SET closed = false WHERE feed_id = ${feedId}`),
          Rows.run(sql`
            UPDATE feed_events SET kind = 'ended' WHERE feed_id = ${feedId} AND kind = ${closing}`)
        )
      const after = (feedId: string, seq: number) =>
        Rows.all(Row)(sql`
          SELECT seq, at, kind, data FROM feed_events
          WHERE feed_id = ${feedId} AND seq > ${seq}::int ORDER BY seq LIMIT ${sql.literal(String(most))}`)
      const isOver = (feedId: string, seq: number) =>
        Effect.map(
          Rows.first(Row)(sql`
            SELECT seq, at, kind, data FROM feed_events
            WHERE feed_id = ${feedId} AND kind = ${closing} AND seq <= ${seq}::int LIMIT 1`),
          Option.isSome
        )
      /** Whoever asks after a commit of this process asks with another key than before it, and gets what it wrote. */
      const shared = yield* Cache.makeWith((key: string) => {
        const [feedId = "", seq] = key.split(" ")
        return after(feedId, Number(seq))
      }, { capacity: questions, timeToLive: () => Duration.zero })
      /** `heard` is what the place had heard when the feed was read up to `last`, where it was read. */
      const page = Effect.fnUntraced(function* (
        feedId: string,
        { news, rest, since }: FeedReader.Place,
        { heard, last }: { readonly last: number; readonly heard?: number }
      ) {
        if (heard !== undefined) yield* rest(last, heard)
        const now = news()
        const events = since(last) ??
          (yield* Effect.withTracerEnabled(Cache.get(shared, `${feedId} ${last} ${now}`), false))
        const end = events.findIndex(({ kind }) => kind === closing)
        if (end >= 0) return [events.slice(0, end + 1), Option.none()] as const
        const upTo = events.at(-1)?.seq ?? last
        return [
          events,
          Option.some(events.length < most ? { last: upTo, heard: now } : { last: upTo })
        ] as const
      })
      const live = (feedId: string, seq: number) =>
        Stream.unwrap(
          Effect.map(
            reader.beside(feedId),
            (place) => Stream.paginate({ last: seq }, (from) => page(feedId, place, from))
          )
        )
      const watch = (feedId: string, seq: number) =>
        seq <= 0
          ? live(feedId, seq)
          : Stream.unwrap(Effect.map(isOver(feedId, seq), (over) => over ? Stream.empty : live(feedId, seq)))
      return { append, within, appendWith, appendFor, close, closeWith, closeFor, reopen, after, watch }
    })
  )
}
