/** What the generator has taken and not yet reported: three durable queues, one a priority. */
import { Context, Duration, Effect, Layer, Schedule, Schema } from "effect"
import { PersistedQueue, type Redis } from "effect/persistence"
import type { SqlClient, SqlError } from "effect/sql"
import { Priority } from "../../../rpc/TicketJob.ts"
import { TraceParent } from "../../telemetry/TraceParent.ts"
import { queueLocks } from "../../durable/QueueLocks.ts"
import { type Forget, forgetInRedis, forgetInSql } from "./QueueErasure.ts"
import { queueNames, queueTable } from "./QueueNames.ts"
import { ChunkId, GenerationJob, OwnerKey } from "./TicketApi.ts"

/** A chunk as it waits; `chunk_id` is its `X-Request-ID`, `owner` its `X-Job-Owner`. */
export const QueuedChunk = Schema.Struct({
  chunk_id: ChunkId,
  priority: Priority,
  owner: Schema.optionalKey(OwnerKey),
  queued_at: Schema.DateTimeUtcFromString,
  job: GenerationJob,
  trace: Schema.optionalKey(TraceParent)
})
export type QueuedChunk = typeof QueuedChunk.Type

const options = {
  schema: QueuedChunk,
  maxAttempts: 1_000,
  retrySchedule: Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")])
}

/** Chunks hold names and addresses: they are kept as long as a repeat of their id may come, and no longer. */
const kept = { timeToLive: Duration.days(2), failedTimeToLive: Duration.days(30) }

/** A chunk offered again under its id is one chunk; one that was taken comes back until it is done. */
export class GeneratorQueue extends Context.Service<GeneratorQueue, {
  readonly offer: (chunk: QueuedChunk) => Effect.Effect<void, PersistedQueue.PersistedQueueError>
  /** Waits for a chunk of this priority; it leaves the queue when `work` succeeds. */
  readonly take: <A, E, R>(
    priority: Priority,
    work: (chunk: QueuedChunk) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | PersistedQueue.PersistedQueueError, R>
  /** Takes these tickets out of every chunk that waits or is kept; false while a worker has one of them in hand. */
  readonly forget: Forget
}>()("guichet/services/generator/GeneratorQueue") {
  /**
   * On this store and no other: the factory is made here, because a process builds `PersistedQueue.layer`, which is one
   * value, only once, on the first store that it meets.
   */
  private static readonly on = <E, R, RF>(
    store: Layer.Layer<PersistedQueue.PersistedQueueStore, E, R>,
    forgetting: Effect.Effect<Forget, never, RF>
  ) =>
    Layer.merge(
      Layer.effect(
        GeneratorQueue,
        Effect.gen(function* () {
          const factory = yield* PersistedQueue.makeFactory
          const queueOf = (priority: Priority) => factory.make({ name: queueNames[priority], ...options })
          const queues = yield* Effect.all({
            high: queueOf("high"),
            normal: queueOf("normal"),
            low: queueOf("low")
          })
          return GeneratorQueue.of({
            offer: (chunk) =>
              queues[chunk.priority].offer(chunk, { id: chunk.chunk_id }).pipe(
                Effect.catchTag("SchemaError", (error) => Effect.die(error)),
                Effect.asVoid
              ),
            take: (priority, work) => queues[priority].take(work),
            forget: yield* forgetting
          })
        })
      ),
      PersistedQueue.layerCleanup(kept)
    ).pipe(Layer.provide(Layer.fresh(store)))

  /** In the database. Chunks of this process are taken at once, those of another process within a second. */
  static readonly layerSql: Layer.Layer<GeneratorQueue, SqlError.SqlError, SqlClient.SqlClient> =
    GeneratorQueue.on(
      PersistedQueue.layerStoreSql({ tableName: queueTable, ...queueLocks }),
      forgetInSql
    )

  /** In Redis, under keys of this prefix. */
  static readonly layerRedisAt = (prefix: string): Layer.Layer<GeneratorQueue, never, Redis.Redis> =>
    GeneratorQueue.on(PersistedQueue.layerStoreRedis({ prefix, ...queueLocks }), forgetInRedis(prefix))

  /** In Redis, as the flows document has it. */
  static readonly layerRedis: Layer.Layer<GeneratorQueue, never, Redis.Redis> = GeneratorQueue.layerRedisAt(
    "guichet:"
  )

  /** Lost with the process. */
  static readonly layerMemory: Layer.Layer<GeneratorQueue> = GeneratorQueue.on(
    PersistedQueue.layerStoreMemory,
    Effect.succeed(() => Effect.succeed(true))
  )
}
