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

/** What each filter of a list demands of a row: one condition for every key of the list's query. */
export type Conditions<Filters> = {
  readonly [Name in keyof Filters]-?: (value: Exclude<Filters[Name], undefined>) => Statement.Fragment
}

/**
 * Reads a page of the rows that fit every filter that is given. What a query has beyond the filters of the list does not
 * compile: no condition would read it.
 */
export type Read<Filters, A> = <Asked extends Filters>(
  request: Request,
  filters: Asked & { readonly [Unread in Exclude<keyof Asked, keyof Filters>]: never }
) => Effect.Effect<Page<A>>

const conditionsOf = <Filters>(conditions: Conditions<Filters>, filters: Filters) => {
  const names: ReadonlyArray<keyof Filters> = Object.keys(conditions) as Array<keyof Filters & string>
  return names.flatMap((name) => {
    const value = filters[name] as Exclude<Filters[typeof name], undefined> | undefined
    return value === undefined ? [] : [conditions[name](value)]
  })
}

/** Pages of a table that has an `owner` and a `seq`. */
export const make = <S extends Schema.Codec<unknown, unknown>, Filters>(
  sql: SqlClient.SqlClient,
  table: string,
  columns: string,
  row: S,
  conditions: Conditions<Filters>
): Read<Filters, S["Type"]> =>
({ before, limit, owner }, filters) =>
  Effect.map(
    Rows.all(row)(sql`
        SELECT ${sql.literal(columns)} FROM ${sql(table)} WHERE ${
      sql.and([
        sql`true`,
        ...(owner === undefined ? [] : [sql`owner = ${owner}`]),
        ...(before === undefined ? [] : [sql`seq < ${before}::bigint`]),
        ...conditionsOf(conditions, filters)
      ])
    }
        ORDER BY seq DESC LIMIT ${limit + 1}::int`),
    (rows): Page<S["Type"]> => ({ rows: rows.slice(0, limit), more: rows.length > limit })
  )
