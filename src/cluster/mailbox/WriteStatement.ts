/**
 * Requests, final replies and rows of the journal in one statement, however many there are of each. Its text depends on
 * nothing but which of the three there are, so that a connection prepares seven at most.
 *
 * The planner takes a recordset for a hundred rows and would hash a join with it over the whole table: `= ANY (ARRAY(…))`
 * and scalar subqueries keep to the indexes. Keys are inserted in their order, so that two batches never wait for each other.
 * Nothing that is there already fails the statement: it is not among what was `written`.
 */
import type { RequestRow } from "./MailboxRows.ts"

/** A final reply as it is inserted. */
export interface FinalReplyRow {
  readonly id: string
  readonly request_id: string
  readonly payload: string
}

/** How a step of a workflow ended, as it is inserted; the first row of a key stays. */
export interface JournalRow {
  /** `execution`, `epoch` and `key`, by which its writer knows it again. */
  readonly id: string
  /** The workflow's name and the id of its execution. */
  readonly execution: string
  readonly key: string
  /** Of the activation that writes it: a later one's in the database refuses it. */
  readonly epoch: number
  readonly exit: string
}

export type Write =
  | { readonly kind: "request"; readonly row: RequestRow }
  | { readonly kind: "reply"; readonly row: FinalReplyRow }
  | { readonly kind: "journal"; readonly row: JournalRow }

/** What was written, by its id, and the requests that were there before under one of the keys. */
export interface Written {
  readonly found: "written" | "before"
  readonly id: string
  readonly message_id: string | null
  /** Of a workflow's run: nothing was told to the workflow before it. */
  readonly is_first: boolean
  readonly reply_id: string | null
  readonly reply_kind: number | null
  readonly reply_payload: string | null
  readonly reply_sequence: number | null
}

const requestParts = (param: string) => `
  given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(${param}::text::json) AS r (id bigint, message_id varchar, shard_id varchar,
      entity_type varchar, entity_id varchar, tag varchar, payload text, headers text, trace_id varchar,
      span_id varchar, sampled boolean, deliver_at bigint)
  ),
  inserted AS (
    INSERT INTO cluster_messages (id, message_id, shard_id, entity_type, entity_id, kind, tag, payload, headers,
      trace_id, span_id, sampled, request_id, deliver_at)
    SELECT id, message_id, shard_id, entity_type, entity_id, 0, tag, payload, headers, trace_id, span_id, sampled,
      id, deliver_at
    FROM given ORDER BY message_id, id
    ON CONFLICT DO NOTHING
    RETURNING id, message_id, entity_type, entity_id, tag
  )`

const requestRows = `
  SELECT 'written' AS found, i.id::text AS id, i.message_id,
    CASE WHEN i.tag = 'run' AND i.entity_type LIKE 'Workflow/%' THEN (
      SELECT 1 FROM cluster_messages d
      WHERE d.entity_id = i.entity_id AND d.entity_type = i.entity_type AND d.tag = 'deferred' LIMIT 1
    ) IS NULL ELSE FALSE END AS is_first,
    NULL AS reply_id, NULL::int AS reply_kind, NULL AS reply_payload, NULL::int AS reply_sequence
  FROM inserted i
  UNION ALL
  SELECT 'before', m.id::text, m.message_id, FALSE, r.id::text, r.kind, r.payload, r.sequence
  FROM cluster_messages m LEFT JOIN cluster_replies r ON r.id = m.last_reply_id
  WHERE m.message_id = ANY (ARRAY(SELECT message_id FROM given WHERE message_id IS NOT NULL))`

const replyParts = (param: string) => `
  replied AS (
    INSERT INTO cluster_replies (id, kind, request_id, payload)
    SELECT id, 0, request_id, payload
    FROM json_to_recordset(${param}::text::json) AS r (id bigint, request_id bigint, payload text)
    ORDER BY request_id
    ON CONFLICT DO NOTHING
    RETURNING id, request_id
  ),
  processed AS (
    UPDATE cluster_messages m
    SET processed = TRUE, last_reply_id = (SELECT r.id FROM replied r WHERE r.request_id = m.request_id)
    WHERE m.request_id = ANY (ARRAY(SELECT request_id FROM replied))
  )`

const replyRows = `
  SELECT 'written' AS found, id::text AS id, NULL AS message_id, FALSE AS is_first, NULL AS reply_id,
    NULL::int AS reply_kind, NULL AS reply_payload, NULL::int AS reply_sequence
  FROM replied`

const journalParts = (param: string) => `
  journaled AS (
    INSERT INTO workflow_journal (execution, key, epoch, exit)
    SELECT execution, key, epoch, exit
    FROM json_to_recordset(${param}::text::json) AS r (execution text, key text, epoch int, exit text)
    WHERE r.epoch >= coalesce((SELECT e.epoch FROM workflow_epochs e WHERE e.execution = r.execution), 0)
    ORDER BY execution, key
    ON CONFLICT DO NOTHING
    RETURNING execution, epoch, key
  )`

const journalRows = `
  SELECT 'written' AS found, execution || '/' || epoch || '/' || key AS id, NULL AS message_id, FALSE AS is_first, NULL AS reply_id,
    NULL::int AS reply_kind, NULL AS reply_payload, NULL::int AS reply_sequence
  FROM journaled`

const kinds = ["request", "reply", "journal"] as const satisfies ReadonlyArray<Write["kind"]>

const parts: Readonly<Record<Write["kind"], (param: string) => string>> = {
  request: requestParts,
  reply: replyParts,
  journal: journalParts
}

const results: Readonly<Record<Write["kind"], string>> = {
  request: requestRows,
  reply: replyRows,
  journal: journalRows
}

const texts = new Map<string, string>()

const textOf = (present: ReadonlyArray<Write["kind"]>): string => {
  const name = present.join()
  const known = texts.get(name)
  if (known !== undefined) return known
  const text = `WITH ${present.map((kind, at) => parts[kind](`$${at + 1}`)).join(",")} ${
    present.map((kind) => results[kind]).join(" UNION ALL ")
  }`
  texts.set(name, text)
  return text
}

/** A row of the journal as it is written. */
export const journalRow = (row: Omit<JournalRow, "id">): JournalRow => ({
  id: `${row.execution}/${row.epoch}/${row.key}`,
  ...row
})

/** The statement that writes these, and its parameters. */
export const writeStatement = (
  writes: ReadonlyArray<Write>
): readonly [text: string, params: ReadonlyArray<string>] => {
  const rows = (kind: Write["kind"]) => writes.flatMap((write) => write.kind === kind ? [write.row] : [])
  const present = kinds.filter((kind) => writes.some((write) => write.kind === kind))
  return [textOf(present), present.map((kind) => JSON.stringify(rows(kind)))]
}
