/** A real server with tickets to generate, and what it has to have made of them in the end. */
import { Effect, Layer, Redacted } from "effect"
import { Redis } from "effect/persistence"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Platform from "../../src/Platform.ts"
import { queueNames, queueTable } from "../../src/services/generator/QueueNames.ts"
import { dress } from "./BenchTickets.ts"
import { freshDatabase, seed, type Sql, sqlAt, sqlEmbedded } from "./GateDatabase.ts"
import { clean, environment, run, type Server, start } from "./Server.ts"

/** Gone with its database and files when it is disposed of. */
export interface Generator extends AsyncDisposable {
  readonly server: Server
  /** Of an organiser who owns every event. */
  readonly organiser: string
  /** Of an operator at every gate. */
  readonly operator: string
  /** The tickets of each event, event 1 first. */
  readonly tickets: ReadonlyArray<ReadonlyArray<number>>
  /**
   * Stops the server; fails unless every ticket of these events was generated and reported once, is one PDF and one PNG
   * on the disk, nothing else is there, and the queue was where it was asked to be.
   */
  readonly check: (eventIds: ReadonlyArray<number>) => Promise<void>
}

const onRedis = <A>(url: string, ask: (redis: Redis.Redis["Service"]) => Effect.Effect<A, unknown>) =>
  Effect.runPromise(
    Effect.flatMap(Redis.Redis, ask).pipe(
      Effect.provide(Layer.orDie(Platform.redis(Redacted.make(url))))
    )
  )

/** Tables of queues that a server has made; those that are not the queue's are empty, or not there. */
const chunksIn = async (sql: Sql, table: string): Promise<number> => {
  const [there] = await sql([`SELECT to_regclass('${table}') IS NOT NULL AS there`])
  if ((there as { there: boolean }).there === false) return 0
  const names = Object.values(queueNames).map((name) => `'${name}'`).join(", ")
  const [row] = await sql([`SELECT count(*)::int AS count FROM ${table} WHERE queue_name IN (${names})`])
  return (row as { count: number }).count
}

/** What was measured as a queue on Redis was on Redis, and what was not was not. */
const checkQueue = async (sql: Sql, redis: string | undefined): Promise<void> => {
  const own = await chunksIn(sql, queueTable)
  const others = await chunksIn(sql, "guichet_queue")
  const keys = redis === undefined
    ? 0
    : (await onRedis(redis, (redis) => redis.send<ReadonlyArray<string>>("KEYS", "guichet:tickets-*:ids")))
      .length
  const isRight = redis === undefined ? own > 0 : keys > 0 && own === 0
  if (!isRight || others > 0) {
    throw new Error(`The queue is elsewhere: ${own} and ${others} chunks in SQL, ${keys} keys in Redis`)
  }
}

/** The database of a Redis that nobody else uses, emptied; keys of two servers would be the same. */
const freshRedis = async (url: string): Promise<AsyncDisposable & { readonly url: string }> => {
  const own = new URL(url)
  own.pathname = "/15"
  const empty = () => onRedis(own.href, (redis) => Effect.asVoid(redis.send("FLUSHDB")))
  await empty()
  return { url: own.href, [Symbol.asyncDispose]: empty }
}

interface Made {
  readonly ticket_id: number
  readonly file_key: string | null
  readonly qr_key: string | null
  readonly file_size: number | null
}

const made = (eventIds: ReadonlyArray<number>) =>
  `SELECT ticket_id::int, file_key, qr_key, file_size FROM tickets
  WHERE event_id IN (${eventIds.join(", ")}) AND generated_at IS NOT NULL`

/** Counts that each have to be the number of tickets. */
const counted = (eventIds: ReadonlyArray<number>) => {
  const among = `event_id IN (${eventIds.join(", ")})`
  return `SELECT
    (SELECT count(*) FROM tickets WHERE ${among})::int AS tickets,
    (SELECT count(*) FROM ticket_job_items JOIN ticket_jobs USING (job_id)
      WHERE ${among} AND ticket_job_items.status = 'generated')::int AS items,
    (SELECT sum(jsonb_array_length(body -> 'tickets')) FROM webhook_deliveries
      WHERE event_type = 'tickets.generated' AND (body ->> 'event_id')::bigint IN (${eventIds.join(", ")})
    )::int AS reported`
}

