/** Payments that nothing is heard of, and orders that nobody pays: what their keeper looks for. */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { openFlows } from "../../../rpc/CompleteFlow.ts"
import * as Rows from "../Rows.ts"
import { openStatuses } from "./PaymentDecisions.ts"
import { idsOf } from "./PaymentRow.ts"

const TicketIdRow = Schema.Struct({ ticket_id: Schema.Int })

/** Part of `PaymentStore`, which says what each answers. */
export const make = (sql: SqlClient.SqlClient) => {
  const due = (most: number) =>
    idsOf(sql`
      UPDATE payments SET checked_at = now() WHERE payment_id IN (
        SELECT payment_id FROM payments
        WHERE status IN ('pending', 'failed', 'disputed') AND gateway_ref IS NOT NULL
          AND created_at > now() - interval '120 days'
          AND greatest(updated_at, checked_at) < now() - least(interval '6 hours',
            greatest(interval '10 minutes', (now() - created_at) / 8))
        ORDER BY created_at LIMIT ${most}::int FOR UPDATE SKIP LOCKED)
      RETURNING payment_id`)

  const mayCheck = (paymentId: string) =>
    Effect.map(
      idsOf(sql`
        UPDATE payments SET checked_at = now()
        WHERE payment_id = ${paymentId} AND (checked_at IS NULL OR checked_at < now() - interval '5 seconds')
        RETURNING payment_id`),
      (ids) => ids.length === 1
    )

  const abandoned = (seconds: number, most: number) =>
    idsOf(sql`
      SELECT p.payment_id FROM payments p JOIN flows f USING (flow_id)
      WHERE p.status = ANY(${openStatuses}::text[]) AND f.status <> ALL(${openFlows}::text[])
        AND p.created_at < now() - make_interval(secs => ${seconds}::int)
      ORDER BY p.created_at LIMIT ${most}::int`)

  const expire = (seconds: number) =>
    Effect.map(
      Rows.all(TicketIdRow)(sql`
        UPDATE tickets t SET status = 'voided', voided_at = now(), void_reason = 'the order was not paid in time'
        FROM payments p JOIN flows f USING (flow_id)
        WHERE t.flow_id = p.flow_id AND t.voided_at IS NULL AND t.payment_state = 'failed'
          AND p.status = 'canceled' AND f.status <> ALL(${openFlows}::text[])
          AND p.created_at < now() - make_interval(secs => ${seconds}::int)
        RETURNING t.ticket_id`),
      (voided) => voided.length
    )

  return { due, mayCheck, abandoned, expire }
}
