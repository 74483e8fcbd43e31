/**
 * What is stored by this runner: requests and final replies in groups, and what becomes of them in its memory when they
 * are written. The stock storage takes what cannot stand in a group.
 */
import { Clock, Effect, Exit, Option } from "effect"
import { type Envelope, MessageStorage, Snowflake } from "effect/cluster"
import type { PersistenceError } from "effect/cluster/ClusterError"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { isEmbedded, isInTransaction } from "../../database/Database.ts"
import { isUniqueViolation } from "../../database/TransientFault.ts"
import * as GroupedWrites from "./GroupedWrites.ts"
import { type Encoded, insertedMessage, persistence, replyOf, requestRow } from "./MailboxRows.ts"
import type * as WaitingMail from "./WaitingMail.ts"
import type { JournalRow, Write, Written } from "./WriteStatement.ts"

/** Two statements under way keep the disk busy while the next one fills; the embedded database has one session. */
const lanes = { server: 2, embedded: 1 } as const

/** Writes in one statement. */
const most = 128

/** Longer keys are stored as their digest, which the stock storage makes. */
const longestKey = 255

type SaveResult = Effect.Success<ReturnType<Encoded["saveEnvelope"]>>
type SaveOptions = Parameters<Encoded["saveEnvelope"]>[0]
type Requested = Extract<Envelope.Encoded, { readonly _tag: "Request" }>

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

/** What it stands over. */
export interface WritesOptions {
  readonly stock: Encoded
  /** What this runner knows of its mailboxes. */
  readonly mail: WaitingMail.WaitingMail
  /** Is told when the database may hold something for this runner that is not in its memory. */
  readonly missed: () => void
}

/** Part of the encoded storage, and what the journal's rows go through with it: false of one that was refused. */
export const make = Effect.fnUntraced(function* ({ mail, missed, stock }: WritesOptions) {
  const isInside = isInTransaction(yield* SqlClient.SqlClient)
  const clock = yield* Clock.Clock
  const claims = new Map<Write, WaitingMail.Claim>()
  const miss = Effect.sync(missed)

  /** Runs when a statement was answered, whether or not somebody still waits for it. */
  const landed = (write: Write, exit: Exit.Exit<GroupedWrites.Outcome, SqlError>): void => {
    const written = Exit.isSuccess(exit) && exit.value._tag === "Written" ? exit.value : undefined
    const isWritten = written !== undefined
    if (write.kind === "journal") return
    if (write.kind === "reply") {
      if (isWritten) mail.end(write.row.request_id)
      return
    }
    const claim = claims.get(write)!
    claims.delete(write)
    const { deliver_at } = write.row
    const isDue = deliver_at === null || deliver_at <= clock.currentTimeMillisUnsafe()
    if (isWritten && isDue) {
      if (!mail.deliver(insertedMessage(write.row), claim, written.isFirst)) missed()
      return
    }
    mail.withdraw(claim)
    // Its commit may be what the database did not answer.
    if (Exit.isFailure(exit)) missed()
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
      Effect.ensuring(miss)
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
        if (result._tag === "Success") missed()
        return Effect.succeed(result)
      }))
    })

  /** JSON carries no lone surrogate outside of a string's own escapes. */
  const isGroupable = ({ address }: Requested, primaryKey: string | null): boolean =>
    (primaryKey === null || (primaryKey.length <= longestKey && primaryKey.isWellFormed())) &&
    address.entityId.isWellFormed()

  const saveEnvelope: Encoded["saveEnvelope"] = (options) =>
    Effect.flatMap(isInside, (is) => {
      const { envelope } = options
      return is || envelope._tag !== "Request" || !isGroupable(envelope, options.primaryKey)
        ? Effect.ensuring(stock.saveEnvelope(options), miss)
        : saveRequest(options, envelope)
    })

  const saveReply: Encoded["saveReply"] = (reply) =>
    Effect.flatMap(isInside, (is) => {
      if (reply._tag !== "WithExit") return stock.saveReply(reply)
      if (is) {
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
    })

  const journal = (row: JournalRow): Effect.Effect<boolean, SqlError> =>
    Effect.map(write({ kind: "journal", row }), ({ _tag }) => _tag === "Written")

  return { mailbox: { saveEnvelope, saveReply }, journal }
})
