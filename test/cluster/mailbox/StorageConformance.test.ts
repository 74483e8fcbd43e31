/** What a mailbox's storage promises, on Effect's own and on ours: the same cases, so that "the same" is a test. */
import { assert, describe, layer } from "@effect/vitest"
import { DateTime, Effect, Exit, Fiber, Layer, Option } from "effect"
import { MessageStorage, type ShardId } from "effect/cluster"
import { SqlClient } from "effect/sql"
import {
  acknowledged,
  addressOf,
  answer,
  chunk,
  config,
  interrupted,
  keyed,
  nextId,
  note,
  otherShard,
  pages,
  type Sent,
  shard,
  subjects,
  timed
} from "./MailboxSubjects.ts"

type Storage = MessageStorage.MessageStorage["Service"]

/** What is read: the texts and tags in their order. */
const seen = (
  messages: ReadonlyArray<Effect.Success<ReturnType<Storage["unprocessedMessages"]>>[number]>
): ReadonlyArray<string> =>
  messages.map(({ envelope }) =>
    envelope._tag === "Request"
      ? String((envelope.payload as { text?: string } | null)?.text ?? envelope.tag)
      : envelope._tag
  )

const keyOf = (sent: Sent) => (sent.envelope.payload as { key: string }).key

const idOf = (sent: Sent) => sent.envelope.requestId

const read = (
  storage: Storage,
  options?: Parameters<Storage["unprocessedMessages"]>[1],
  on: ReadonlyArray<ShardId.ShardId> = [shard]
) => Effect.map(storage.unprocessedMessages(on, options), seen)

/** Each case has mailboxes of its own. */
const fresh = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const storage = yield* MessageStorage.MessageStorage
  yield* sql`DELETE FROM cluster_messages`
  yield* sql`DELETE FROM cluster_replies`
  yield* storage.resetShards([shard, otherShard])
  // A runner reads before anything is sent to it.
  yield* storage.unprocessedMessages([shard])
  return storage
})

