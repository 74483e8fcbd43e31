/** What a PostgreSQL server gives this installation: connections enough, and the same time. Said by `guichet doctor`. */
import { Clock, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { DatabaseError } from "./DatabaseError.ts"

const Connections = Schema.Tuple([Schema.Struct({ all: Schema.Int, kept: Schema.Int, others: Schema.Int })])

/** What the server, the database or the role allows, the least of them; those that are others' now; -1 is no limit. */
const connections = `
  SELECT least(current_setting('max_connections')::int,
      CASE WHEN d.datconnlimit < 0 THEN 2147483647 ELSE d.datconnlimit END,
      CASE WHEN r.rolconnlimit < 0 THEN 2147483647 ELSE r.rolconnlimit END) AS all,
    CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int END AS kept,
    (SELECT count(*)::int FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND application_name <> 'guichet') AS others
  FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user`

/** Fails when the pool can be larger than what the server has left for it. */
export const checkConnections = Effect.fn("ServerLimits.checkConnections")(function* (pool: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe(connections).unprepared
  const [{ all, kept, others }] = yield* Effect.orDie(Schema.decodeUnknownEffect(Connections)(rows))
  const left = all - kept - others
  if (pool <= left) return
  return yield* new DatabaseError({
    message:
      `DATABASE_POOL is ${pool}, and PostgreSQL has ${left} connections left of ${all} for this role: ` +
      "raise max_connections (or the limit of the role or database), or set DATABASE_POOL lower, for all cores together."
  })
})

/** Signatures are refused after five minutes; deadlines and delays are wrong by as much before. */
const mostSkew = 5_000

const Now = Schema.Tuple([Schema.Struct({ now: Schema.Number })])

/** Fails when this machine's clock differs from the server's by more than five seconds, the way there and back aside. */
export const checkClock = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const before = yield* Clock.currentTimeMillis
  const rows = yield* sql.unsafe("SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now")
    .unprepared
  const after = yield* Clock.currentTimeMillis
  const [{ now }] = yield* Effect.orDie(Schema.decodeUnknownEffect(Now)(rows))
  const ahead = now < before ? before - now : now > after ? after - now : 0
  if (Math.abs(ahead) <= mostSkew) return
  return yield* new DatabaseError({
    message: `This machine's clock is ${Math.round(Math.abs(ahead) / 1000)} seconds ` +
      `${
        ahead > 0 ? "ahead of" : "behind"
      } PostgreSQL's: set both by NTP. Deadlines, reminders and signatures depend on it.`
  })
})
