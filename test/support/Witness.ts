/** What a test may see from beside the app: how many rows each table holds, and what the services are sent. */
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { WebHandler } from "../../src/http/ServerRules.ts"
import { Loopback } from "../../src/trust/Loopback.ts"
import type { ServiceTargetName } from "../../src/trust/ServiceName.ts"

const Tables = Schema.Array(Schema.Struct({ name: Schema.String }))
const Counts = Schema.Array(Schema.Struct({ name: Schema.String, rows: Schema.Int }))

/**
 * The number of rows of every table, the cluster's mailboxes included; what a runner notes of its own shards, whenever it
 * takes them, is no trace of a request.
 */
export const rowCounts: Effect.Effect<Readonly<Record<string, number>>, never, SqlClient.SqlClient> = Effect
  .gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const tables = yield* Schema.decodeUnknownEffect(Tables)(
      yield* sql`SELECT table_name AS name FROM information_schema.tables
               WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'shard_owners'
               ORDER BY 1`
    )
    const counted = tables.map(({ name }) => `SELECT '${name}' AS name, count(*)::int AS rows FROM "${name}"`)
    const rows = yield* Schema.decodeUnknownEffect(Counts)(yield* sql.unsafe(counted.join(" UNION ALL ")))
    return Object.fromEntries(rows.map(({ name, rows }) => [name, rows]))
  }).pipe(Effect.orDie)

/** The same without the cluster's mailboxes, for where something else is on its way. */
export const ownRowCounts = Effect.map(
  rowCounts,
  (counts) => Object.fromEntries(Object.entries(counts).filter(([name]) => !name.startsWith("cluster_")))
)

/** One request that a service was sent. */
export interface Sent {
  readonly path: string
  readonly headers: Headers
  // deno-lint-ignore no-explicit-any
  readonly json: any
}

type Around = (request: Request, real: WebHandler) => Promise<Response>

/** Puts a handler in front of a service's own until the scope closes. */
export const around = (name: ServiceTargetName, handler: Around) =>
  Effect.gen(function* () {
    const loopback = yield* Loopback
    const real = loopback.find(name)
    if (real === undefined) return yield* Effect.die(`${name} is not served`)
    yield* Effect.acquireRelease(
      loopback.register(name, (request) => handler(request, real)),
      () => loopback.register(name, real)
    )
  })

/** The ticket type of guests whose tickets cannot be drawn, as long as `spoilTickets` is in front of the core. */
export const spoiled = "spoiled"

/** Tickets of that type fail for good: what is printed on them names a time zone that there is not. */
export const spoilTickets = around("core", async (request, real) => {
  const response = await real(request)
  if (!request.url.endsWith("/internal/print-details")) return response
  const details = await response.json() as { readonly tickets: ReadonlyArray<Schema.JsonObject> }
  const tickets = details.tickets.map((ticket) =>
    ticket["ticket_type"] === spoiled ? { ...ticket, timezone: "Mars/Olympus" } : ticket
  )
  return Response.json({ ...details, tickets }, { status: response.status })
})

/** Lets nothing through to a service until it is let go, or until the scope closes. */
export const hold = Effect.fnUntraced(function* (name: ServiceTargetName) {
  const { promise, resolve } = Promise.withResolvers<void>()
  yield* around(name, async (request, real) => {
    await promise
    return real(request)
  })
  yield* Effect.addFinalizer(() => Effect.sync(resolve))
  return resolve
})

/** Notes what a service is sent, and lets it through. */
export const overhear = (name: ServiceTargetName) =>
  Effect.gen(function* () {
    const heard: Array<Sent> = []
    yield* around(name, async (request, real) => {
      const text = await request.clone().text()
      heard.push({
        path: new URL(request.url).pathname,
        headers: request.headers,
        json: text === "" ? undefined : JSON.parse(text)
      })
      return real(request)
    })
    return heard
  })

const unavailable = () =>
  Response.json({ type: "about:blank", title: "Down", status: 503 }, {
    status: 503,
    headers: { "content-type": "application/problem+json" }
  })

/** Answers 503 to the first so many requests that fit, and lets all others through; tells how many it refused. */
export const flaky = (
  name: ServiceTargetName,
  times: number,
  fits: (request: { readonly path: string; readonly id: string }) => boolean
) =>
  Effect.gen(function* () {
    const refused = { count: 0 }
    yield* around(name, (request, real) => {
      const asked = { path: new URL(request.url).pathname, id: request.headers.get("x-request-id") ?? "" }
      if (refused.count >= times || !fits(asked)) return real(request)
      refused.count++
      return Promise.resolve(unavailable())
    })
    return refused
  })