for (const { database, isSkipped, name, storage: storageLayer } of subjects) {
  describe.skipIf(isSkipped)(`mailboxes in ${name}`, () => {
    layer(storageLayer.pipe(Layer.provide(config), Layer.provideMerge(database)), {
      excludeTestServices: true
    })((it) => {
      const promise = (
        title: string,
        body: (storage: Storage) => Effect.Effect<void, unknown, SqlClient.SqlClient>
      ) => it.effect(title, () => Effect.flatMap(fresh, body))

      promise(
        "give a request once, as it was sent",
        Effect.fnUntraced(function* (storage) {
          const sent = note("hello \u0001 \ud83c\udf9f")
          assert.strictEqual((yield* storage.saveRequest(sent))._tag, "Success")
          const [message, ...others] = yield* storage.unprocessedMessages([shard])
          assert.strictEqual(others.length, 0)
          assert(message?._tag === "IncomingRequest")
          const { envelope } = message
          assert.deepStrictEqual({
            requestId: envelope.requestId,
            entity: envelope.address.entityId,
            shard: envelope.address.shardId.id,
            tag: envelope.tag,
            payload: envelope.payload,
            note: envelope.headers["x-note"],
            trace: [envelope.traceId, envelope.spanId, envelope.sampled]
          }, {
            requestId: idOf(sent),
            entity: addressOf("one").entityId,
            shard: 1,
            tag: "Note",
            payload: { text: "hello \u0001 \ud83c\udf9f" },
            note: "of the sender",
            trace: ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", true]
          })
          assert.deepStrictEqual(yield* read(storage), [])
        })
      )

      promise(
        "give what is sent one after the other in its order, at most as much as asked",
        Effect.fnUntraced(
          function* (storage) {
            for (const text of ["a", "b", "c", "d"]) yield* storage.saveRequest(note(text))
            assert.deepStrictEqual(yield* read(storage, { limit: 3 }), ["a", "b", "c"])
            assert.deepStrictEqual(yield* read(storage, { limit: 3 }), ["d"])
          }
        )
      )

      promise(
        "give the mail of their shards alone",
        Effect.fnUntraced(function* (storage) {
          yield* storage.saveRequest(note("here"))
          yield* storage.saveRequest(note("there", "two", otherShard))
          assert.deepStrictEqual(yield* read(storage), ["here"])
          assert.deepStrictEqual(yield* read(storage, undefined, [otherShard]), ["there"])
        })
      )

      promise(
        "give the mail of some entities, and leave that of others",
        Effect.fnUntraced(function* (storage) {
          yield* storage.saveRequest(note("first", "one"))
          yield* storage.saveRequest(note("second", "two"))
          assert.deepStrictEqual(yield* read(storage, { addresses: [addressOf("two")] }), ["second"])
          assert.deepStrictEqual(yield* read(storage), ["first"])
        })
      )

      promise(
        "give again what was let go: a request, an entity's mail, a shard's",
        Effect.fnUntraced(
          function* (storage) {
            const one = note("a", "one")
            yield* storage.saveRequest(one)
            yield* storage.saveRequest(note("b", "two"))
            assert.deepStrictEqual(yield* read(storage), ["a", "b"])
            yield* storage.resetRequests([idOf(one)])
            assert.deepStrictEqual(yield* read(storage), ["a"])
            yield* storage.resetAddress(addressOf("two"))
            assert.deepStrictEqual(yield* read(storage), ["b"])
            yield* storage.resetAddresses([addressOf("one"), addressOf("two")])
            assert.deepStrictEqual(yield* read(storage), ["a", "b"])
            yield* storage.resetShards([shard])
            assert.deepStrictEqual(yield* read(storage), ["a", "b"])
            yield* storage.resetShards([otherShard])
            assert.deepStrictEqual(yield* read(storage), [])
          }
        )
      )

      promise(
        "store a request without a key each time",
        Effect.fnUntraced(function* (storage) {
          yield* storage.saveRequest(note("same"))
          yield* storage.saveRequest(note("same"))
          assert.deepStrictEqual(yield* read(storage), ["same", "same"])
        })
      )

      promise(
        "store a key once and for ever, and tell the first request's id and its reply",
        Effect.fnUntraced(
          function* (storage) {
            const first = keyed("k", "first")
            yield* storage.saveRequest(first)
            const during = yield* storage.saveRequest(keyed("k", "second"))
            assert(during._tag === "Duplicate")
            assert.strictEqual(during.originalId, idOf(first))
            assert.isTrue(Option.isNone(during.lastReceivedReply))
            assert.deepStrictEqual(yield* read(storage), ["first"])
            yield* storage.saveReply(answer(first, 7))
            const after = yield* storage.saveRequest(keyed("k", "third"))
            assert(after._tag === "Duplicate" && Option.isSome(after.lastReceivedReply))
            const reply = after.lastReceivedReply.value
            assert(reply._tag === "WithExit")
            assert.deepStrictEqual(reply.exit, Exit.succeed(7))
            assert.strictEqual((yield* storage.saveRequest(keyed("k", "elsewhere", "two")))._tag, "Success")
            assert.deepStrictEqual(yield* read(storage), ["elsewhere"])
          }
        )
      )

      promise(
        "store a key once that many send at the same time",
        Effect.fnUntraced(function* (storage) {
          const sent = Array.from({ length: 40 }, (_, nth) => keyed(`k${nth % 4}`, `k${nth % 4}`))
          const results = yield* Effect.forEach(sent, (one) => storage.saveRequest(one), {
            concurrency: "unbounded"
          })
          const stored = sent.filter((_, at) => results[at]!._tag === "Success")
          assert.strictEqual(stored.length, 4)
          for (const [at, result] of results.entries()) {
            if (result._tag === "Success") continue
            const original = stored.find((one) => idOf(one) === result.originalId)
            assert.deepStrictEqual(original && keyOf(original), keyOf(sent[at]!))
          }
          assert.deepStrictEqual([...yield* read(storage)].sort(), ["k0", "k1", "k2", "k3"])
        })
      )

      promise(
        "know a key by its request, however long it is and whatever is in it",
        Effect.fnUntraced(
          function* (storage) {
            for (const key of ["plain", "long".repeat(100), "lone \ud800", "quote ' \" \\ {1,2}"]) {
              const sent = keyed(key, key)
              assert.strictEqual((yield* storage.saveRequest(sent))._tag, "Success")
              const again = yield* storage.saveRequest(keyed(key, key))
              assert(again._tag === "Duplicate")
              assert.strictEqual(again.originalId, idOf(sent))
              const asked = { address: addressOf("one"), tag: "KeyedNote", id: key }
              assert.deepStrictEqual(yield* storage.requestIdForPrimaryKey(asked), Option.some(idOf(sent)))
            }
            const unknown = { address: addressOf("one"), tag: "KeyedNote", id: "unknown" }
            assert.deepStrictEqual(yield* storage.requestIdForPrimaryKey(unknown), Option.none())
          }
        )
      )

      promise(
        "keep what is for later until then",
        Effect.fnUntraced(function* (storage) {
          const now = yield* DateTime.now
          yield* storage.saveRequest(timed("due", DateTime.subtract(now, { seconds: 1 })))
          yield* storage.saveRequest(timed("later", DateTime.add(now, { hours: 1 })))
          const [message, ...others] = yield* storage.unprocessedMessages([shard])
          assert(message?._tag === "IncomingRequest")
          assert.strictEqual((message.envelope.payload as { key: string }).key, "due")
          assert.strictEqual(others.length, 0)
          yield* storage.resetShards([shard])
          assert.strictEqual((yield* storage.unprocessedMessages([shard])).length, 1)
          const sql = yield* SqlClient.SqlClient
          yield* sql`UPDATE cluster_messages SET deliver_at = 1`
          yield* storage.resetShards([shard])
          assert.strictEqual((yield* storage.unprocessedMessages([shard])).length, 2)
        })
      )

      promise(
        "give an answered request no more, and its reply to whoever asks",
        Effect.fnUntraced(
          function* (storage) {
            const sent = note("asked")
            yield* storage.saveRequest(sent)
            assert.deepStrictEqual(yield* storage.repliesFor([sent]), [])
            yield* read(storage)
            yield* storage.saveReply(answer(sent, 3))
            yield* storage.resetShards([shard])
            assert.deepStrictEqual(yield* read(storage), [])
            assert.deepStrictEqual(yield* storage.unprocessedMessagesById([idOf(sent)]), [])
            const [reply] = yield* storage.repliesFor([sent])
            assert(reply?._tag === "WithExit")
            assert.deepStrictEqual(reply.exit, Exit.succeed(3))
            const [raw] = yield* storage.repliesForUnfiltered([idOf(sent)])
            assert.strictEqual(raw?._tag, "WithExit")
            assert.strictEqual(raw?.requestId, String(idOf(sent)))
          }
        )
      )

      promise(
        "keep the first reply, and refuse a second",
        Effect.fnUntraced(function* (storage) {
          const sent = note("asked")
          yield* storage.saveRequest(sent)
          yield* storage.saveReply(answer(sent, 1))
          const error = yield* Effect.flip(storage.saveReply(answer(sent, 2)))
          assert.strictEqual(error._tag, "PersistenceError")
          const [reply] = yield* storage.repliesFor([sent])
          assert(reply?._tag === "WithExit")
          assert.deepStrictEqual(reply.exit, Exit.succeed(1))
          const last = yield* (yield* SqlClient.SqlClient)`
          SELECT count(*)::int AS n FROM cluster_messages m JOIN cluster_replies r ON r.id = m.last_reply_id`
          assert.deepStrictEqual(last, [{ n: 1 }])
        })
      )

      promise(
        "send a stream on where it was acknowledged",
        Effect.fnUntraced(function* (storage) {
          const sent = pages()
          yield* storage.saveRequest(sent)
          assert.deepStrictEqual(yield* read(storage), ["Pages"])
          const first = chunk(sent, 0, [1, 2])
          yield* storage.saveReply(first)
          const [unacknowledged] = yield* storage.repliesFor([sent])
          assert(unacknowledged?._tag === "Chunk")
          assert.deepStrictEqual([...unacknowledged.values], [1, 2])
          // Nobody takes it up while its chunk is on its way.
          yield* storage.resetShards([shard])
          assert.deepStrictEqual(yield* read(storage), [])
          yield* storage.saveEnvelope(acknowledged(sent, first.reply.id))
          assert.deepStrictEqual(yield* storage.repliesFor([sent]), [])
          const again = yield* storage.unprocessedMessages([shard])
          assert.deepStrictEqual(seen(again), ["Pages", "AckChunk"])
          const request = again[0]!
          assert(request._tag === "IncomingRequest" && Option.isSome(request.lastSentReply))
          assert.strictEqual(request.lastSentReply.value.id, String(first.reply.id))
          const second = chunk(sent, 1, [3])
          yield* storage.saveReply(second)
          yield* storage.saveEnvelope(acknowledged(sent, second.reply.id))
          assert.deepStrictEqual(yield* read(storage), ["AckChunk"])
          yield* storage.resetShards([shard])
          assert.deepStrictEqual(yield* read(storage), ["Pages", "AckChunk"])
          yield* storage.saveReply(answer(sent, 0))
          yield* storage.resetShards([shard])
          assert.deepStrictEqual(yield* read(storage), [])
          assert.strictEqual((yield* storage.repliesForUnfiltered([idOf(sent)])).length, 3)
        })
      )

      promise(
        "give an interrupt after its request, until the request is answered",
        Effect.fnUntraced(
          function* (storage) {
            const sent = note("long")
            yield* storage.saveRequest(sent)
            yield* storage.saveEnvelope(interrupted(sent))
            assert.deepStrictEqual(yield* read(storage), ["long", "Interrupt"])
            assert.deepStrictEqual(yield* read(storage), [])
            yield* storage.resetShards([shard])
            assert.deepStrictEqual(yield* read(storage), ["long", "Interrupt"])
            yield* storage.saveReply(answer(sent, 1))
            yield* storage.resetShards([shard])
            assert.deepStrictEqual(yield* read(storage), [])
          }
        )
      )

      promise(
        "make an answered request unanswered, without its interrupt",
        Effect.fnUntraced(function* (storage) {
          const sent = keyed("run", "run")
          yield* storage.saveRequest(sent)
          yield* storage.saveEnvelope(interrupted(sent))
          yield* read(storage)
          yield* storage.saveReply(answer(sent, 1))
          yield* storage.clearReplies(idOf(sent))
          assert.deepStrictEqual(yield* storage.repliesForUnfiltered([idOf(sent)]), [])
          assert.deepStrictEqual(yield* read(storage), ["run"])
          yield* storage.saveReply(answer(sent, 2))
          assert.strictEqual((yield* storage.repliesFor([sent])).length, 1)
        })
      )

      promise(
        "make it unanswered only while the expected reply is the last one",
        Effect.fnUntraced(
          function* (storage) {
            const sent = keyed("run", "run")
            yield* storage.saveRequest(sent)
            yield* read(storage)
            const suspended = answer(sent, 1)
            yield* storage.saveReply(suspended)
            yield* storage.clearReplies(idOf(sent), { expectedReplyId: nextId() })
            assert.deepStrictEqual(yield* read(storage), [])
            assert.strictEqual((yield* storage.repliesFor([sent])).length, 1)
            const expectedReplyId = suspended.reply.id
            yield* Effect.all([
              storage.clearReplies(idOf(sent), { expectedReplyId }),
              storage.clearReplies(idOf(sent), { expectedReplyId })
            ], { concurrency: 2, discard: true })
            assert.deepStrictEqual(yield* read(storage), ["run"])
            yield* storage.saveReply(answer(sent, 2))
            yield* storage.clearReplies(idOf(sent), { expectedReplyId })
            assert.strictEqual((yield* storage.repliesFor([sent])).length, 1)
            assert.deepStrictEqual(yield* read(storage), [])
          }
        )
      )

      promise(
        "forget an entity with its keys",
        Effect.fnUntraced(function* (storage) {
          const sent = keyed("k", "gone")
          yield* storage.saveRequest(sent)
          yield* storage.saveReply(answer(sent, 1))
          yield* storage.saveRequest(note("waits"))
          yield* storage.saveRequest(note("stays", "two"))
          yield* storage.clearAddress(addressOf("one"))
          assert.deepStrictEqual(yield* read(storage), ["stays"])
          assert.deepStrictEqual(yield* storage.repliesForUnfiltered([idOf(sent)]), [])
          assert.strictEqual((yield* storage.saveRequest(keyed("k", "new")))._tag, "Success")
        })
      )

      promise(
        "give requests by their ids, whoever has them",
        Effect.fnUntraced(function* (storage) {
          const sent = [note("a"), note("b"), note("c")]
          for (const one of sent) yield* storage.saveRequest(one)
          yield* read(storage)
          assert.deepStrictEqual(
            seen(yield* storage.unprocessedMessagesById([idOf(sent[0]!), idOf(sent[2]!), nextId()])),
            ["a", "c"]
          )
        })
      )

      promise(
        "wake whoever waits for a reply",
        Effect.fnUntraced(function* (storage) {
          const sent = note("asked")
          const waiter = yield* Effect.forkChild(storage.registerReplyHandler(sent), {
            startImmediately: true
          })
          yield* storage.saveRequest(sent)
          yield* storage.saveReply(answer(sent, 1))
          yield* Fiber.join(waiter)
        })
      )

      promise(
        "commit and roll back with the caller's transaction",
        Effect.fnUntraced(function* (storage) {
          const sql = yield* SqlClient.SqlClient
          const undone = note("undone")
          const answered = note("answered")
          yield* storage.saveRequest(answered)
          yield* read(storage)
          const failed = yield* Effect.exit(sql.withTransaction(Effect.gen(function* () {
            yield* storage.saveRequest(undone)
            yield* storage.saveReply(answer(answered, 1))
            return yield* Effect.fail("no")
          })))
          assert.isTrue(Exit.isFailure(failed))
          assert.deepStrictEqual(yield* storage.repliesFor([answered]), [])
          yield* storage.resetShards([shard])
          assert.deepStrictEqual(yield* read(storage), ["answered"])
          yield* sql.withTransaction(Effect.gen(function* () {
            yield* storage.saveRequest(note("done"))
            yield* storage.saveReply(answer(answered, 1))
          }))
          assert.strictEqual((yield* storage.repliesFor([answered])).length, 1)
          assert.deepStrictEqual(yield* read(storage), ["done"])
        })
      )

      promise(
        "refuse what does not fit, and nothing that is stored beside it",
        Effect.fnUntraced(
          function* (storage) {
            const sent = [note("a"), note("b", "x".repeat(300)), note("c")]
            const exits = yield* Effect.forEach(sent, (one) => Effect.exit(storage.saveRequest(one)), {
              concurrency: "unbounded"
            })
            assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
            assert.deepStrictEqual([...yield* read(storage)].sort(), ["a", "c"])
          }
        )
      )

      promise(
        "store many requests and replies at the same time, each as it is",
        Effect.fnUntraced(
          function* (storage) {
            const sent = Array.from({ length: 300 }, (_, nth) => note(`n${nth}`, `e${nth % 7}`))
            yield* Effect.forEach(
              sent,
              (one, nth) => Effect.andThen(storage.saveRequest(one), storage.saveReply(answer(one, nth))),
              {
                concurrency: "unbounded"
              }
            )
            const replies = yield* storage.repliesFor(sent)
            const values = new Map(
              replies.map((
                reply
              ) => [
                reply.requestId,
                reply._tag === "WithExit" && Exit.isSuccess(reply.exit) ? reply.exit.value : -1
              ])
            )
            assert.deepStrictEqual(sent.map((one) => values.get(idOf(one))), sent.map((_, nth) => nth))
            yield* storage.resetShards([shard])
            assert.deepStrictEqual(yield* read(storage), [])
          }
        )
      )
    })
  })
}
