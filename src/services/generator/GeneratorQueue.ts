/** What the generator has taken and not yet reported: three durable queues, one a priority. */
import { Context, Duration, Effect, Layer, Schedule, Schema } from "effect"
import { PersistedQueue, type Redis } from "effect/persistence"
import type { SqlClient, SqlError } from "effect/sql"
import { Priority } from "../../../rpc/TicketJob.ts"
import { TraceParent } from "../../telemetry/TraceParent.ts"
import { queueLocks } from "../../durable/QueueLocks.ts"
import { ChunkId, GenerationJob } from "./TicketApi.ts"

/** A chunk as it waits; `chunk_id` is its `X-Request-ID`. */
export const QueuedChunk = Schema.Struct({
  chunk_id: ChunkId,
  priority: Priority,
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
}>()("guichet/services/generator/GeneratorQueue") {
  /** On any store of queues. */
  static readonly layer: Layer.Layer<GeneratorQueue, never, PersistedQueue.PersistedQueueFactory> = Layer
    .effect(
      GeneratorQueue,
      Effect.gen(function* () {
        const [high, normal, low] = yield* Effect.all([
          PersistedQueue.make({ name: "tickets-high", ...options }),
          PersistedQueue.make({ name: "tickets-normal", ...options }),
          PersistedQueue.make({ name: "tickets-low", ...options })
        ])
        const queues = { high, normal, low }
        return GeneratorQueue.of({
          offer: (chunk) =>
            queues[chunk.priority].offer(chunk, { id: chunk.chunk_id }).pipe(
              Effect.catchTag("SchemaError", (error) => Effect.die(error)),
              Effect.asVoid
            ),
          take: (priority, work) => queues[priority].take(work)
        })
      })
    )

  private static readonly on = <E, R>(store: Layer.Layer<PersistedQueue.PersistedQueueStore, E, R>) =>
    Layer.merge(
      GeneratorQueue.layer.pipe(Layer.provide(PersistedQueue.layer)),
      PersistedQueue.layerCleanup(kept)
    ).pipe(
      Layer.provide(store)
    )

  /** In the database. Chunks of this process are taken at once, those of another process within a second. */
  static readonly layerSql: Layer.Layer<GeneratorQueue, SqlError.SqlError, SqlClient.SqlClient> =
    GeneratorQueue.on(
      PersistedQueue.layerStoreSql({ tableName: "ticket_queue", ...queueLocks })
    )

  /** In Redis, under keys of this prefix. */
  static readonly layerRedisAt = (prefix: string): Layer.Layer<GeneratorQueue, never, Redis.Redis> =>
    GeneratorQueue.on(PersistedQueue.layerStoreRedis({ prefix, ...queueLocks }))

  /** In Redis, as the flows document has it. */
  static readonly layerRedis: Layer.Layer<GeneratorQueue, never, Redis.Redis> = GeneratorQueue.layerRedisAt(
    "guichet:"
  )

  /** Lost with the process. */
  static readonly layerMemory: Layer.Layer<GeneratorQueue> = GeneratorQueue.on(
    PersistedQueue.layerStoreMemory
  )
}
