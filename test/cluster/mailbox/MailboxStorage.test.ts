/**
 * What our mailboxes' storage does that the stock one does not: few statements, and nothing lost between two runners, at a
 * lost answer or a caller who gives up. Guards whose removal turns this file red: the group, the memory, the id of a lost
 * commit (request and reply), the reading of what another runner claimed or sent, the delivery without a caller.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Redacted, type Scope } from "effect"
import { MessageStorage, ShardingConfig } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { NoopFlow, NoopFlowLayer, sum } from "../../../bench/support/NoopFlow.ts"
import * as MailboxStorage from "../../../src/cluster/mailbox/MailboxStorage.ts"
import * as PatientStorage from "../../../src/cluster/PatientStorage.ts"
import * as Database from "../../../src/database/Database.ts"
import * as Platform from "../../../src/Platform.ts"
import * as StatementCount from "../../support/StatementCount.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import * as LosingProxy from "./LosingProxy.ts"
import {
  answer,
  config,
  keyed,
  note,
  otherShard,
  shard,
  stock,
  workflowAddress,
  workflowRun,
  workflowTold
} from "./MailboxSubjects.ts"
import { oneRunner } from "./OneRunner.ts"

const mailbox = PatientStorage.layerSql.pipe(Layer.provide(Platform.digest))

/** A runner's storage of its own, over the database that is there. */
const runner = (
  storage: Layer.Layer<
    MessageStorage.MessageStorage,
    never,
    SqlClient.SqlClient | ShardingConfig.ShardingConfig
  > = mailbox
) =>
  Effect.map(
    Layer.build(Layer.fresh(storage.pipe(Layer.provide(config)))),
    (context) => Context.get(context, MessageStorage.MessageStorage)
  )

const read = (storage: MessageStorage.MessageStorage["Service"], on = [shard]) =>
  Effect.map(
    storage.unprocessedMessages(on),
    (messages) => messages.map(({ envelope }) => envelope.requestId)
  )

const idOf = (sent: { readonly envelope: { readonly requestId: unknown } }) => sent.envelope.requestId

const onServer = TestDatabase.serverUrl !== undefined

const counting = Effect.fnUntraced(function* <A, E>(
  body: (count: StatementCount.StatementCount) => Effect.Effect<A, E, SqlClient.SqlClient | Scope.Scope>
) {
  const count = { statements: 0 }
  const database = StatementCount.layerPostgres(yield* TestDatabase.freshUrl(), count)
  return yield* Effect.provide(body(count), database)
})

describe.skipIf(!onServer)("statements of the mailboxes", () => {
  it.live("are one for a message to an own shard and one for its reply, however many come together", () =>
    counting(Effect.fnUntraced(function* (count) {
      const storage = yield* runner()
      yield* read(storage)
      const since = (from: number) => count.statements - from
      let from = count.statements
      const one = note("one")
      yield* storage.saveRequest(one)
      assert.deepStrictEqual(yield* read(storage), [idOf(one)])
      yield* storage.saveReply(answer(one, 1))
      assert.strictEqual(since(from), 2)
      from = count.statements
      const many = Array.from({ length: 100 }, (_, nth) => note(`n${nth}`))
      yield* Effect.forEach(many, (sent) => storage.saveRequest(sent), { concurrency: "unbounded" })
      assert.strictEqual((yield* read(storage)).length, 100)
      yield* Effect.forEach(many, (sent) => storage.saveReply(answer(sent, 1)), { concurrency: "unbounded" })
      assert.isAtMost(since(from), 6)
    })).pipe(Effect.scoped))

  it.live("are twenty at most for a flow of eight steps alone, and four when thirty-two run at once", () =>
    counting(Effect.fnUntraced(function* (count) {
      // The locks of shards are not this storage's, and a poll is no flow's.
      const cluster = oneRunner(NoopFlowLayer, mailbox, "1 hour")
      const flows = (name: string, many: number) =>
        Effect.gen(function* () {
          const from = count.statements
          const ids = Array.from({ length: many }, (_, nth) => `${name} ${nth}`)
          const totals = yield* Effect.forEach(ids, (id) => NoopFlow.execute({ id }), { concurrency: 32 })
          assert.deepStrictEqual(totals, ids.map(() => sum))
          return (count.statements - from) / many
        })
      yield* Effect.gen(function* () {
        yield* flows("first", 1)
        assert.isAtMost(yield* flows("alone", 1), 20)
        assert.isAtMost(yield* flows("together", 128), 4)
      }).pipe(Effect.provide(cluster))
    })).pipe(Effect.scoped))
})

