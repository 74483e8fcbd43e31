/** Our keys of events that organisers made over HTTP, for tests that look into tables. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { EventId } from "../../rpc/values/Ids.ts"

/** The key of an organiser's event number. */
export const keyOf = Effect.fnUntraced(function* (number: number, owner = "alice") {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* Effect.orDie(sql<{ key: number }>`
    SELECT event_id AS key FROM event_numbers WHERE number = ${number}::bigint AND owner = ${owner}`)
  if (row === undefined) return yield* Effect.die(`${owner} has no event ${number}`)
  return row.key satisfies EventId
})

/** Gives events numbers before anything refers to them, as a request does: the key is the number. */
export const numbered = Effect.fnUntraced(function* (owner: string, ...numbers: ReadonlyArray<number>) {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.orDie(sql`
    INSERT INTO event_numbers (event_id, owner, number) SELECT id, ${owner}, id
    FROM unnest(${`{${numbers.join(",")}}`}::bigint[]) AS asked (id) ON CONFLICT DO NOTHING`)
})
