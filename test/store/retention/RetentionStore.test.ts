/**
 * What housekeeping forgets, and what it must not.
 * Guards whose removal turns this file red: the run that stays, and that a flow which waits keeps everything.
 */
import { assert, layer } from "@effect/vitest"
import { Duration, Effect, Layer, Option, Schedule, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Activity, DurableDeferred, Workflow } from "effect/workflow"
import * as Cluster from "../../../src/cluster/Cluster.ts"
import { RetentionStore } from "../../../src/store/retention/RetentionStore.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Answered = DurableDeferred.make("answered", { success: Schema.Int })

/** Under the name of one of ours, of which a mailbox is kept. */
const Notices = Workflow.make("PaymentNotice", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

const sent: Array<string> = []

const NoticesLayer = Notices.toLayer(Effect.fnUntraced(function* ({ id }) {
  yield* Activity.make({ name: "send", execute: Effect.sync(() => void sent.push(id)) })
  return yield* DurableDeferred.await(Answered)
}))

const answer = Effect.fnUntraced(function* (executionId: string) {
  const token = DurableDeferred.tokenFromExecutionId(Answered, { workflow: Notices, executionId })
  yield* DurableDeferred.succeed(Answered, { token, value: 7 })
})

const Retention = Layer.merge(RetentionStore.layer, NoticesLayer).pipe(
  Layer.provideMerge(Cluster.layerSingle()),
  Layer.provideMerge(TestDatabase.layer)
)

layer(Retention, { excludeTestServices: true })("housekeeping", (it) => {
  it.effect("forgets answered mail and closed feeds of long ago, and nothing that waits", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`
        INSERT INTO cluster_messages (id, message_id, shard_id, entity_type, entity_id, kind, processed, request_id)
        VALUES (1, 'a', 's', 'Payment', 'p', 0, true, 1), (2, 'b', 's', 'Payment', 'p', 0, false, 2),
               (3, 'c', 's', 'Workflow/CompleteFlow', 'f', 0, true, 3),
               (9000000000000000000, 'd', 's', 'Payment', 'p', 0, true, 9000000000000000000)`
      yield* sql`
        INSERT INTO cluster_replies (id, kind, request_id, payload) VALUES (1, 0, 1, '{}'), (3, 0, 3, '{}')`
      yield* sql`
        INSERT INTO feed_events (feed_id, seq, at, kind, data)
        VALUES ('old', 1, '2020-01-01', 'step', '{}'), ('old', 2, '2020-01-01', 'closed', '{}'),
               ('open', 1, '2020-01-01', 'step', '{}')`
      yield* (yield* RetentionStore).forget(Duration.days(31))
      const left =
        yield* sql`SELECT message_id FROM cluster_messages WHERE shard_id = 's' ORDER BY message_id`
      assert.deepStrictEqual(left.map((row) => row.message_id), ["b", "c", "d"])
      const replies = yield* sql`SELECT id FROM cluster_replies WHERE id < 10`
      assert.deepStrictEqual(replies.map((row) => row.id), [3])
      const feeds = yield* sql`SELECT feed_id, kind FROM feed_events ORDER BY feed_id, seq`
      assert.deepStrictEqual(feeds.map((row) => `${row.feed_id} ${row.kind}`), ["old closed", "open step"])
    }))

  it.effect("keeps of a flow that is over its run alone, and of one that waits everything", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const left = Effect.map(
        sql<{ key: string }>`
          SELECT DISTINCT substr(message_id, length(entity_type || entity_id) + 3) AS key, entity_id
          FROM cluster_messages WHERE entity_type = 'Workflow/PaymentNotice'
          UNION ALL
          SELECT 'activity/' || key, execution FROM workflow_journal ORDER BY key`,
        (rows) => rows.map(({ key }) => key)
      )
      // Whatever there is now is older than a minute from now.
      const forget = Effect.flatMap(RetentionStore, (store) => store.forget(Duration.minutes(-1)))
      const executionId = yield* Notices.execute({ id: "one" }, { discard: true })
      yield* Effect.repeat(Notices.poll(executionId), {
        until: (result) => Option.isSome(result) && result.value._tag === "Suspended",
        schedule: Schedule.spaced("5 millis")
      })
      yield* forget
      assert.deepStrictEqual(yield* left, ["activity/send/1", "run/"])
      yield* answer(executionId)
      assert.strictEqual(yield* Notices.execute({ id: "one" }), 7)
      yield* forget
      assert.deepStrictEqual(yield* left, ["run/"])
      assert.deepStrictEqual(yield* sql`SELECT 1 FROM workflow_epochs`, [])
      const replies = yield* sql`
        SELECT r.id FROM cluster_replies r LEFT JOIN cluster_messages m ON m.id = r.request_id WHERE m.id IS NULL`
      assert.deepStrictEqual(replies, [])
      assert.strictEqual(yield* Notices.execute({ id: "one" }), 7)
      assert.deepStrictEqual(sent, ["one"])
    }))
})
