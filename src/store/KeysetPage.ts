/** Lists in pages, newest first by `seq`: what is added meanwhile comes before the first page, so no row is skipped or doubled. */
import { Effect, type Schema } from "effect"
import type { SqlClient, Statement } from "effect/sql"
import * as Rows from "./Rows.ts"

/** Which page: so many of the rows before `before`; an undefined owner is everybody. */
export interface Request {
  readonly owner: string | undefined
  readonly before: number | undefined
  readonly limit: number
}

export interface Page<A> {
  readonly rows: ReadonlyArray<A>
  readonly more: boolean
}

/** A condition on a value that may not be asked for. */
export const when = <A>(value: A | undefined, condition: (value: A) => Statement.Fragment) =>
  value === undefined ? [] : [condition(value)]

/** Pages of a table that has an `owner` and a `seq`; a row must fit every filter. */
export const make = <S extends Schema.Codec<unknown, unknown>>(
  sql: SqlClient.SqlClient,
  table: string,
  columns: string,
  row: S
) =>
({ before, limit, owner }: Request, filters: ReadonlyArray<Statement.Fragment>) =>
  Effect.map(
    Rows.all(row)(sql`
        SELECT ${sql.literal(columns)} FROM ${sql(table)} WHERE ${
      sql.and([
        sql`true`,
        ...when(owner, (owner) => sql`owner = ${owner}`),
        ...when(before, (before) => sql`seq < ${before}::bigint`),
        ...filters
      ])
    }
        ORDER BY seq DESC LIMIT ${limit + 1}::int`),
    (rows): Page<S["Type"]> => ({ rows: rows.slice(0, limit), more: rows.length > limit })
  )
