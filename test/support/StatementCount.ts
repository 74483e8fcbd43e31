/** A database whose statements are counted on the wire: also BEGIN and COMMIT, which PostgreSQL's own counts leave out. */
import { PgClient } from "@effect/sql-pg"
import type { PGlite } from "@electric-sql/pglite"
import { Effect, Layer, type Scope } from "effect"
import type { Reactivity } from "effect/reactivity"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { connect } from "node:net"
import type { Duplex } from "node:stream"
import { PgliteStream } from "../../src/database/PgliteStream.ts"
import { SqlTypes } from "../../src/database/SqlTypes.ts"

/** How many statements were sent since it was made. */
export interface StatementCount {
  statements: number
}

/** Execute of the extended protocol, and Query of the simple one. */
const executes = new Set(["E", "Q"])

/** The client writes whole messages; the first of a connection has no type and begins with a zero byte. */
const executed = (chunk: Buffer): number => {
  if (chunk[0] === 0) return 0
  let count = 0
  for (let at = 0; at < chunk.length; at += 1 + chunk.readInt32BE(at + 1)) {
    if (executes.has(String.fromCharCode(chunk[at]!))) count++
  }
  return count
}

const counted = <S extends Duplex>(stream: S, count: StatementCount): S => {
  const write = stream.write.bind(stream) as (...args: Array<unknown>) => boolean
  stream.write = (chunk: unknown, ...rest: Array<unknown>) => {
    count.statements += executed(Buffer.from(chunk as Uint8Array))
    return write(chunk, ...rest)
  }
  return stream
}

const session = { types: SqlTypes, ssl: false, startupParameters: { timezone: "UTC" } } as const

/** A pool on the database at this URL, without a password. */
export const layerPostgres = (
  url: string,
  count: StatementCount
): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, SqlError> => {
  const { hostname, pathname, port, username } = new URL(url)
  return PgClient.layerFrom(PgClient.make({
    ...session,
    username,
    database: pathname.slice(1),
    maxConnections: 10,
    stream: () => counted(connect({ host: hostname, port: Number(port), noDelay: true }), count)
  }))
}

const client = (
  database: PGlite,
  count: StatementCount
): Effect.Effect<PgClient.PgClient, SqlError, Scope.Scope | Reactivity.Reactivity> =>
  PgClient.makeClient({
    ...session,
    username: "postgres",
    database: "postgres",
    stream: () => counted(new PgliteStream(database), count)
  }).pipe(Effect.map((made) => Object.assign(made, { driver: "pglite" })))

/** The one client of an open PGlite. */
export const layerEmbedded = (
  database: PGlite,
  count: StatementCount
): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, SqlError> =>
  PgClient.layerFrom(client(database, count))
