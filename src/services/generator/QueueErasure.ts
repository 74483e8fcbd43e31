/**
 * Takes tickets out of queued chunks, wherever the queue is. A chunk keeps its id, so that a repeat of it stays one
 * chunk; one that has no ticket left is not worked on.
 */
import { Effect, Option, Predicate, Schema } from "effect"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { queueNames, queueTable } from "./QueueNames.ts"

/** False while a worker has one of the tickets in hand. */
export type Forget = (ticketIds: ReadonlyArray<number>) => Effect.Effect<boolean>

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const idOf = (ticket: unknown): unknown => Predicate.hasProperty(ticket, "id") ? ticket.id : undefined

const ticketsOf = (chunk: unknown): ReadonlyArray<unknown> =>
  Predicate.hasProperty(chunk, "job") && Predicate.hasProperty(chunk.job, "tickets") &&
    Array.isArray(chunk.job.tickets)
    ? chunk.job.tickets
    : []

interface Lessened {
  readonly chunk: unknown
  readonly isEmpty: boolean
}

/** The stored chunk without these tickets, or none when it has none of them. */
const without = (ids: ReadonlySet<unknown>) => (chunk: unknown): Option.Option<Lessened> => {
  const tickets = ticketsOf(chunk)
  const others = tickets.filter((ticket) => !ids.has(idOf(ticket)))
  if (others.length === tickets.length || !Predicate.hasProperty(chunk, "job")) return Option.none()
  const job = Object.assign({}, chunk.job, { tickets: others })
  return Option.some({ chunk: { ...chunk, job }, isEmpty: others.length === 0 })
}

interface Row {
  readonly sequence: string
  readonly element: string
}

/** In the table of the queues. A claim that its worker no longer renews ends by itself (`queueLocks`). */
export const forgetInSql = Effect.map(SqlClient.SqlClient, (sql): Forget => {
  const table = sql(queueTable)

  const lessen = ({ element, sequence }: Row, { chunk, isEmpty }: Lessened) =>
    sql`
      UPDATE ${table} SET element = ${JSON.stringify(chunk)},
        state = CASE WHEN state = 'pending' AND ${isEmpty} THEN 'completed' ELSE state END
      WHERE sequence = ${sequence}::bigint AND element = ${element}`

  return Effect.fn("QueueErasure.forgetInSql")(function* (ticketIds) {
    const ids = new Set<unknown>(ticketIds)
    const patterns = ticketIds.map((id) => `%"id":${id},%`)
    const rows = yield* sql<Row & { readonly held: boolean }>`
      SELECT sequence::text, element, state = 'pending' AND acquired_by IS NOT NULL AS held
      FROM ${table} WHERE element LIKE ANY(${patterns}::text[])`
    const found = rows.flatMap((row) => {
      const lessened = Option.flatMap(parse(row.element), without(ids))
      return Option.isSome(lessened) ? [{ row, lessened: lessened.value }] : []
    })
    const free = found.filter(({ row }) => !row.held)
    yield* Effect.forEach(free, ({ lessened, row }) => lessen(row, lessened), { discard: true })
    return free.length === found.length
  }, Effect.orDie)
})

/** Puts another entry in the place of one that is still there, or nothing for the empty string; dead letters too. */
const replaceInList = Redis.script(
  (...args: [key: string, old: string, replacement: string]) => args,
  {
    numberOfKeys: 1,
    lua: `
if redis.call("LREM", KEYS[1], 1, ARGV[1]) == 1 and ARGV[2] ~= "" then
  redis.call("RPUSH", KEYS[1], ARGV[2])
end`
  }
)

/** The same where entries wait for their time. */
const replaceDelayed = Redis.script(
  (...args: [key: string, old: string, replacement: string]) => args,
  {
    numberOfKeys: 1,
    lua: `
local due = redis.call("ZSCORE", KEYS[1], ARGV[1])
if due then
  redis.call("ZREM", KEYS[1], ARGV[1])
  if ARGV[2] ~= "" then redis.call("ZADD", KEYS[1], due, ARGV[2]) end
end`
  }
)

/** Under the keys that effect's store gives each queue: a list, what is delayed, what failed, and what is in hand. */
export const forgetInRedis = (prefix: string) =>
  Effect.map(Redis.Redis, (redis): Forget => {
    const inList = redis.eval(replaceInList)
    const inDelayed = redis.eval(replaceDelayed)

    return Effect.fn("QueueErasure.forgetInRedis")(function* (ticketIds) {
      const ids = new Set<unknown>(ticketIds)

      const lessened = (entry: string) =>
        Option.flatMap(parse(entry), (envelope) =>
          Predicate.hasProperty(envelope, "element")
            ? Option.map(without(ids)(envelope.element), ({ chunk, isEmpty }) =>
              isEmpty ? "" : JSON.stringify({ ...envelope, element: chunk }))
            : Option.none())

      const replaceAll = Effect.fnUntraced(function* (
        key: string,
        entries: ReadonlyArray<string>,
        replace: typeof inList
      ) {
        for (const entry of entries) {
          const replacement = lessened(entry)
          if (Option.isSome(replacement)) {
            yield* replace(key, entry, replacement.value)
          }
        }
      })

      let isHeld = false
      for (const name of Object.values(queueNames)) {
        const key = `${prefix}${name}`
        const range = (command: string, of: string) =>
          redis.send<ReadonlyArray<string>>(command, of, "0", "-1")
        yield* replaceAll(key, yield* range("LRANGE", key), inList)
        yield* replaceAll(`${key}:delayed`, yield* range("ZRANGE", `${key}:delayed`), inDelayed)
        yield* replaceAll(`${key}:failed`, yield* range("LRANGE", `${key}:failed`), inList)
        const held = yield* redis.send<ReadonlyArray<string>>("HVALS", `${key}:pending`)
        isHeld ||= held.some((entry) =>
          Option.isSome(lessened(entry))
        )
      }
      return !isHeld
    }, Effect.orDie)
  })
