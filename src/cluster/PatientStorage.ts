/**
 * The mailboxes' storage that waits for the database. The cluster tries a call three times and dies of it, and a
 * workflow that dies is stored as dead: here a fault that passes is waited out, and never told.
 */
import { Effect, Fiber, Layer, type Scope } from "effect"
import { MessageStorage } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { isInTransaction } from "../database/Database.ts"
import { isUniqueViolation } from "../database/TransientFault.ts"
import { waitOut } from "../durable/Retry.ts"
import * as MailboxStorage from "./mailbox/MailboxStorage.ts"

type Storage = MessageStorage.MessageStorage["Service"]

const patiently = waitOut("1 second")

/**
 * The calls of a workflow's own storage that wait. Polls are left as they are: the cluster repeats them by itself. So is the saving of a reply, which only a shard's owner may do: the cluster looks that up and runs the handler
 * again, which finds what was stored.
 *
 * What the former owner of a shard had read is given to the next one by a reset, which the cluster tries once, for two
 * seconds: without it those messages wait for ten minutes. Here it goes on until it is done, whoever waits for it. When it
 * comes late, a message that is being handled is not handled again.
 */
const patient = (stock: Storage, isInside: Effect.Effect<boolean>, scope: Scope.Scope): Storage => {
  /** A transaction is lost with its connection: whoever began it begins it again. */
  const wait = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(isInside, (is) => is ? work : patiently(work))

  /** A second insert of the same id finds it there: the first was stored, and its answer was lost. */
  const insert = <A, E, R>(save: Effect.Effect<A, E, R>, done: A): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      let tries = 0
      const attempt = Effect.suspend(() => {
        tries++
        return save
      })
      return wait(
        Effect.catchIf(attempt, (error) => tries > 1 && isUniqueViolation(error), () => Effect.succeed(done))
      )
    })

  return MessageStorage.MessageStorage.of({
    ...stock,
    saveRequest: (envelope) => insert(stock.saveRequest(envelope), MessageStorage.SaveResult.Success()),
    saveEnvelope: (envelope) => insert(stock.saveEnvelope(envelope), undefined),
    clearReplies: (id, options) => wait(stock.clearReplies(id, options)),
    resetShards: (shardIds) =>
      Effect.flatMap(
        Effect.forkIn(patiently(stock.resetShards(shardIds)), scope, { startImmediately: true }),
        Fiber.join
      ),
    repliesFor: (requests) => wait(stock.repliesFor(requests)),
    repliesForUnfiltered: (ids) => wait(stock.repliesForUnfiltered(ids)),
    requestIdForPrimaryKey: (options) => wait(stock.requestIdForPrimaryKey(options)),
    unprocessedMessagesById: (ids) => wait(stock.unprocessedMessagesById(ids))
  })
}

/** Over any storage in the database. */
export const layer: Layer.Layer<
  MessageStorage.MessageStorage,
  never,
  MessageStorage.MessageStorage | SqlClient.SqlClient
> = Layer.effect(
  MessageStorage.MessageStorage,
  Effect.gen(function* () {
    const isInside = isInTransaction(yield* SqlClient.SqlClient)
    return patient(yield* MessageStorage.MessageStorage, isInside, yield* Effect.scope)
  })
)

/** Over the mailboxes of this runner. */
export const layerSql = layer.pipe(Layer.provideMerge(MailboxStorage.layer))
