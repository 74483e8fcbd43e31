/** Whether a PostgreSQL server can be what Guichet stands on: said at the start, in a sentence, and by `guichet doctor`. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlConnection } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { DatabaseError } from "./DatabaseError.ts"

type Connection = SqlConnection.Connection

const ask = (connection: Connection, statement: string) =>
  Effect.map(
    connection.executeUnprepared(statement, [], undefined),
    ([row]) => (row as Record<string, unknown> | undefined)?.["answer"]
  )

/** A pooler may give two clients different servers once, by luck. */
const rounds = 5

const pooled = new DatabaseError({
  message:
    "DATABASE_URL leads to a pooler in transaction mode: Guichet holds locks on sessions. Use session mode, " +
    "or name the server itself."
})

/**
 * Fails unless a connection is one session: a lock that the first holds is not given to the second, and the first stays
 * the session it was.
 */
export const checkSessions = Effect.fn("ServerChecks.checkSessions")(
  function* (a: Connection, b: Connection) {
    const key = Math.floor(Math.random() * 2 ** 31)
    for (let nth = 0; nth < rounds; nth++) {
      const before = yield* ask(a, "SELECT pg_backend_pid()::text AS answer")
      yield* ask(a, `SELECT pg_advisory_lock(${key + nth})`)
      const taken = yield* ask(b, `SELECT pg_try_advisory_lock(${key + nth})::text AS answer`)
      const after = yield* ask(a, "SELECT pg_backend_pid()::text AS answer")
      yield* ask(a, `SELECT pg_advisory_unlock(${key + nth})`)
      if (taken !== "false" || before !== after) return yield* pooled
    }
  }
)

/** What can be said of the session that a client is given, each a reason not to start. */
const refusals: ReadonlyArray<readonly [when: string, message: string]> = [
  [
    "pg_is_in_recovery()",
    "PostgreSQL at DATABASE_URL is a standby, which takes no writes: name the primary, or promote it."
  ],
  [
    "current_setting('default_transaction_read_only')::boolean",
    "PostgreSQL at DATABASE_URL is read-only: default_transaction_read_only is on for this server, database or role."
  ],
  [
    "current_schema() IS NULL",
    "No schema of the search_path exists at DATABASE_URL: create one, or correct the role's search_path."
  ],
  [
    "NOT (has_schema_privilege(current_schema(), 'CREATE') AND has_schema_privilege(current_schema(), 'USAGE'))",
    "The role of DATABASE_URL may not create tables in its schema: GRANT CREATE, USAGE ON SCHEMA to it."
  ]
]

const asked = refusals.map(([when], at) => `WHEN ${when} THEN '${at}'`).join(" ")

/** The faults of a first statement that only a pooler makes: a protocol that is broken, statements lost or shared. */
const poolerCodes = new Set(["08P01", "26000", "42P05"])

const isPoolers = ({ reason }: SqlError): boolean =>
  reason.cause instanceof Error && "code" in reason.cause && poolerCodes.has(String(reason.cause.code))

/** Everything that a server is asked at the start, on two connections of the pool. */
export const checkServer: Effect.Effect<void, DatabaseError | SqlError, SqlClient.SqlClient> = Effect.scoped(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [a, b] = [yield* sql.reserve, yield* sql.reserve]
    const refusal = refusals[Number((yield* ask(a, `SELECT CASE ${asked} END AS answer`)) ?? NaN)]
    if (refusal !== undefined) return yield* new DatabaseError({ message: refusal[1] })
    yield* checkSessions(a, b)
  })
).pipe(
  Effect.catchTag(
    "SqlError",
    (error): Effect.Effect<never, DatabaseError | SqlError> => Effect.fail(isPoolers(error) ? pooled : error)
  )
)
