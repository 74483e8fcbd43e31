/**
 * Transactions of durable handlers: their answer is stored for good, so a fault that passes must not become
 * one.
 */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { isTransient } from "../database/TransientFault.ts"
import { patience } from "../durable/Retry.ts"
import { isSqlError, type SqlError } from "effect/sql/SqlError"

/** A fault of SQL or of what it answered, and no error of the domain. */
export const isFault = (error: unknown): error is SqlError | Schema.SchemaError =>
  isSqlError(error) || Schema.isSchemaError(error)

/**
 * Tries again, with the patience of durable work, what a lost connection, a deadlock or a serialization failure broke; the
 * domain's errors pass, every other SQL or decoding fault is a defect. A transaction whose connection died dies too, when it
 * rolls back: such a defect counts as the fault it carries. For statements that may be repeated.
 */
export const patiently = <A, E, R>(
  body: Effect.Effect<A, E | SqlError | Schema.SchemaError, R>
): Effect.Effect<A, Exclude<E, SqlError | Schema.SchemaError>, R> =>
  body.pipe(
    Effect.catchDefect((defect) => isSqlError(defect) ? Effect.fail(defect) : Effect.die(defect)),
    Effect.retry({ schedule: patience, while: isTransient }),
    Effect.catchIf(isFault, (fault) => Effect.die(fault))
  ) as Effect.Effect<A, Exclude<E, SqlError | Schema.SchemaError>, R>

/** Runs `body` in one transaction, patiently; the domain's errors roll back. */
export const durably = <A, E, R>(
  sql: SqlClient.SqlClient,
  body: Effect.Effect<A, E | SqlError | Schema.SchemaError, R>
): Effect.Effect<A, Exclude<E, SqlError | Schema.SchemaError>, R> => patiently(sql.withTransaction(body))
