/**
 * The cluster's mailboxes in Effect's own tables, with fewer statements than the stock storage: requests and replies are
 * written in groups, and what this runner sends to its own shards reaches it from memory. `docs/mailbox.md` has the design.
 *
 * The stock storage does what is rare: chunks and acknowledgments of streams, interrupts, and everything within a
 * transaction of the caller.
 */
import { Context, Duration, Effect, Exit, Layer, type Scope } from "effect"
import {
  type EntityAddress,
  MessageStorage,
  ShardingConfig,
  Snowflake,
  SqlMessageStorage
} from "effect/cluster"
import type { Digest } from "effect/crypto/Digest"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import * as MailboxReads from "./MailboxReads.ts"
import {
  type Encoded,
  isRequest,
  type MessageRow,
  persistence,
  replyOf,
  type ReplyRow,
  unprocessedOf
} from "./MailboxRows.ts"
import * as MailboxWrites from "./MailboxWrites.ts"
import * as StepIndex from "./StepIndex.ts"
import * as WaitingMail from "./WaitingMail.ts"
import type { JournalRow } from "./WriteStatement.ts"

/** What only this runner's memory knows of its mailboxes, and what it is told. */
export class MailboxNews extends Context.Service<MailboxNews, {
  /** Another runner has stored something for a shard of this one. */
  readonly arrived: Effect.Effect<void>
  /** The ids of the messages that the read loop was given and nobody has answered; `last_read` does not tell. */
  readonly given: Effect.Effect<ReadonlyArray<string>>
}>()("guichet/cluster/MailboxNews") {}

/** What a workflow's journal needs of the mailboxes. */
export class JournalMail extends Context.Service<JournalMail, {
  /** Stores how a step ended, together with what else is written; false of a row that is there already or comes too late. */
  readonly write: (row: JournalRow) => Effect.Effect<boolean, SqlError>
  /**
   * Whether a workflow begins: this runner stored its run, nothing was told to it before, and nobody else can have had it
   * since. True once.
   */
  readonly begins: (address: EntityAddress.EntityAddress) => boolean
}>()("guichet/cluster/JournalMail") {}

/** A read without a limit. */
const unlimited = 2 ** 31 - 1

/** A poll a moment early is a poll; one a moment late would be left to the next. */
const pollShare = 0.9

const nameOf = ({ entityId, entityType, shardId }: EntityAddress.EntityAddress): string =>
  WaitingMail.addressOf(shardId.toString(), entityType, entityId)

const addressSet = (addresses: ReadonlyArray<EntityAddress.EntityAddress>): ReadonlySet<string> =>
  new Set(addresses.map(nameOf))

const make: Effect.Effect<
  Context.Context<MessageStorage.MessageStorage | MailboxNews | JournalMail>,
  never,
  SqlClient.SqlClient | ShardingConfig.ShardingConfig | Snowflake.Generator | Digest | Scope.Scope
