/**
 * A process that got no time, be it that its event loop was held or that the machine gave it none, keeps its shards and
 * goes on with the work that it had begun. This thread is put to sleep, which costs no processor time; PostgreSQL ends
 * the silent session of its locks meanwhile.
 * Guard whose removal turns this file red: that a lost session is replaced with the locks that nobody took.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Schema } from "effect"
import { ClusterSchema, Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { SqlClient } from "effect/sql"
import * as Cluster from "../../src/cluster/Cluster.ts"
import { silence } from "../../src/cluster/runners/LockSession.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const Work = Rpc.make("Work", {
  payload: { key: Schema.String },
  success: Schema.String,
  primaryKey: ({ key }) => key
}).annotate(ClusterSchema.Persisted, true)

const Worker = Entity.make("Worker", [Work])

/** The thread runs nothing for so long, in milliseconds. */
const hold = (milliseconds: number) =>
  Effect.sync(() => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds))

const locksSession = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) =>
    sql<{ pid: number }>`
      SELECT pid FROM pg_stat_activity WHERE application_name = 'guichet locks' AND datname = current_database()`
)

describe.skipIf(TestDatabase.serverUrl === undefined)("a process that got no time", () => {
  layer(TestDatabase.layerPostgres, { excludeTestServices: true })((it) => {
    it.effect("goes on with what it had begun, once, under the locks that it took again", () =>
      Effect.gen(function* () {
        const begun: Array<string> = []
        const ended: Array<string> = []
        const entered = yield* Deferred.make<void>()
        const leave = yield* Deferred.make<void>()
        const handlers = Worker.toLayer(
          Effect.sync(() => {
            begun.push("entity")
            return Worker.of({
              Work: ({ payload }) =>
                Effect.gen(function* () {
                  begun.push(payload.key)
                  yield* Deferred.succeed(entered, undefined)
                  yield* Deferred.await(leave)
                  ended.push(payload.key)
                  return payload.key
                })
            })
          }),
          { disableFatalDefects: true }
        )
        yield* Effect.gen(function* () {
          const client = (yield* Worker.client)("one")
          const answer = yield* Effect.forkChild(client.Work({ key: "slow" }))
          yield* Deferred.await(entered)
          const before = yield* locksSession
          yield* hold(silence + 1_500)
          yield* Effect.repeat(locksSession, {
            until: (now) => now.length === 1 && now[0]?.pid !== before[0]?.pid
          })
          yield* Deferred.succeed(leave, undefined)
          assert.strictEqual(yield* Fiber.join(answer), "slow")
          assert.strictEqual(yield* client.Work({ key: "next" }), "next")
          assert.deepStrictEqual(begun, ["entity", "slow", "next"])
          assert.deepStrictEqual(ended, ["slow", "next"])
        }).pipe(Effect.provide(Layer.provideMerge(handlers, Cluster.layerSingle())))
      }))
  })
})
