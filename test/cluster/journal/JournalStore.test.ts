/**
 * The rows of the journal, on both databases: the first one of a key stays, and a late activation writes nothing. Guards
 * whose removal turns this file red: the epoch in the statement that writes, and in the one that asks what was refused;
 * the key's conflict; the next epoch of each read; the index's use.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { EntityAddress, EntityId, EntityType } from "effect/cluster"
import { SqlClient } from "effect/sql"
import * as JournalStore from "../../../src/cluster/journal/JournalStore.ts"
import * as MailboxStorage from "../../../src/cluster/mailbox/MailboxStorage.ts"
import * as Database from "../../../src/database/Database.ts"
import * as Platform from "../../../src/Platform.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import * as LosingProxy from "../mailbox/LosingProxy.ts"
import { config, shard } from "../mailbox/MailboxSubjects.ts"

/** A runner's journal of its own. */
const journal = JournalStore.make.pipe(
  Effect.provide(
    Layer.fresh(MailboxStorage.layer).pipe(Layer.provide([Platform.digest, config]))
  )
)

const address = (id: string) =>
  EntityAddress.make({
    shardId: shard,
    entityType: EntityType.make("Workflow/Flow"),
    entityId: EntityId.make(id)
  })

const step = (id: string, key: string, epoch: number, exit: string) => ({
  execution: `Flow/${id}`,
  key,
  epoch,
  exit
})

const rowsOf = (id: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql<{ key: string; exit: string }>`
      SELECT key, exit FROM workflow_journal WHERE execution = ${`Flow/${id}`} ORDER BY key`)

