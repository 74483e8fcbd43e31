/** Payments and refunds that nothing is heard of, and orders that nobody pays: what their keeper looks for. */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { openFlows } from "../../../rpc/CompleteFlow.ts"
import * as Rows from "../Rows.ts"
import { unpaid } from "./PaymentClaims.ts"
import { openStatuses } from "./PaymentDecisions.ts"
import { idsOf } from "./PaymentRow.ts"

/** `opened`: the gateway has it. */
const AbandonedRow = Schema.Struct({ payment_id: Schema.String, opened: Schema.Boolean })

const TicketIdRow = Schema.Struct({ ticket_id: Schema.Int })

/** Part of `PaymentStore`, which says what each answers. */
export const make = (sql: SqlClient.SqlClient) => {
  /** What is older than any gateway decides is left alone. */
  const isRecent = (row: string) => sql.literal(`${row}.created_at > now() - interval '120 days'`)

  /** Nothing was heard or asked for a while: ten minutes at first, the longer the older it is, six hours at most. */
  const isQuiet = (row: string, last: string) =>
    sql.literal(
      `coalesce(${last}, '-infinity') < now() - least(interval '6 hours', greatest(interval '10 minutes', ` +
        `(now() - ${row}.created_at) / 8))`
    )

  /** Of a refund that the gateway took, and nothing was heard of since, its payment is asked about too. */
  const due = (most: number) =>
    idsOf(sql`
      UPDATE payments SET checked_at = now() WHERE payment_id IN (
        SELECT payment_id FROM payments
        WHERE status IN ('pending', 'failed', 'disputed') AND gateway_ref IS NOT NULL
          AND ${isRecent("payments")} AND ${isQuiet("payments", "greatest(updated_at, checked_at)")}
          OR payment_id IN (
            SELECT r.payment_id FROM refunds r WHERE r.status = 'pending' AND ${isRecent("r")}
              AND ${isQuiet("r", "greatest(r.updated_at, payments.checked_at)")})
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
    Rows.all(AbandonedRow)(sql`
      UPDATE payments p SET checked_at = now() FROM (
        SELECT o.payment_id FROM payments o JOIN flows f USING (flow_id)
        WHERE o.status = ANY(${openStatuses}::text[]) AND f.status <> ALL(${openFlows}::text[])
          AND o.created_at < now() - make_interval(secs => ${seconds}::int) AND ${isRecent("o")} AND ${
      isQuiet("o", "o.checked_at")
    }
        ORDER BY o.checked_at NULLS FIRST, o.created_at LIMIT ${most}::int FOR UPDATE OF o SKIP LOCKED) late
      WHERE p.payment_id = late.payment_id RETURNING p.payment_id, p.gateway_ref IS NOT NULL AS opened`)

  const expire = (seconds: number) =>
    Effect.map(
      Rows.all(TicketIdRow)(sql`
        UPDATE tickets t SET status = 'voided', voided_at = now(), void_reason = ${unpaid}
        FROM payments p JOIN flows f USING (flow_id)
        WHERE t.flow_id = p.flow_id AND t.voided_at IS NULL AND t.payment_state = 'failed'
          AND p.status = 'canceled' AND f.status <> ALL(${openFlows}::text[]) AND ${isRecent("p")}
          AND p.created_at < now() - make_interval(secs => ${seconds}::int)
        RETURNING t.ticket_id`),
      (voided) => voided.length
    )

  return { due, mayCheck, abandoned, expire }
}
