/**
 * Takes what names a person out of rows that are kept for their own sake: the feeds and steps of flows, webhooks and
 * answers that may be asked for again, mailboxes, what devices and organisers noted, why something failed. The rest of
 * the row stays.
 */
import { Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import * as Rows from "../Rows.ts"

/** A text that names the person, and what takes its place. */
export interface Known {
  readonly text: string
  readonly instead: string
}

/** What a column holds: JSON, stored as `jsonb` or as `text`, or a sentence. */
type Content = "jsonb" | "json text" | "sentence"

/**
 * Where people and other systems write freely, in rows whose work is done. A refund that the provider has not taken is asked
 * for again in the same words: other words under its key would be refused.
 */
export const knownColumns: ReadonlyArray<
  readonly [table: string, column: string, content: Content, done: string]
> = [
  ["feed_events", "data", "jsonb", "true"],
  ["flow_steps", "result", "jsonb", "true"],
  ["flow_steps", "error", "jsonb", "true"],
  ["flows", "error", "jsonb", "true"],
  ["notification_sequences", "config", "jsonb", "status <> 'running'"],
  ["notifications", "reason", "sentence", "true"],
  ["notification_attempts", "reason", "sentence", "true"],
  ["webhook_deliveries", "body", "jsonb", "answer IS NOT NULL"],
  ["webhook_deliveries", "headers", "jsonb", "answer IS NOT NULL"],
  ["webhook_deliveries", "answer", "jsonb", "true"],
  ["scans", "context", "jsonb", "true"],
  ["scans", "detail", "jsonb", "true"],
  ["scans", "ticket_code", "sentence", "true"],
  ["scans", "annul_reason", "sentence", "true"],
  ["payments", "metadata", "jsonb", "true"],
  ["payments", "payment_method", "jsonb", "true"],
  ["tickets", "void_reason", "sentence", "true"],
  ["tickets", "generation", "jsonb", "true"],
  ["ticket_job_items", "reason", "sentence", "true"],
  ["ticket_jobs", "error", "sentence", "true"],
  ["refunds", "reason", "sentence", "status <> 'requested'"],
  ["refunds", "failure", "sentence", "true"],
  ["event_cancellations", "reason", "sentence", "true"],
  ["suppressions", "detail", "sentence", "true"],
  ["ticket_queue", "last_failure", "sentence", "true"],
  ["guichet_queue", "last_failure", "sentence", "true"],
  ["cluster_messages", "payload", "json text", "processed"],
  ["cluster_replies", "payload", "json text", "true"],
  ["workflow_journal", "exit", "json text", "true"]
]

/** An address, a number or a name of several words means the person inside of a sentence too; one word may be any word. */
const isTelling = ({ text }: Known): boolean => /[@\s]|^\+\d/.test(text)

const isOfAWord = (letter: string | undefined): boolean =>
  letter !== undefined && /[\p{L}\p{N}]/u.test(letter)

/** The text with another in its place, wherever it stands by itself. */
const replaced = (value: string, known: Known): string => {
  const { instead, text } = known
  if (value === text) return instead
  if (!isTelling(known)) return value
  const pieces: Array<string> = []
  let from = 0
  for (let at = value.indexOf(text); at >= 0; at = value.indexOf(text, at + text.length)) {
    if (isOfAWord(value[at - 1]) || isOfAWord(value[at + text.length])) continue
    pieces.push(value.slice(from, at), instead)
    from = at + text.length
  }
  return pieces.join("") + value.slice(from)
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const inJson = (value: unknown, change: (text: string) => string): unknown => {
  if (typeof value === "string") return change(value)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((item) => inJson(item, change))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [change(name), inJson(item, change)]))
}

/** What a column holds, with every known text replaced. */
export const withoutKnown = (content: Content, stored: string, known: ReadonlyArray<Known>): string => {
  const change = (text: string) => known.reduce(replaced, text)
  if (content === "sentence") return change(stored)
  return Option.match(parse(stored), {
    onNone: () => stored,
    onSome: (json) => JSON.stringify(inJson(json, change))
  })
}

const types = { jsonb: "jsonb", "json text": "text", sentence: "text" } as const satisfies Record<
  Content,
  string
>

/** As it is written inside of a string of JSON. */
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1)

const pattern = (text: string): string => `%${text.replaceAll(/[\\%_]/g, (one) => `\\${one}`)}%`

const Stored = Schema.Struct({ place: Schema.String, stored: Schema.String })

/**
 * Replaces each text wherever it stands. Answers kept for repeats that hold one, or a word of it as a whole value as a
 * scan's `guest_first_name` is, are deleted: repeats are done anew.
 */
export const replaceKnown = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  known: ReadonlyArray<Known>
) {
  if (known.length === 0) return
  for (const [table, column, content, done] of knownColumns) {
    const exists = yield* Effect.orDie(sql`SELECT 1 WHERE to_regclass(${table}) IS NOT NULL`)
    if (exists.length === 0) continue
    const patterns = known.map(({ text }) => pattern(content === "sentence" ? text : escaped(text)))
    const rows = yield* Rows.all(Stored)(sql`
      SELECT ctid::text AS place, ${sql(column)}::text AS stored FROM ${sql(table)}
      WHERE ${sql(column)}::text LIKE ANY(${patterns}::text[]) AND ${sql.literal(done)} FOR UPDATE`)
    for (const { place, stored } of rows) {
      const changed = withoutKnown(content, stored, known)
      if (changed === stored) continue
      yield* Rows.run(sql`
        UPDATE ${sql(table)} SET ${sql(column)} = ${changed}::${sql.literal(types[content])}
        WHERE ctid = ${place}::tid`)
    }
  }
  const answered = known.flatMap((one) => [
    isTelling(one) ? escaped(one.text) : JSON.stringify(one.text),
    ...one.text.split(/\s+/u).map((word) => JSON.stringify(word))
  ])
  yield* Rows.run(sql`
    DELETE FROM idempotency_keys WHERE state = 'finished' AND EXISTS (
      SELECT FROM unnest(${answered}::text[]) AS known(value)
      WHERE position(convert_to(known.value, 'UTF8') IN body) > 0)`)
})
