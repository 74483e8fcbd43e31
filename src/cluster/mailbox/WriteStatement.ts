/**
 * Requests and final replies in one statement, however many there are of each. Its text depends on nothing but which of
 * the two there are, so that a connection prepares three at most.
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

export type Write =
  | { readonly kind: "request"; readonly row: RequestRow }
  | { readonly kind: "reply"; readonly row: FinalReplyRow }

/** What was written, by its id, and the requests that were there before under one of the keys. */
export interface Written {
  readonly found: "written" | "before"
  readonly id: string
  readonly message_id: string | null
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
    RETURNING id, message_id
  )`

const requestRows = `
  SELECT 'written' AS found, id::text AS id, message_id, NULL AS reply_id, NULL::int AS reply_kind,
    NULL AS reply_payload, NULL::int AS reply_sequence
  FROM inserted
  UNION ALL
  SELECT 'before', m.id::text, m.message_id, r.id::text, r.kind, r.payload, r.sequence
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
  SELECT 'written' AS found, id::text AS id, NULL AS message_id, NULL AS reply_id, NULL::int AS reply_kind,
    NULL AS reply_payload, NULL::int AS reply_sequence
  FROM replied`

const texts = {
  request: `WITH ${requestParts("$1")} ${requestRows}`,
  reply: `WITH ${replyParts("$1")} ${replyRows}`,
  both: `WITH ${requestParts("$1")}, ${replyParts("$2")} ${requestRows} UNION ALL ${replyRows}`
} as const

/** The statement that writes these, and its parameters. */
export const writeStatement = (
  writes: ReadonlyArray<Write>
): readonly [text: string, params: ReadonlyArray<string>] => {
  const rows = (kind: Write["kind"]) => writes.flatMap((write) => write.kind === kind ? [write.row] : [])
  const requests = rows("request")
  const replies = rows("reply")
  if (replies.length === 0) return [texts.request, [JSON.stringify(requests)]]
  if (requests.length === 0) return [texts.reply, [JSON.stringify(replies)]]
  return [texts.both, [JSON.stringify(requests), JSON.stringify(replies)]]
}