> = Effect.gen(function* () {
  const stock = yield* SqlMessageStorage.makeEncoded()
  yield* StepIndex.ensure
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const { entityMessagePollInterval } = yield* ShardingConfig.ShardingConfig
  const pollMillis = Duration.toMillis(entityMessagePollInterval) * pollShare

  const mail = WaitingMail.make()
  /** Whether the database may hold something for this runner that is not in its memory. */
  let isDirty = true
  let asked = Number.NEGATIVE_INFINITY

  const missed = () => {
    isDirty = true
  }
  const soil = Effect.sync(missed)
  const dirties = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.ensuring(work, soil)

  const readReplies = (text: string, ids: ReadonlyArray<string>) =>
    sql.unsafe<ReplyRow>(text, [MailboxReads.idList(ids)]).pipe(
      Effect.map((rows) => rows.map(replyOf)),
      persistence,
      Effect.withTracerEnabled(false)
    )

  const writes = yield* MailboxWrites.make({ stock, mail, missed })

  const encoded: Encoded = {
    ...stock,
    ...writes.mailbox,

    unprocessedMessages: (shards, now, options) =>
      Effect.suspend(() => {
        if (mail.own(shards)) isDirty = true
        const addresses = options?.addresses && addressSet(options.addresses)
        const limit = options?.limit ?? unlimited
        const taken = mail.take(limit, addresses)
        const room = limit - taken.length
        if (room === 0 || (!isDirty && now - asked < pollMillis)) {
          return Effect.succeed(taken.map(unprocessedOf))
        }
        // A read of some entities leaves the others for the next one.
        if (addresses === undefined) {
          isDirty = false
          asked = now
        }
        const given = MailboxReads.idList(mail.beginRead(now))
        const params = [shards, String(now), given, addresses === undefined ? null : [...addresses], room]
        return sql.unsafe<MessageRow>(MailboxReads.unprocessed, params)
          .pipe(
            Effect.map((rows) => {
              if (rows.length === room) isDirty = true
              const found = mail.endRead(rows, now)
              // Requests of others were stored before they told; what is sent after a request is given after it.
              return [
                ...found.filter(isRequest),
                ...taken,
                ...found.filter((row) => !isRequest(row))
              ].map(unprocessedOf)
            }),
            Effect.onExit((exit) =>
              Effect.sync(() => {
                if (Exit.isSuccess(exit)) return
                mail.putBack(taken)
                isDirty = true
              })
            ),
            persistence,
            Effect.withTracerEnabled(false)
          )
      }),

    repliesFor: (ids) => readReplies(MailboxReads.replies, ids),
    repliesForUnfiltered: (ids) => readReplies(MailboxReads.everyReply, ids),

    clearReplies: (requestId, options) => {
      const id = String(requestId)
      const expected = options?.expectedReplyId
      const cleared = expected === undefined
        ? sql.unsafe(MailboxReads.clear, [id])
        : sql.unsafe(MailboxReads.clearExpected, [id, String(expected)])
      return cleared.pipe(
        Effect.andThen(Effect.sync(() => mail.release([id]))),
        persistence,
        dirties,
        Effect.withTracerEnabled(false)
      )
    },

    // A claim is this runner's memory alone: nothing in the database must be taken back.
    resetRequests: (ids) => dirties(Effect.sync(() => mail.release(ids.map(String)))),
    resetAddresses: (addresses) => dirties(Effect.sync(() => mail.releaseAddresses(addressSet(addresses)))),
    resetShards: (shards) => dirties(Effect.sync(() => mail.releaseShards(shards))),

    clearAddress: (address) =>
      Effect.andThen(
        stock.clearAddress(address),
        Effect.sync(() => mail.releaseAddresses(addressSet([address])))
      )
  }

  const storage = yield* MessageStorage.makeEncoded(encoded)
  const mailboxes = MessageStorage.MessageStorage.of({
    ...storage,
    unprocessedMessages: (shards, options) =>
      Effect.suspend(() => {
        const ids = [...shards]
        // Whoever has no shard does not ask the encoded storage at all.
        if (ids.length === 0) mail.own([])
        return storage.unprocessedMessages(ids, options)
      })
  })
  return Context.make(MessageStorage.MessageStorage, mailboxes).pipe(
    Context.add(MailboxNews, MailboxNews.of({ arrived: soil, given: Effect.sync(mail.given) })),
    Context.add(
      JournalMail,
      JournalMail.of({ write: writes.journal, begins: (address) => mail.takeFirst(nameOf(address)) })
    )
  )
})

/** In the database; the tables are made when they are missing. */
export const layer: Layer.Layer<
  MessageStorage.MessageStorage | MailboxNews | JournalMail,
  never,
  SqlClient.SqlClient | ShardingConfig.ShardingConfig | Digest
> = Layer.effectContext(make).pipe(Layer.provide(Snowflake.layerGenerator))
