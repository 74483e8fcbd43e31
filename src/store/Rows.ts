/** Rows become values through a schema; a row that does not fit, like any SQL fault, is a defect. */
import { Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/** A `timestamptz` column. */
export const At = Schema.DateTimeUtcFromDate

/** A `timestamptz` column that may be null. */
export const AtOrNull = Schema.NullOr(At)

/**
 * Ids for a `bigint[]` parameter, as one text: the client takes an array of numbers by the size of each, and refuses one
 * with ids on both sides of 2^31.
 */
export const bigints = (ids: ReadonlyArray<number>): string => `{${ids.join(",")}}`

/** Ids as a row source `asked (id, position)`. */
export const asked = (sql: SqlClient) => (ids: ReadonlyArray<number>) =>
  sql`unnest(${bigints(ids)}::bigint[]) WITH ORDINALITY AS asked (id, position)`

/** Decodes every row. */
export const all = <S extends Schema.Codec<unknown, unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(schema))
  return <R>(statement: Effect.Effect<ReadonlyArray<unknown>, SqlError, R>) =>
    Effect.orDie(Effect.flatMap(statement, decode)) as Effect.Effect<ReadonlyArray<S["Type"]>, never, R>
}

/** Decodes the first row, if there is one. */
export const first = <S extends Schema.Codec<unknown, unknown>>(schema: S) => {
  const decode = all(schema)
  return <R>(statement: Effect.Effect<ReadonlyArray<unknown>, SqlError, R>) =>
    Effect.map(decode(statement), (rows) => Option.fromNullishOr(rows[0]))
}

/** Runs a statement for its effect. */
export const run = <A, R>(statement: Effect.Effect<A, SqlError, R>): Effect.Effect<void, never, R> =>
  Effect.asVoid(Effect.orDie(statement))
