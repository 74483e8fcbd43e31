/** Where the generator's chunks are, seen in the stores themselves: whoever trusts a setting sees what it set. */
import { assert } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import * as Platform from "../../src/Platform.ts"
import { queueNames } from "../../src/services/generator/QueueNames.ts"

/** The places in which a generator may keep its queue. */
export type QueuePlace = "redis" | "sql"

const names = Object.values(queueNames)

const countIn = Effect.fnUntraced(function* (table: string) {
  const sql = yield* SqlClient.SqlClient
  const there = yield* sql`SELECT 1 WHERE to_regclass(${table}) IS NOT NULL`
  if (there.length === 0) return 0
  const [row] = yield* sql<{ count: number }>`
    SELECT count(*)::int AS count FROM ${sql(table)} WHERE ${sql.in("queue_name", names)}`
  return row!.count
})

/** The generator's keys; a queue that has taken a chunk keeps its id for days. */
const keysIn = (url: string) =>
  Effect.flatMap(Redis.Redis, (redis) => redis.send<ReadonlyArray<string>>("KEYS", "guichet:tickets-*:ids"))
    .pipe(
      Effect.provide(Layer.orDie(Platform.redis(Redacted.make(url))))
    )

/**
 * After a job: the chunks are, or were, where they were asked to be and nowhere else. A Redis that was emptied meanwhile
 * may have nothing left to show, and only the second half is proved.
 */
export const queueProof = Effect.fn("QueueProof")(function* (
  place: QueuePlace,
  redisUrl?: string,
  { emptied = false }: { readonly emptied?: boolean } = {}
) {
  const found = {
    redis: redisUrl === undefined ? 0 : (yield* keysIn(redisUrl)).length,
    ticket_queue: yield* countIn("ticket_queue"),
    guichet_queue: yield* countIn("guichet_queue")
  }
  const seen = JSON.stringify(found)
  if (place === "redis") assert.isAbove(found.redis, emptied ? -1 : 0, seen)
  else assert.isAbove(found.ticket_queue, 0, seen)
  const elsewhere = place === "redis" ? found.ticket_queue : found.redis
  assert.strictEqual(elsewhere + found.guichet_queue, 0, seen)
}, Effect.orDie)
