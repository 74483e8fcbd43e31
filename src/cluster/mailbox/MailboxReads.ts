/** What is read of the mailboxes. Each statement is one constant text, so that a connection prepares it once. */

/**
 * Messages that wait: of these shards, due at this time, not among those that were given already, of these entities or of
 * all (null). A stream whose last chunk is not acknowledged waits for that. `rowid + 0` keeps the planner from walking the
 * whole table in its order.
 */
export const unprocessed = `
  SELECT m.id::text AS id, m.request_id::text AS request_id, m.shard_id, m.entity_type, m.entity_id, m.kind, m.tag,
    m.payload, m.headers, m.trace_id, m.span_id, m.sampled, m.reply_id::text AS reply_id,
    r.id::text AS chunk_id, r.sequence AS chunk_sequence, r.payload AS chunk_payload
  FROM cluster_messages m LEFT JOIN cluster_replies r ON r.id = m.last_reply_id
  WHERE m.shard_id = ANY ($1::text[]) AND m.processed = FALSE
    AND (m.deliver_at IS NULL OR m.deliver_at <= $2::text::bigint)
    AND NOT EXISTS (SELECT 1 FROM unnest($3::text::bigint[]) AS given (id) WHERE given.id = m.id)
    AND ($4::text[] IS NULL OR m.shard_id || '/' || m.entity_type || '/' || m.entity_id = ANY ($4::text[]))
    AND NOT EXISTS (
      SELECT 1 FROM cluster_replies WHERE request_id = m.request_id AND (kind = 0 OR acked = FALSE)
    )
  ORDER BY m.rowid + 0
  LIMIT $5::int`

/** Final replies, and chunks that were not acknowledged. */
export const replies = `
  SELECT id::text AS id, request_id::text AS request_id, kind, payload, sequence FROM cluster_replies
  WHERE request_id = ANY ($1::text::bigint[]) AND (kind = 0 OR kind IS NULL AND acked = FALSE)
  ORDER BY rowid`

/** All replies. */
export const everyReply = `
  SELECT id::text AS id, request_id::text AS request_id, kind, payload, sequence FROM cluster_replies
  WHERE request_id = ANY ($1::text::bigint[])
  ORDER BY rowid`

/** Makes a request unanswered again, whatever its reply. */
export const clear = `
  WITH replies AS (DELETE FROM cluster_replies WHERE request_id = $1::text::bigint AND kind = 0),
  interrupts AS (DELETE FROM cluster_messages WHERE request_id = $1::text::bigint AND kind = 2)
  UPDATE cluster_messages SET processed = FALSE, last_reply_id = NULL, last_read = NULL
  WHERE request_id = $1::text::bigint AND kind <> 2`

/** The same while this reply is still its latest one: of two who resume a workflow one does. */
export const clearExpected = `
  WITH latest AS MATERIALIZED (
    SELECT id FROM cluster_messages WHERE id = $1::text::bigint AND last_reply_id = $2::text::bigint FOR UPDATE
  ),
  replies AS (DELETE FROM cluster_replies WHERE request_id = (SELECT id FROM latest) AND kind = 0)
  UPDATE cluster_messages SET processed = FALSE, last_reply_id = NULL, last_read = NULL
  WHERE request_id = (SELECT id FROM latest) AND last_reply_id = $2::text::bigint`

/** Ids for a `bigint[]` parameter, as one text. */
export const idList = (ids: Iterable<unknown>): string => `{${[...ids].join(",")}}`
