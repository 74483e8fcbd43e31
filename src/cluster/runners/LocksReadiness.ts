/** Why a core must not be sent requests although its database answers: its shards or its messages do not move. */
import { Effect, Layer, Option, Schema } from "effect"
import { Snowflake } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { ReadinessFault } from "../../http/Health.ts"
import { idList } from "../mailbox/MailboxReads.ts"
import { MailboxNews } from "../mailbox/MailboxStorage.ts"
import { ShardLocks } from "./ShardLocks.ts"

/** A start, a move of shards and a restart of PostgreSQL are over before that, in milliseconds. */
const patience = 15_000

/** For so long one message may be the oldest that nobody has read, in milliseconds. */
const longestUnread = 30_000

const seconds = (milliseconds: number): string => `${Math.round(milliseconds / 1_000)} seconds`

const twin =
  "Another process runs under the address of this one, and holds the locks: stop one of the two, or start " +
  "both with GUICHET_CLUSTER=socket and a GUICHET_RUNNER_PORT of its own for each."

const Oldest = Schema.Tuple([Schema.Union([Schema.Int, Schema.BigInt])])
const decodeOldest = Schema.decodeUnknownEffect(Schema.Array(Oldest))

/** `now` is in milliseconds, from any beginning. */
const make = Effect.fnUntraced(function* (now: () => number) {
  const locks = yield* ShardLocks
  const { given } = yield* MailboxNews
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  let emptySince: number | undefined
  let oldest: { readonly id: bigint; readonly since: number } | undefined

  const locksFault = Effect.map(locks.state, ({ held, isTwin, missing, provedAt }) => {
    const at = now()
    emptySince = held.length > 0 ? undefined : emptySince ?? at
    if (isTwin && held.length === 0) return twin
    if (at - provedAt > patience) {
      return `PostgreSQL has not confirmed the locks of this process for ${seconds(at - provedAt)}.`
    }
    if (missing !== undefined && at - missing.since > patience && at - missing.seen < patience) {
      return `${missing.count} shards of this process are locked by another: what they answer for waits.`
    }
    if (emptySince !== undefined && at - emptySince > patience) {
      return `This process has held no shard for ${seconds(at - emptySince)}.`
    }
    return undefined
  })

  /** Messages are read in their order: while they move, the oldest is another each time. */
  const messagesFault = Effect.gen(function* () {
    const { held } = yield* locks.state
    if (held.length === 0) return undefined
    const due = Date.now() - longestUnread
    const rows = yield* decodeOldest(
      yield* sql`
        SELECT id FROM cluster_messages
        WHERE ${sql.in("shard_id", held)} AND processed = false
          AND NOT EXISTS (
            SELECT 1 FROM unnest(${idList(yield* given)}::text::bigint[]) AS given (id)
            WHERE given.id = cluster_messages.id
          )
          AND (deliver_at IS NULL OR deliver_at <= ${due})
          AND NOT EXISTS (
            SELECT 1 FROM cluster_replies r
            WHERE r.request_id = cluster_messages.request_id AND (r.kind = 0 OR r.acked = FALSE)
          )
        ORDER BY id LIMIT 1`.values
    )
    const at = now()
    const id = rows[0] === undefined ? undefined : BigInt(rows[0][0])
    oldest = id === undefined ? undefined : oldest?.id === id ? oldest : { id, since: at }
    if (oldest === undefined || at - oldest.since < longestUnread) return undefined
    const age = Date.now() - Snowflake.timestamp(Snowflake.Snowflake(oldest.id))
    return `The oldest message of this process has waited for ${seconds(age)}: nothing is read.`
  }).pipe(
    Effect.timeoutOption("2 seconds"),
    Effect.map(Option.getOrElse(() => "The messages of this process cannot be read within two seconds.")),
    Effect.orElseSucceed(() => "The messages of this process cannot be read."),
    Effect.withTracerEnabled(false)
  )

  return Effect.flatMap(locksFault, (fault) => fault === undefined ? messagesFault : Effect.succeed(fault))
})

export const layerAt = (
  now: () => number
): Layer.Layer<never, never, MailboxNews | ShardLocks | SqlClient.SqlClient> =>
  Layer.effect(ReadinessFault, make(now))

export const layer = layerAt(() => performance.now())