for (
  const { database, isSkipped, name } of [
    {
      name: "PostgreSQL",
      database: TestDatabase.layerPostgres,
      isSkipped: TestDatabase.serverUrl === undefined
    },
    { name: "the embedded database", database: TestDatabase.layerEmbedded, isSkipped: false }
  ]
) {
  describe.skipIf(isSkipped)(`the journal on ${name}`, () => {
    layer(database, { excludeTestServices: true })((it) => {
      it.effect("keeps the first row of a key, and tells who comes second what it is", () =>
        Effect.gen(function* () {
          const store = yield* journal
          assert.strictEqual(yield* store.record(step("first", "a/1", 0, "1")), "1")
          assert.strictEqual(yield* store.record(step("first", "a/1", 0, "2")), "1")
          assert.deepStrictEqual(yield* rowsOf("first"), [{ key: "a/1", exit: "1" }])
        }))

      it.effect("takes nothing from an activation after which another one has begun, whoever wrote before", () =>
        Effect.gen(function* () {
          const late = yield* journal
          const next = yield* journal
          assert.strictEqual(yield* late.record(step("late", "a/1", 0, "1")), "1")
          const loaded = yield* next.load(address("late"))
          assert.strictEqual(loaded.epoch, 1)
          assert.deepStrictEqual([...loaded.steps], [["a/1", "1"]])
          assert.isUndefined(yield* late.record(step("late", "b/1", 0, "late")))
          assert.isUndefined(yield* late.record(step("late", "a/1", 0, "late")))
          assert.isFalse(yield* late.recordInside(step("late", "b/1", 0, "late")))
          assert.strictEqual(yield* next.record(step("late", "b/1", loaded.epoch, "2")), "2")
          assert.isUndefined(yield* late.record(step("late", "b/1", 0, "late")))
          assert.strictEqual((yield* late.load(address("late"))).epoch, 2)
          assert.isUndefined(yield* next.record(step("late", "c/1", loaded.epoch, "late")))
          assert.deepStrictEqual(yield* rowsOf("late"), [{ key: "a/1", exit: "1" }, {
            key: "b/1",
            exit: "2"
          }])
        }))

      it.effect("takes of a group what is in time, and refuses the rest alone", () =>
        Effect.gen(function* () {
          const store = yield* journal
          yield* store.load(address("g1"))
          const kept = yield* Effect.forEach(
            Array.from({ length: 60 }, (_, nth) => nth),
            (nth) => store.record(step(`g${nth % 3}`, `${Math.floor(nth / 3)}/1`, 0, String(nth))),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(kept, kept.map((_, nth) => nth % 3 === 1 ? undefined : String(nth)))
          assert.strictEqual((yield* rowsOf("g0")).length, 20)
          assert.deepStrictEqual(yield* rowsOf("g1"), [])
        }))

      it.effect("takes one of two activations' rows for one key in one group", () =>
        Effect.gen(function* () {
          const store = yield* journal
          yield* store.load(address("two"))
          const kept = yield* Effect.all([
            store.record(step("two", "a/1", 0, "late")),
            store.record(step("two", "a/1", 1, "now")),
            store.record(step("two", "a/1", 0, "late"))
          ], { concurrency: "unbounded" })
          assert.deepStrictEqual(kept, [undefined, "now", undefined])
        }))

      it.effect("reads what Effect's engine alone left, and no more than finished", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const store = yield* journal
          const insert = (nth: number, tag: string, payload: object, reply: object | undefined) =>
            Effect.gen(function* () {
              yield* sql`
                INSERT INTO cluster_messages (id, message_id, shard_id, entity_type, entity_id, kind, tag, payload,
                  headers, processed, request_id)
                VALUES (${nth}, ${`stock ${nth}`}, 'default:1', 'Workflow/Flow', 'stock', 0, ${tag},
                  ${JSON.stringify(payload)}, '{}', ${reply !== undefined}, ${nth})`
              if (reply === undefined) return
              yield* sql`
                INSERT INTO cluster_replies (id, kind, request_id, payload)
                VALUES (${nth + 1000}, 0, ${nth}, ${JSON.stringify(reply)})`
            })
          const ended = { _tag: "Success", value: { _tag: "Complete", exit: { _tag: "Success", value: 7 } } }
          const exit = { _tag: "Success", value: 8 }
          yield* insert(1, "activity", { name: "done", attempt: 2, withTransaction: false }, ended)
          yield* insert(2, "activity", { name: "older", attempt: 1 }, ended)
          yield* insert(3, "activity", { name: "waits", attempt: 1 }, {
            _tag: "Success",
            value: { _tag: "Suspended" }
          })
          yield* insert(4, "activity", { name: "runs", attempt: 1 }, undefined)
          yield* insert(5, "deferred", { name: "told", exit }, { _tag: "Success", value: exit })
          yield* insert(7, "activity", { title: "unreadable" }, ended)
          yield* insert(8, "deferred", {}, undefined)
          yield* insert(6, "deferred", { name: "heard", exit }, undefined)
          const { steps, told } = yield* store.load(address("stock"))
          assert.deepStrictEqual([...steps.keys()].sort(), ["done/2", "older/1"])
          assert.deepStrictEqual(
            [...told].map(([name, { reply, requestId }]) => [name, requestId, reply === undefined]).sort(),
            [["heard", "6", true], ["told", "5", false]]
          )
        }))

      it.effect("finds an execution's mail by its index", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* journal
          const plan = yield* sql.unsafe<Record<string, string>>(
            `EXPLAIN SELECT 1 FROM cluster_messages m WHERE m.entity_id = 'x' AND m.entity_type = 'Workflow/Flow'
             AND m.tag = 'deferred'`
          )
          assert.include(JSON.stringify(plan), "cluster_messages_steps")
        }))

      it.effect("takes names of any length and letters", () =>
        Effect.gen(function* () {
          const store = yield* journal
          const names = ["", "a/b", "é", "nul\0", "\ud800", "x".repeat(5_000), "x".repeat(5_001)]
          const keys = names.map((name) => JournalStore.keyOf({ name, attempt: 1 }))
          assert.strictEqual(new Set(keys).size, names.length)
          for (const key of keys) assert.strictEqual(yield* store.record(step("names", key, 0, key)), key)
          yield* store.load(address("names"))
          assert.strictEqual((yield* rowsOf("names")).length, names.length)
        }))
    })
  })
}

describe.skipIf(TestDatabase.serverUrl === undefined)("a row whose commit is not answered", () => {
  it.live("is there, and is what its writer is told", () =>
    Effect.gen(function* () {
      const { loseNext, url } = yield* LosingProxy.make(yield* TestDatabase.freshUrl())
      const database = Database.layerPostgres({ url: Redacted.make(url), maxConnections: 3 })
      yield* Effect.gen(function* () {
        const store = yield* journal
        loseNext()
        assert.strictEqual(yield* store.record(step("lost", "a/1", 0, "1")), "1")
        loseNext()
        const { epoch, steps } = yield* store.load(address("lost"))
        assert.isAtLeast(epoch, 1)
        assert.deepStrictEqual([...steps], [["a/1", "1"]])
        assert.strictEqual(yield* store.record(step("lost", "b/1", epoch, "2")), "2")
      }).pipe(Effect.provide(database))
    }).pipe(Effect.scoped))
})