layer(TestDatabase.layer, { excludeTestServices: true })("a workflow that begins", (it) => {
  it.effect("is known to its runner alone, once, unless it was told something before", () =>
    Effect.gen(function* () {
      const own = Effect.map(
        Layer.build(Layer.fresh(mailbox.pipe(Layer.provide(config)))),
        (context) => ({
          storage: Context.get(context, MessageStorage.MessageStorage),
          begins: Context.get(context, MailboxStorage.JournalMail).begins
        })
      )
      const one = yield* own
      const other = yield* own
      yield* read(one.storage)
      yield* one.storage.saveRequest(workflowTold("told"))
      for (const id of ["told", "new", "again"]) yield* one.storage.saveRequest(workflowRun(id))
      yield* one.storage.saveRequest(workflowRun("again"))
      yield* other.storage.saveRequest(workflowRun("elsewhere"))
      const begun = ["told", "new", "new", "again", "elsewhere"].map((id) => one.begins(workflowAddress(id)))
      assert.deepStrictEqual(begun, [false, true, false, true, false])
      assert.isFalse(other.begins(workflowAddress("elsewhere")))
    }).pipe(Effect.scoped))
})

describe.skipIf(!onServer)("an answer that the database loses", () => {
  const losing = Effect.fnUntraced(function* <A, E>(
    body: (
      storage: MessageStorage.MessageStorage["Service"],
      loseNext: () => void
    ) => Effect.Effect<A, E, SqlClient.SqlClient | Scope.Scope>
  ) {
    const { loseNext, url } = yield* LosingProxy.make(yield* TestDatabase.freshUrl())
    const database = Database.layerPostgres({ url: Redacted.make(url), maxConnections: 3 })
    return yield* Effect.gen(function* () {
      const storage = yield* runner()
      yield* read(storage)
      return yield* body(storage, loseNext)
    }).pipe(Effect.provide(database))
  })

  it.live("neither fails nor repeats the request that was stored, with a key and without", () =>
    losing(Effect.fnUntraced(function* (storage, loseNext) {
      for (const sent of [note("unkeyed"), keyed("k", "keyed")]) {
        loseNext()
        assert.strictEqual((yield* storage.saveRequest(sent))._tag, "Success")
        assert.deepStrictEqual(yield* read(storage), [idOf(sent)])
        assert.deepStrictEqual(yield* read(storage), [])
      }
    })).pipe(Effect.scoped))

  it.live("leaves a request that nobody sends again, and it is given", () =>
    losing(Effect.fnUntraced(function* (_patient, loseNext) {
      const storage = yield* runner(MailboxStorage.layer.pipe(Layer.provide(Platform.digest)))
      yield* read(storage)
      const sent = note("lost")
      loseNext()
      assert.isTrue(Exit.isFailure(yield* Effect.exit(storage.saveRequest(sent))))
      assert.deepStrictEqual(yield* read(storage), [idOf(sent)])
    })).pipe(Effect.scoped))

  it.live("neither fails nor repeats a group of requests and replies that was stored", () =>
    losing(Effect.fnUntraced(function* (storage, loseNext) {
      const sent = Array.from(
        { length: 8 },
        (_, nth) => nth % 2 === 0 ? note(`n${nth}`) : keyed(`k${nth}`, "k")
      )
      loseNext()
      const results = yield* Effect.forEach(sent, (one) => storage.saveRequest(one), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(results.map(({ _tag }) => _tag), sent.map(() => "Success"))
      const given = [...yield* read(storage), ...yield* read(storage)]
      assert.sameMembers(given, sent.map(idOf))
      loseNext()
      yield* Effect.forEach(sent, (one) => storage.saveReply(answer(one, 1)), { concurrency: "unbounded" })
      assert.strictEqual((yield* storage.repliesFor(sent)).length, sent.length)
      yield* storage.resetShards([shard])
      assert.deepStrictEqual(yield* read(storage), [])
    })).pipe(Effect.scoped))
})

describe.skipIf(!onServer)("a save that takes its time", () => {
  const whileLocked = Effect.fnUntraced(function* <A>(body: Effect.Effect<A, never, SqlClient.SqlClient>) {
    const sql = yield* SqlClient.SqlClient
    const [isLocked, isOver] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
    const locking = yield* Effect.forkChild(sql.withTransaction(Effect.gen(function* () {
      yield* sql`LOCK TABLE cluster_messages IN SHARE MODE`
      yield* Deferred.succeed(isLocked, undefined)
      yield* Deferred.await(isOver)
    })))
    yield* Deferred.await(isLocked)
    const result = yield* body
    yield* Deferred.succeed(isOver, undefined)
    yield* Fiber.join(locking)
    return result
  })

  /** The save waits in the database, not in a queue. */
  const isHeld = Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.repeat(
      sql`SELECT FROM pg_locks WHERE NOT granted AND relation = 'cluster_messages'::regclass`,
      { until: (rows) => rows.length > 0 }
    )).pipe(Effect.orDie)

  it.live("is given although its caller gave up", () =>
    Effect.gen(function* () {
      const storage = yield* runner()
      yield* read(storage)
      const sent = note("left")
      yield* whileLocked(Effect.gen(function* () {
        const saving = yield* Effect.forkChild(storage.saveRequest(sent))
        yield* isHeld
        yield* Fiber.interrupt(saving)
      }))
      yield* Effect.repeat(read(storage), { until: (ids) => ids.includes(sent.envelope.requestId) })
    }).pipe(Effect.scoped, Effect.provide(TestDatabase.layerPostgres)))

  it.live("is given without a poll although its shard was let go meanwhile", () =>
    Effect.gen(function* () {
      const storage = yield* runner()
      yield* read(storage)
      const sent = note("at the start")
      const saving = yield* whileLocked(Effect.gen(function* () {
        const saving = yield* Effect.forkDetach(storage.saveRequest(sent))
        yield* isHeld
        yield* Effect.orDie(storage.resetShards([shard]))
        assert.deepStrictEqual(yield* Effect.orDie(read(storage)), [])
        return saving
      }))
      yield* Fiber.join(saving)
      assert.deepStrictEqual(yield* read(storage), [idOf(sent)])
    }).pipe(Effect.scoped, Effect.provide(TestDatabase.layerPostgres)))
})