const filesUnder = (directory: string): ReadonlyArray<string> =>
  Fs.readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => Path.relative(directory, Path.join(entry.parentPath, entry.name)))

const startsWith = (file: string, signature: string): boolean =>
  Fs.readFileSync(file).subarray(0, signature.length).toString("latin1") === signature

const checkFiles = (directory: string, tickets: ReadonlyArray<Made>): void => {
  const wanted = new Set<string>()
  for (const { file_key, file_size, qr_key, ticket_id } of tickets) {
    if (file_key === null || qr_key === null) throw new Error(`Ticket ${ticket_id} has no files`)
    const pdf = Path.join(directory, file_key)
    if (!startsWith(pdf, "%PDF-") || Fs.statSync(pdf).size !== file_size) {
      throw new Error(`${file_key} is broken`)
    }
    if (!startsWith(Path.join(directory, qr_key), "\x89PNG")) throw new Error(`${qr_key} is broken`)
    wanted.add(file_key).add(qr_key)
  }
  const files = filesUnder(directory)
  const odd = files.filter((file) => !wanted.has(file))
  if (wanted.size !== 2 * tickets.length || files.length !== wanted.size) {
    throw new Error(
      `${files.length} files of ${tickets.length} tickets, too many: ${odd.slice(0, 5).join(", ")}`
    )
  }
}

const checkGenerated = async (
  sql: Sql,
  directory: string,
  eventIds: ReadonlyArray<number>
): Promise<void> => {
  const tickets = (await sql([made(eventIds)])) as ReadonlyArray<Made>
  const [counts] = await sql([counted(eventIds)])
  if (Object.values(counts as Record<string, number>).some((count) => count !== tickets.length)) {
    throw new Error(`${tickets.length} tickets were generated, stored are ${JSON.stringify(counts)}`)
  }
  checkFiles(directory, tickets)
}

/** Where a server keeps what: an embedded database without `adminUrl`, the queue in SQL without `redisUrl`. */
export interface Place {
  readonly adminUrl: string | undefined
  readonly redisUrl: string | undefined
}

/** A ready server with so many tickets in each event. */
export const startGenerator = async (
  { adminUrl, redisUrl }: Place,
  events: ReadonlyArray<number>
): Promise<Generator> => {
  await using resources = new AsyncDisposableStack()
  const databaseUrl = adminUrl === undefined
    ? undefined
    : resources.use(await freshDatabase(adminUrl, redisUrl === undefined ? "tickets" : "tickets_redis")).url
  const redis = redisUrl === undefined ? undefined : resources.use(await freshRedis(redisUrl)).url
  const env: Record<string, string> = {
    ...await environment(databaseUrl),
    ...(redis === undefined ? {} : { REDIS_URL: redis })
  }
  resources.defer(() => clean(env))
  const data = env.GUICHET_DATA ?? ""
  const sql = databaseUrl === undefined ? sqlEmbedded(data) : sqlAt(databaseUrl)

  await run(["migrate"], env)
  const organiser = await run(["token", "create", "--role", "organizer", "--subject", "bench"], env)
  const operator = await run(["token", "create", "--role", "operator", "--subject", "bench"], env)
  const eventIds = events.map((_, at) => at + 1)
  await sql(seed(events))
  const rows = await sql([
    ...dress(eventIds),
    `SELECT array_agg(ticket_id::int ORDER BY ticket_id) AS ids FROM tickets GROUP BY event_id ORDER BY event_id`
  ]) as ReadonlyArray<{ readonly ids: ReadonlyArray<number> }>
  const server = await start(env)
  let running = true
  const stop = async () => {
    if (running) await server.stop()
    running = false
  }
  resources.defer(stop)
  const kept = resources.move()
  return {
    server,
    organiser,
    operator,
    tickets: rows.map(({ ids }) => ids),
    check: async (eventIds) => {
      await stop()
      await checkQueue(sql, redis)
      await checkGenerated(sql, Path.join(data, "files"), eventIds)
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync()
  }
}
