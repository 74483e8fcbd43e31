/**
 * The cluster's mailboxes in Effect's own tables, with fewer statements than the stock storage: requests and replies are
 * written in groups, and what this runner sends to its own shards reaches it from memory. `docs/mailbox.md` has the design.
 *
 * The stock storage does what is rare: chunks and acknowledgments of streams, interrupts, and everything within a
 * transaction of the caller.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Option, type Scope } from "effect"
import {
  type EntityAddress,
  type Envelope,
  MessageStorage,
  ShardingConfig,
  Snowflake,
  SqlMessageStorage
} from "effect/cluster"
import { PersistenceError } from "effect/cluster/ClusterError"
import type { Digest } from "effect/crypto/Digest"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { isEmbedded } from "../../database/Database.ts"
import { isUniqueViolation } from "../../database/TransientFault.ts"
import * as GroupedWrites from "./GroupedWrites.ts"
import * as MailboxReads from "./MailboxReads.ts"
import {
  type Encoded,
  insertedMessage,
  isRequest,
  type MessageRow,
  replyOf,
  type ReplyRow,
  requestRow,
  unprocessedOf
} from "./MailboxRows.ts"
import * as WaitingMail from "./WaitingMail.ts"
import type { Write, Written } from "./WriteStatement.ts"

/** What only this runner's memory knows of its mailboxes, and what it is told. */
export class MailboxNews extends Context.Service<MailboxNews, {
  /** Another runner has stored something for a shard of this one. */
  readonly arrived: Effect.Effect<void>
  /** The ids of the messages that the read loop was given and nobody has answered; `last_read` does not tell. */
  readonly given: Effect.Effect<ReadonlyArray<string>>
}>()("guichet/cluster/MailboxNews") {}

/** Two statements under way keep the disk busy while the next one fills; the embedded database has one session. */
const lanes = { server: 2, embedded: 1 } as const

/** Writes in one statement. */
const most = 128

/** Longer keys are stored as their digest, which the stock storage makes. */
const longestKey = 255

/** A read without a limit. */
const unlimited = 2 ** 31 - 1

/** A poll a moment early is a poll; one a moment late would be left to the next. */
const pollShare = 0.9

type SaveResult = Effect.Success<ReturnType<Encoded["saveEnvelope"]>>
type SaveOptions = Parameters<Encoded["saveEnvelope"]>[0]
type Requested = Extract<Envelope.Encoded, { readonly _tag: "Request" }>

const persistence = Effect.mapError((cause: SqlError) => new PersistenceError({ cause }))

const saved: SaveResult = MessageStorage.SaveResultEncoded.Success()

/** What was there under the key: this very request, whose first insert was not answered, or an earlier one. */
const duplicateOf = (id: string, row: Written): SaveResult =>
  row.id === id ? saved : MessageStorage.SaveResultEncoded.Duplicate({
    originalId: Snowflake.Snowflake(row.id),
    lastReceivedReply: row.reply_id === null ? Option.none() : Option.some(replyOf({
      id: row.reply_id,
      request_id: row.id,
      kind: row.reply_kind,
      payload: row.reply_payload!,
      sequence: row.reply_sequence
    }))
  })

const addressSet = (addresses: ReadonlyArray<EntityAddress.EntityAddress>): ReadonlySet<string> =>
  new Set(
    addresses.map(({ entityId, entityType, shardId }) =>
      WaitingMail.addressOf(shardId.toString(), entityType, entityId)
    )
  )

const make: Effect.Effect<
  Context.Context<MessageStorage.MessageStorage | MailboxNews>,
  never,
  SqlClient.SqlClient | ShardingConfig.ShardingConfig | Snowflake.Generator | Digest | Scope.Scope
