/** Whose payment a ticket waits for, and which payments are for nothing. */
import type { SqlClient } from "effect/sql"
import { openStatuses } from "./PaymentDecisions.ts"

type Sql = SqlClient.SqlClient

/** Of `tickets t`: nobody has paid it, and no running flow may still be paid for it. */
export const adoptable = (sql: Sql) =>
  sql`(t.payment_state IN ('failed', 'refunded') OR t.payment_state = 'pending' AND NOT EXISTS (
        SELECT 1 FROM flows f WHERE f.flow_id = t.flow_id AND f.status IN ('accepted', 'running')))`

/** The guests' live tickets that are adoptable become those of the flow that was paid, unless it failed. */
export const take = (sql: Sql, flowId: string) =>
  sql`
    UPDATE tickets t SET flow_id = own.flow_id FROM flows own
    WHERE own.flow_id = ${flowId} AND own.status <> 'failed'
      AND t.event_id = own.event_id AND t.flow_id IS DISTINCT FROM own.flow_id AND t.voided_at IS NULL
      AND t.guest_id IN (
        SELECT (guest ->> 'guest_id')::bigint FROM jsonb_array_elements(own.request -> 'guests') AS guest)
      AND ${adoptable(sql)}`

/** The open payments of ended flows whose tickets are void or others' by now, where a guest is one of this flow's. */
export const forsaken = (sql: Sql, flowId: string) =>
  sql`
    SELECT p.payment_id FROM flows own
    JOIN flows f ON f.event_id = own.event_id AND f.flow_id <> own.flow_id
      AND f.status NOT IN ('accepted', 'running')
    JOIN payments p ON p.flow_id = f.flow_id AND p.status = ANY(${openStatuses}::text[])
    WHERE own.flow_id = ${flowId}
      AND NOT EXISTS (SELECT 1 FROM tickets t WHERE t.flow_id = f.flow_id AND t.voided_at IS NULL)
      AND EXISTS (
        SELECT 1 FROM jsonb_array_elements(f.request -> 'guests') AS his
        JOIN jsonb_array_elements(own.request -> 'guests') AS mine ON his -> 'guest_id' = mine -> 'guest_id')`

/**
 * The settled payment of a flow that is over and was stopped, or had no live ticket when it settled: what is voided
 * later was paid for.
 */
export const unearned = (sql: Sql, flowId: string) =>
  sql`
    SELECT p.payment_id FROM payments p JOIN flows f USING (flow_id)
    WHERE f.flow_id = ${flowId} AND p.status = 'settled' AND f.status NOT IN ('accepted', 'running')
      AND (f.status = 'failed' AND f.request -> 'orchestration_options' ->> 'error_handling' = 'stop_on_error'
        OR NOT EXISTS (
          SELECT 1 FROM tickets t
          WHERE t.flow_id = f.flow_id AND (t.voided_at IS NULL OR t.voided_at > p.settled_at)))`
