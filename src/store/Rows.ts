/** Rows become values through a schema; a row that does not fit, like any SQL fault, is a defect. */
import { Effect, Option, Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"

/** A `timestamptz` column. */
export const At = Schema.DateTimeUtcFromDate

/** A `timestamptz` column that may be null. */
export const AtOrNull = Schema.NullOr(At)

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