layer(TestDatabase.layer, { excludeTestServices: true })("two runners on one database", (it) => {
  const scoped = <A, E>(body: Effect.Effect<A, E, SqlClient.SqlClient | Scope.Scope>) =>
    Effect.scoped(Effect.andThen(
      Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => Effect.all([runner(), sql`DELETE FROM cluster_messages`], { discard: true })
      ),
      body
    ))

  it.effect("find what the other had in its memory, at their first read", () =>
    scoped(Effect.gen(function* () {
      const [one, other] = [yield* runner(), yield* runner()]
      yield* read(one)
      const waits = note("waits")
      const handled = note("handled")
      yield* one.saveRequest(handled)
      assert.deepStrictEqual(yield* read(one), [idOf(handled)])
      yield* one.saveRequest(waits)
      // The first is gone without a word.
      assert.deepStrictEqual(yield* read(other), [idOf(handled), idOf(waits)])
    })))

  it.effect("find what is sent to a shard by who has lost it", () =>
    scoped(Effect.gen(function* () {
      const [late, owner] = [yield* runner(), yield* runner()]
      yield* read(late)
      yield* read(owner)
      const sent = note("late")
      yield* late.saveRequest(sent)
      yield* owner.resetShards([shard])
      assert.deepStrictEqual(yield* read(owner), [idOf(sent)])
      assert.deepStrictEqual(yield* read(late, [otherShard]), [])
      yield* owner.saveReply(answer(sent, 1))
      assert.deepStrictEqual(yield* read(late), [])
    })))

  it.effect("find what the other sends as soon as they are told, and not before", () =>
    scoped(Effect.gen(function* () {
      const context = yield* Layer.build(Layer.fresh(mailbox.pipe(Layer.provide(config))))
      const owner = Context.get(context, MessageStorage.MessageStorage)
      const sender = yield* runner()
      yield* read(owner)
      yield* read(sender, [otherShard])
      const sent = note("for the other")
      yield* sender.saveRequest(sent)
      assert.deepStrictEqual(yield* read(owner), [])
      yield* Context.get(context, MailboxStorage.MailboxNews).arrived
      assert.deepStrictEqual(yield* read(owner), [idOf(sent)])
      assert.deepStrictEqual(yield* read(sender, [otherShard]), [])
    })))

  it.effect("finish what a runner with the stock storage began, and leave it what they began", () =>
    scoped(Effect.gen(function* () {
      const [before, now] = [yield* runner(stock), yield* runner()]
      const claimed = keyed("k", "claimed")
      yield* before.saveRequest(claimed)
      assert.deepStrictEqual(yield* read(before), [idOf(claimed)])
      assert.deepStrictEqual(yield* read(now), [idOf(claimed)])
      yield* now.saveReply(answer(claimed, 1))
      const known = yield* before.saveRequest(keyed("k", "again"))
      assert(known._tag === "Duplicate" && known.lastReceivedReply._tag === "Some")
      const begun = note("begun")
      yield* now.saveRequest(begun)
      assert.deepStrictEqual(yield* read(now), [idOf(begun)])
      assert.deepStrictEqual(yield* read(before), [idOf(begun)])
    })))
})
