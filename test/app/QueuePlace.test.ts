/**
 * The generator's queue is where the settings put it, whatever else a process builds; what was left elsewhere comes along.
 * Guards whose removal turns this file red: the factory that `GeneratorQueue` makes on its own store, and
 * `moveLeftChunks`.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { PersistedQueue } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { FoundationLayer } from "../../src/app/Foundation.ts"
import { queueLayer } from "../../src/app/Services.ts"
import { GeneratorQueue, QueuedChunk } from "../../src/services/generator/GeneratorQueue.ts"
import { queueNames } from "../../src/services/generator/QueueNames.ts"
import { chunkOf, ticketOf } from "../services/generator/GeneratorFixture.ts"
import { embedded, postgres } from "../support/Installation.ts"
import { hasRedis, ownRedis } from "../support/OwnRedis.ts"
import { queueProof } from "../support/QueueProof.ts"
import { serverUrl } from "../support/TestDatabase.ts"

const given = (env: Readonly<Record<string, string>>) =>
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env)))

/** A process of the generator. As in `App`, one build has it all: what is one value in two layers is built once. */
const started = (env: Readonly<Record<string, string>>) =>
  Layer.fresh(queueLayer.pipe(Layer.provideMerge(FoundationLayer), given(env)))

const installation = serverUrl === undefined ? embedded : postgres

const chunk = chunkOf("job_place", [ticketOf(1)])

/** As earlier versions kept it: in this table, under the names of today. */
const leftIn = (table: string, jobId: string) =>
  Effect.gen(function* () {
    const factory = yield* PersistedQueue.makeFactory
    const queue = yield* factory.make({ name: queueNames.normal, schema: QueuedChunk })
    const [waits, done] = [chunkOf(jobId, [ticketOf(2)]), chunkOf(`${jobId}_done`, [ticketOf(3)])]
    yield* queue.offer(done, { id: done.chunk_id })
    yield* queue.take(() => Effect.void)
    yield* queue.offer(waits, { id: waits.chunk_id })
    return waits
  }).pipe(
    Effect.provide(PersistedQueue.layerStoreSql({ tableName: table })),
    Effect.scoped
  )

const places = [["sql", false], ["redis", !hasRedis()]] as const

for (const [place, absent] of places) {
  describe.skipIf(absent)(`the generator's queue in ${place}`, () => {
    it.live("has what is offered, and no other store has it", () =>
      Effect.gen(function* () {
        const { env } = yield* installation
        const redis = place === "redis" ? (yield* ownRedis).url : undefined
        yield* Effect.gen(function* () {
          const queue = yield* GeneratorQueue
          yield* queue.offer(chunk)
          yield* queueProof(place, redis)
          assert.deepStrictEqual(yield* queue.take("normal", Effect.succeed), chunk)
          yield* queueProof(place, redis)
        }).pipe(Effect.provide(started({ ...env, ...(redis === undefined ? {} : { REDIS_URL: redis }) })))
      }))

    it.live("takes over what an earlier start left in another table, once", () =>
      Effect.gen(function* () {
        const { env } = yield* installation
        const redis = place === "redis" ? (yield* ownRedis).url : undefined
        const tables = place === "redis" ? ["guichet_queue", "ticket_queue"] : ["guichet_queue"]
        const left = yield* Effect.provide(
          Effect.forEach(tables, (table) => leftIn(table, `job_left_${table}`)),
          Layer.fresh(given(env)(FoundationLayer))
        )
        const again = started({ ...env, ...(redis === undefined ? {} : { REDIS_URL: redis }) })
        yield* Effect.gen(function* () {
          const queue = yield* GeneratorQueue
          yield* queueProof(place, redis)
          for (const one of left) {
            assert.deepStrictEqual(yield* queue.take("normal", Effect.succeed), one)
          }
        }).pipe(Effect.provide(again))
        yield* Effect.gen(function* () {
          const queue = yield* GeneratorQueue
          const more = yield* Effect.timeoutOption(queue.take("normal", Effect.succeed), "100 millis")
          assert.strictEqual(more._tag, "None")
          const sql = yield* SqlClient.SqlClient
          assert.deepStrictEqual(yield* sql`SELECT queue_name FROM guichet_queue`, [])
        }).pipe(Effect.provide(again))
      }))
  })
}
