/**
 * Takes what names a person out of rows that are kept for their own sake: the feeds and steps of flows, webhooks and
 * answers that may be asked for again, mailboxes, what devices and organisers noted. A value in JSON becomes the
 * pseudonym's; the rest of the row stays.
 */
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import * as Rows from "./Rows.ts"

/** A text that names the person, and what takes its place. */
export interface Known {
  readonly text: string
  readonly instead: string
}

/** Columns of JSON, stored as `jsonb` or as `text`, of rows whose work is done. */
const columns: ReadonlyArray<readonly [table: string, column: string, type: "jsonb" | "text", done: string]> =
  [
    ["feed_events", "data", "jsonb", "true"],
    ["flow_steps", "result", "jsonb", "true"],
    ["flow_steps", "error", "jsonb", "true"],
    ["webhook_deliveries", "body", "jsonb", "answer IS NOT NULL"],
    ["webhook_deliveries", "headers", "jsonb", "answer IS NOT NULL"],
    ["scans", "context", "jsonb", "true"],
    ["payments", "metadata", "jsonb", "true"],
    ["cluster_messages", "payload", "text", "processed"],
    ["cluster_replies", "payload", "text", "true"]
  ]

/** Whole values of JSON: a name that is a common word is left alone inside of a sentence. */
const quoted = ({ instead, text }: Known): readonly [string, string] => [
  JSON.stringify(text),
  JSON.stringify(instead)
]

const pattern = (text: string): string => `%${text.replaceAll(/[\\%_]/g, (one) => `\\${one}`)}%`

/** Replaces each text wherever it is a value; answers kept for repeats that hold one are deleted, repeats are done anew. */
export const replaceKnown = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  known: ReadonlyArray<Known>
) {
  if (known.length === 0) return
  const pairs = known.map(quoted)
  const patterns = pairs.map(([text]) => pattern(text))
  for (const [table, column, type, done] of columns) {
    const exists = yield* Effect.orDie(sql`SELECT 1 WHERE to_regclass(${table}) IS NOT NULL`)
    if (exists.length === 0) continue
    const replaced = pairs.reduce(
      (inner, [text, instead]) => sql`replace(${inner}, ${text}::text, ${instead}::text)`,
      sql`${sql(column)}::text`
    )
    yield* Rows.run(sql`
      UPDATE ${sql(table)} SET ${sql(column)} = ${replaced}::${sql.literal(type)}
      WHERE ${sql(column)}::text LIKE ANY(${patterns}::text[]) AND ${sql.literal(done)}`)
  }
  yield* Rows.run(sql`
    DELETE FROM idempotency_keys WHERE lease_until < now() AND EXISTS (
      SELECT FROM unnest(${pairs.map(([text]) => text)}::text[]) AS known(value)
      WHERE position(convert_to(known.value, 'UTF8') IN body) > 0)`)
})
