/** Work that is asked for by its body alone: what a body names is the last work of it, or the next when that is over. */
import { Effect, Option, Schema } from "effect"
import type { SqlClient, Statement } from "effect/sql"
import * as Rows from "./Rows.ts"

const Nth = Schema.Struct({ nth: Schema.Int })

/** Where work is kept, and which of it is over for whoever asks for it again: a condition on its row. */
export interface Kept {
  readonly table: string
  readonly id: string
  readonly over: Statement.Fragment
}

/**
 * The id of the work that a body is for, given the id of its first: that, then `…-2`, `…-3` and so on. Two repeats at once
 * name the same next work, and storing an id twice stores it once; so does a repeat after a crash.
 */
export const make = (sql: SqlClient.SqlClient, { id, over, table }: Kept) => (first: string) =>
  Rows.first(Nth)(sql`
    WITH RECURSIVE asked AS (
      SELECT 1 AS nth, ${over} AS done FROM ${sql(table)} WHERE ${sql(id)} = ${first}
      UNION ALL
      SELECT asked.nth + 1, ${over} FROM asked JOIN ${sql(table)} ON ${
    sql(id)
  } = ${first}::text || '-' || (asked.nth + 1)
    )
    SELECT CASE WHEN done THEN nth + 1 ELSE nth END AS nth FROM asked ORDER BY asked.nth DESC LIMIT 1`).pipe(
    Effect.map(Option.match({ onNone: () => 1, onSome: ({ nth }) => nth })),
    Effect.map((nth) => nth === 1 ? first : `${first}-${nth}`)
  )
