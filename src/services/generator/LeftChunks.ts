/**
 * Chunks in a table of the database that is not the queue's, because `REDIS_URL` was set since or because an earlier
 * version kept them there: they move to the queue at the start, under their ids.
 */
import { Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { GeneratorQueue, QueuedChunk } from "./GeneratorQueue.ts"
import { queueNames } from "./QueueNames.ts"

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.toCodecJson(QueuedChunk)))

const names = Object.values(queueNames)

/** Offers what waits in these tables, then deletes it there with what is done: a stop between the two repeats the offer. */
export const moveLeftChunks = Effect.fn("LeftChunks.move")(function* (tables: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const queue = yield* GeneratorQueue
  for (const table of tables) {
    const there = yield* sql`SELECT 1 WHERE to_regclass(${table}) IS NOT NULL`
    if (there.length === 0) continue
    const rows = yield* sql<{ sequence: string; element: string; waits: boolean }>`
      SELECT sequence::text, element, state = 'pending' AS waits FROM ${sql(table)}
      WHERE ${sql.in("queue_name", names)} ORDER BY sequence`
    if (rows.length === 0) continue
    const chunks = rows.filter(({ waits }) => waits).map(({ element }) => decode(element))
    const readable = chunks.flatMap(Option.toArray)
    yield* Effect.forEach(readable, (chunk) => queue.offer(chunk), { discard: true })
    yield* sql`
      DELETE FROM ${sql(table)} WHERE sequence = ANY(${rows.map(({ sequence }) => sequence)}::bigint[])`
    yield* Effect.logInfo("Chunks moved to the queue in use", {
      table,
      moved: readable.length,
      unreadable: chunks.length - readable.length,
      done: rows.length - chunks.length
    })
  }
})
