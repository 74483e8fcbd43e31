/** Whose payment a ticket waits for, and which payments are for nothing. */
import type { SqlClient, Statement } from "effect/sql"
import { openFlows } from "../../../rpc/CompleteFlow.ts"
import { paymentStatuses } from "../../../rpc/Payment.ts"
import { holders } from "../Places.ts"
import { openStatuses, paymentStates } from "./PaymentDecisions.ts"

type Sql = SqlClient.SqlClient

/** What each state of a payment means to the tickets that it is for. */
const meanings = paymentStatuses.map((status) => ({ status, tickets: paymentStates[status].tickets }))

/** Why a ticket is void whose order was not paid in time: whoever pays it later paid for nothing. */
export const unpaid = "the order was not paid in time"

/** Of `tickets t`: nobody has paid it, and no running flow may still be paid for it. */
export const adoptable = (sql: Sql) =>
  sql`(t.payment_state IN ('failed', 'refunded') OR t.payment_state = 'pending' AND NOT EXISTS (
        SELECT 1 FROM flows f WHERE f.flow_id = t.flow_id AND f.status = ANY(${openFlows}::text[])))`

/**
 * The guests' live tickets that are adoptable become those of the flow that was paid, unless it failed. A part of a
 * statement that has a row in `deciding (status)`, the payment's.
 */
const take = (sql: Sql, flowId: string) =>
  sql`
    UPDATE tickets t SET flow_id = own.flow_id, payment_state = ${paymentStates.settled.tickets}
    FROM flows own, deciding
    WHERE deciding.status = 'settled' AND own.flow_id = ${flowId} AND own.status <> 'failed'
      AND t.event_id = own.event_id AND t.flow_id IS DISTINCT FROM own.flow_id AND t.voided_at IS NULL
      AND t.guest_id IN (
        SELECT (guest ->> 'guest_id')::bigint FROM jsonb_array_elements(own.request -> 'guests') AS guest)
      AND ${adoptable(sql)}`

/**
 * CTEs that give a flow's tickets the state of its payment, whose status `deciding` reads, and it those that it pays for.
 */
export const marking = (sql: Sql, flowId: string, deciding: Statement.Fragment) =>
  sql`deciding AS (${deciding}), taken AS (${take(sql, flowId)}), marked AS (
    UPDATE tickets SET payment_state = means.tickets
    FROM deciding JOIN jsonb_to_recordset(${
    JSON.stringify(meanings)
  }::jsonb) AS means (status text, tickets text)
      USING (status)
    WHERE flow_id = ${flowId} AND payment_state NOT IN ('free', means.tickets))`

/**
 * The same by the payment as it stands. Its row is written anew: whoever has read it to decide it finds that it is another,
 * and looks again, with the tickets that are there by now.
 */
export const markingAsItStands = (sql: Sql, flowId: string) =>
  marking(
    sql,
    flowId,
    sql`UPDATE payments SET updated_at = updated_at WHERE flow_id = ${flowId} RETURNING status`
  )

/** A row where a flow's event has more holders of places than places, or a guest of it a live ticket of another flow. */
export const retaken = (sql: Sql, flowId: string) =>
  sql`
    SELECT 1 FROM flows own JOIN events e USING (event_id) WHERE own.flow_id = ${flowId} AND (
      (SELECT count(*) FROM (${holders(sql)}) AS everyone) > e.max_attendees
      OR EXISTS (
        SELECT 1 FROM jsonb_array_elements(own.request -> 'guests') AS guest
        JOIN tickets t ON t.event_id = own.event_id AND t.guest_id = (guest ->> 'guest_id')::bigint
        WHERE t.voided_at IS NULL AND t.flow_id IS DISTINCT FROM own.flow_id))`

/**
 * The open payments of ended flows whose tickets are void or others' by now, where a guest is one of this flow's. A part of
 * a statement that makes the tickets of `adopted (ticket_id)` this flow's.
 */
export const forsaken = (sql: Sql, flowId: string) =>
  sql`
    SELECT p.payment_id FROM flows own
    JOIN flows f ON f.event_id = own.event_id AND f.flow_id <> own.flow_id
      AND f.status <> ALL(${openFlows}::text[])
    JOIN payments p ON p.flow_id = f.flow_id AND p.status = ANY(${openStatuses}::text[])
    WHERE own.flow_id = ${flowId}
      AND NOT EXISTS (
        SELECT 1 FROM tickets t WHERE t.flow_id = f.flow_id AND t.voided_at IS NULL
          AND t.ticket_id NOT IN (SELECT ticket_id FROM adopted))
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
    WHERE f.flow_id = ${flowId} AND p.status = 'settled' AND f.status <> ALL(${openFlows}::text[])
      AND (f.status = 'failed' AND f.request -> 'orchestration_options' ->> 'error_handling' = 'stop_on_error'
        OR NOT EXISTS (
          SELECT 1 FROM tickets t
          WHERE t.flow_id = f.flow_id
            AND (t.voided_at IS NULL OR t.voided_at > p.settled_at AND t.void_reason IS DISTINCT FROM ${unpaid})))`

/** Shows the step of a settled payment as paid that was told as failed, of a flow that is over; `result` is JSON. */
export const showingPaid = (sql: Sql, flowId: string, result: string) =>
  sql`
    UPDATE flow_steps SET status = 'completed', error = NULL, result = ${result}::jsonb
    WHERE flow_id = ${flowId} AND step = 'payment' AND status = 'failed'
      AND EXISTS (SELECT 1 FROM flows f WHERE f.flow_id = flow_steps.flow_id AND f.finished_at IS NOT NULL)
      AND EXISTS (SELECT 1 FROM payments p WHERE p.flow_id = flow_steps.flow_id AND p.status = 'settled')`

/**
 * What a flow is told of its settled payment: it is to be refunded (`unearned`), or else its step shows it; and whether its
 * step of notifications is still to begin (`speaks`).
 */
export const settled = (sql: Sql, flowId: string, result: string) =>
  sql`
    WITH back AS (${unearned(sql, flowId)}), shown AS (
      ${showingPaid(sql, flowId, result)} AND NOT EXISTS (SELECT 1 FROM back))
    SELECT (SELECT payment_id FROM back) AS unearned, EXISTS (
      SELECT 1 FROM flow_steps WHERE flow_id = ${flowId} AND step = 'notifications' AND status = 'pending') AS speaks`
