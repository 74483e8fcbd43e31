/**
 * Who holds a place of an event: whoever has a ticket that may still open a gate, and whoever a flow is registering. A
 * ticket that was voided or refunded, or whose payment was called off, holds none, and neither does somebody whose flow
 * ended without one.
 */
import type { SqlClient } from "effect/sql"
import { openFlows } from "../../rpc/CompleteFlow.ts"

/** The guests of `events e` that hold a place. */
export const holders = (sql: SqlClient.SqlClient) =>
  sql`
    SELECT t.guest_id FROM tickets t
    WHERE t.event_id = e.event_id AND t.voided_at IS NULL AND (t.payment_state NOT IN ('refunded', 'failed')
      OR t.payment_state = 'failed' AND EXISTS (
        SELECT 1 FROM payments p WHERE p.flow_id = t.flow_id AND p.status = 'failed'))
    UNION
    SELECT g.guest_id FROM guests g LEFT JOIN flows f ON f.flow_id = g.flow_id
    WHERE g.event_id = e.event_id AND (f.status = ANY(${openFlows}::text[])
      OR f.flow_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM tickets t WHERE t.event_id = g.event_id AND t.guest_id = g.guest_id))`