> = Effect.gen(function* () {
  const stock = yield* SqlMessageStorage.makeEncoded()
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const clock = yield* Clock.Clock
  const { entityMessagePollInterval } = yield* ShardingConfig.ShardingConfig
  const pollMillis = Duration.toMillis(entityMessagePollInterval) * pollShare

  const mail = WaitingMail.make()
  const claims = new Map<Write, WaitingMail.Claim>()
  /** Whether the database may hold something for this runner that is not in its memory. */
  let isDirty = true
  let asked = Number.NEGATIVE_INFINITY

  const soil = Effect.sync(() => {
    isDirty = true
  })
  const dirties = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.ensuring(work, soil)

  const isInTransaction = Effect.contextWith((context: Context.Context<never>) =>
    Effect.succeed(context.mapUnsafe.has(sql.transactionService.key))
  )

  /** Runs when a statement was answered, whether or not somebody still waits for it. */
  const landed = (write: Write, exit: Exit.Exit<GroupedWrites.Outcome, SqlError>): void => {
    const isWritten = Exit.isSuccess(exit) && exit.value._tag === "Written"
    if (write.kind === "reply") {
      if (isWritten) mail.end(write.row.request_id)
      return
    }
    const claim = claims.get(write)!
    claims.delete(write)
    const { deliver_at } = write.row
    const isDue = deliver_at === null || deliver_at <= clock.currentTimeMillisUnsafe()
    if (isWritten && isDue) {
      if (!mail.deliver(insertedMessage(write.row), claim)) isDirty = true
      return
    }
    mail.withdraw(claim)
    // Its commit may be what the database did not answer.
    if (Exit.isFailure(exit)) isDirty = true
  }

  const write = yield* GroupedWrites.make({
    lanes: (yield* isEmbedded) ? lanes.embedded : lanes.server,
    most,
    landed
  })

  /** The stock storage finds what is there under the key; an id that is there is this request's own. */
  const saveAgain = (options: SaveOptions, id: string): Effect.Effect<SaveResult, PersistenceError> =>
    stock.saveEnvelope(options).pipe(
      Effect.map((result) =>
        result._tag === "Duplicate" && String(result.originalId) === id ? saved : result
      ),
      Effect.catchIf((error) => isUniqueViolation(error), () => Effect.succeed(saved)),
      dirties
    )

  const saveRequest = (options: SaveOptions, envelope: Requested) =>
    Effect.suspend(() => {
      const row = requestRow(envelope, options.primaryKey, options.deliverAt)
      const request: Write = { kind: "request", row }
      claims.set(request, mail.claim(insertedMessage(row), clock.currentTimeMillisUnsafe()))
      return persistence(write(request)).pipe(Effect.flatMap((outcome) => {
        if (outcome._tag === "Written") return Effect.succeed(saved)
        if (outcome._tag === "Refused") return saveAgain(options, row.id)
        const result = duplicateOf(row.id, outcome.row)
        if (result._tag === "Success") isDirty = true
        return Effect.succeed(result)
      }))
    })

  /** JSON carries no lone surrogate outside of a string's own escapes. */
  const isGroupable = ({ envelope, primaryKey }: SaveOptions): boolean =>
    envelope._tag === "Request" &&
    (primaryKey === null || (primaryKey.length <= longestKey && primaryKey.isWellFormed())) &&
    envelope.address.entityId.isWellFormed()

  const readReplies = (text: string, ids: ReadonlyArray<string>) =>
    sql.unsafe<ReplyRow>(text, [MailboxReads.idList(ids)]).pipe(
      Effect.map((rows) => rows.map(replyOf)),
      persistence,
      Effect.withTracerEnabled(false)
    )

  const encoded: Encoded = {
    ...stock,

    saveEnvelope: (options) =>
      Effect.flatMap(isInTransaction, (isInside) => {
        const { envelope } = options
        return isInside || envelope._tag !== "Request" || !isGroupable(options)
          ? dirties(stock.saveEnvelope(options))
          : saveRequest(options, envelope)
      }),

    saveReply: (reply) =>
      Effect.flatMap(isInTransaction, (isInside) => {
        if (reply._tag !== "WithExit") return stock.saveReply(reply)
        if (isInside) {
          return Effect.tap(stock.saveReply(reply), () => Effect.sync(() => mail.end(reply.requestId)))
        }
        const row = { id: reply.id, request_id: reply.requestId, payload: JSON.stringify(reply.exit) }
        return Effect.flatMap(persistence(write({ kind: "reply", row })), (outcome) =>
          // Another reply is there: the stock storage says so, unless it is this one, stored and not answered.
          outcome._tag === "Written" ? Effect.void : Effect.catchIf(
            stock.saveReply(reply),
            isUniqueViolation,
            (error) =>
              Effect.flatMap(
                stock.repliesForUnfiltered([reply.requestId]),
                (stored) =>
                  stored.some(({ id }) => id === reply.id)
                    ? Effect.sync(() => mail.end(reply.requestId))
                    : Effect.fail(error)
              )
          ))
      }),

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
    Context.add(MailboxNews, MailboxNews.of({ arrived: soil, given: Effect.sync(mail.given) }))
  )
})

/** In the database; the tables are made when they are missing. */
export const layer: Layer.Layer<
  MessageStorage.MessageStorage | MailboxNews,
  never,
  SqlClient.SqlClient | ShardingConfig.ShardingConfig | Digest
> = Layer.effectContext(make).pipe(Layer.provide(Snowflake.layerGenerator))
