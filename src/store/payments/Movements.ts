/** Each refund and each dispute that is heard of by name, as a row of its own beside its payment; the events decide. */
import { DateTime, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import { createHash } from "node:crypto"
import type { DisputeStatus, RefundProgress } from "../../../rpc/payments/PaymentWebhook.ts"
import { type Standing } from "./PaymentDecisions.ts"
import type { PastEvent, PaymentRow } from "./PaymentRow.ts"

/** Whatever is said of a refund or a dispute, the furthest word counts, in whichever order they come. */
const ranks: Readonly<Record<RefundProgress, number>> = { pending: 0, succeeded: 1, failed: 2 }

export interface HeardRefund {
  readonly id: string
  readonly name: string | null
  readonly amount: number
  readonly status: RefundProgress
}

/** The refunds that events speak of one by one. */
export const refundsHeard = (events: ReadonlyArray<PastEvent>): ReadonlyArray<HeardRefund> => {
  const heard = new Map<string, HeardRefund>()
  for (const { event_type, facts } of events) {
    if (facts?.refund === undefined) continue
    const { amount, id, name, status } = facts.refund
    const said: RefundProgress = event_type === "payment.refund_failed" ? "failed" : status ?? "pending"
    const known = heard.get(id)
    const further = known === undefined || ranks[said] > ranks[known.status] ? said : known.status
    heard.set(id, { id, name: name ?? known?.name ?? null, amount, status: further })
  }
  return [...heard.values()]
}

/** What a refund is called that was made at the gateway itself. */
const idOf = (paymentId: string, gatewayRef: string): string =>
  `refund_${createHash("sha256").update(`${paymentId} ${gatewayRef}`).digest("hex").slice(0, 24)}`

/** Why, where somebody made it at the gateway. */
const elsewhere = "made at the payment provider"

/**
 * Of a payment all of which went back: what was refused since another refund had given it back is done, as far as it fits
 * into what went back beside the other refunds.
 */
const settleRefused = (sql: SqlClient.SqlClient, paymentId: string) =>
  sql`
    UPDATE refunds r SET status = 'succeeded', failure = NULL, asked_at = coalesce(r.asked_at, now()), updated_at = now()
    FROM (
      SELECT o.refund_id, sum(o.amount) OVER (ORDER BY o.seq) AS running, p.amount_refunded - coalesce((
        SELECT sum(h.amount) FROM refunds h
        WHERE h.payment_id = p.payment_id AND h.status IN ('requested', 'pending', 'succeeded')), 0) AS unexplained
      FROM refunds o JOIN payments p USING (payment_id)
      WHERE o.payment_id = ${paymentId} AND o.status = 'refused') done
    WHERE r.refund_id = done.refund_id AND r.status = 'refused' AND done.running <= done.unexplained`

/** Part of `PaymentEvents`, in whose transaction each runs, under the payment's lock. */
export const make = (sql: SqlClient.SqlClient) => {
  /** One that we asked for has its row already, and learns the gateway's name; any other is entered. */
  const keepRefunds = Effect.fnUntraced(function* (
    payment: PaymentRow,
    events: ReadonlyArray<PastEvent>
  ) {
    const heard = refundsHeard(events).map((refund) => ({
      ...refund,
      refund_id: idOf(payment.payment_id, refund.id)
    }))
    if (heard.length > 0) {
      yield* sql`
        WITH heard AS (
          SELECT * FROM jsonb_to_recordset(${JSON.stringify(heard)}::jsonb) AS h(
            refund_id text, id text, name text, amount bigint, status text)
        ), known AS (
          UPDATE refunds r SET status = heard.status, gateway_ref = heard.id, amount = heard.amount,
            asked_at = coalesce(r.asked_at, now()), updated_at = now()
          FROM heard WHERE r.payment_id = ${payment.payment_id}
            AND (r.gateway_ref = heard.id OR r.gateway_ref IS NULL AND r.name = heard.name)
          RETURNING heard.id
        )
        INSERT INTO refunds (refund_id, payment_id, name, gateway_ref, owner, event_id, amount, currency, reason,
          origin, status, asked_at)
        SELECT heard.refund_id, ${payment.payment_id}, heard.name, heard.id, ${payment.owner},
          ${payment.event_id}::bigint, heard.amount, ${payment.currency}, ${elsewhere}, 'provider', heard.status, now()
        FROM heard WHERE heard.id NOT IN (SELECT id FROM known) AND heard.amount > 0
        ON CONFLICT DO NOTHING`
    }
    // Where all has gone back, whatever was asked for is done: nobody has to say so of each.
    if (payment.status === "refunded") {
      yield* sql`
        UPDATE refunds SET status = 'succeeded', asked_at = coalesce(asked_at, now()), updated_at = now()
        WHERE payment_id = ${payment.payment_id} AND status IN ('requested', 'pending')`
      yield* settleRefused(sql, payment.payment_id)
    }
  })

  const keepDisputes = Effect.fnUntraced(function* (
    payment: PaymentRow,
    disputes: Standing["disputes"]
  ) {
    const named = disputes.flatMap(({ amount, at, id, status }) =>
      id === null
        ? []
        : [{ dispute_id: id, amount, status: status satisfies DisputeStatus, at: DateTime.formatIso(at) }]
    )
    if (named.length === 0) return
    yield* sql`
      INSERT INTO disputes (payment_id, dispute_id, owner, event_id, amount, currency, status, opened_at)
      SELECT ${payment.payment_id}, d.dispute_id, ${payment.owner}, ${payment.event_id}::bigint, d.amount,
        ${payment.currency}, d.status, d.at
      FROM jsonb_to_recordset(${JSON.stringify(named)}::jsonb) AS d(
        dispute_id text, amount bigint, status text, at timestamptz)
      ON CONFLICT (payment_id, dispute_id) DO UPDATE SET amount = excluded.amount, status = excluded.status,
        opened_at = least(disputes.opened_at, excluded.opened_at), updated_at = now()
      WHERE (disputes.status, disputes.amount) IS DISTINCT FROM (excluded.status, excluded.amount)`
  })

  return { keepRefunds, keepDisputes }
}
