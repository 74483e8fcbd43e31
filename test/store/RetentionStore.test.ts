/** What housekeeping forgets, and what it must not. */
import { assert, layer } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as Cluster from "../../src/cluster/Cluster.ts"
import { RetentionStore } from "../../src/store/RetentionStore.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const Retention = RetentionStore.layer.pipe(
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
})
