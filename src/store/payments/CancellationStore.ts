/**
 * Events that are called off: who is concerned is written down once, in bounded steps, and what became of each is read
 * where it stands anyway, in tickets, payments, refunds, documents and messages.
 */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { createHash } from "node:crypto"
import { openFlows } from "../../../rpc/CompleteFlow.ts"
import { CancellationView } from "../../../rpc/EventCancellation.ts"
import { RefundStatus } from "../../../rpc/payments/Refund.ts"
import { EventId } from "../../../rpc/values/Ids.ts"
import { numberOf } from "../EventNumbers.ts"
import { holders } from "../Places.ts"
import * as Rows from "../Rows.ts"
import { openStatuses } from "./PaymentDecisions.ts"
import { Cancellation, GuestRow, IdRow, LeftRow, PaymentIdRow, ViewRow } from "./CancellationRows.ts"

/** Why a ticket is void whose event does not take place: it was paid for. */
export const eventCalledOff = "the event was called off"

/** The template of the message to the guests, which names the message. */
export const calledOffTemplate = "event_cancelled"

/** The name of an event's cancellation, which names its messages and refunds; it shows nothing of our key. */
export const cancellationIdOf = (owner: string, eventId: EventId): string =>
  `cancellation_${createHash("sha256").update(`${owner}\n${eventId}`).digest("hex").slice(0, 20)}`

const columns = "event_id, cancellation_id, owner, reason, status"

/** The message to a guest of a cancellation, as the ledger names it. */
const messageOf = (cancellation: string, guest: string): string =>
  `${cancellation} || '.${calledOffTemplate}.' || ${guest} || '.email'`

const noRefunds = Object.fromEntries(RefundStatus.literals.map((status) => [status, 0])) as Record<
  RefundStatus,
  number
>

export class CancellationStore extends Context.Service<CancellationStore, {
  /** Calls the event off, once: it is canceled from then on. One that is called off already is answered as it is. */
  readonly begin: (
    cancellation: Omit<Cancellation, "status"> & { readonly askedBy: string }
  ) => Effect.Effect<Cancellation>
  readonly get: (eventId: EventId) => Effect.Effect<Option.Option<Cancellation>>
  /** Events whose calling off is not finished, the oldest first. */
  readonly running: (most: number) => Effect.Effect<ReadonlyArray<EventId>>
  /**
   * Writes down the next holders of places after a guest, in order, and whose tickets were void before they were written
   * down; the last of them, or null behind the last.
   */
  readonly gather: (eventId: EventId, after: number, most: number) => Effect.Effect<number | null>
  /** How many are written down. */
  readonly gathered: (eventId: EventId) => Effect.Effect<number>
  /** Voids so many live tickets of the event at most; how many it were. */
  readonly voidTickets: (eventId: EventId, most: number) => Effect.Effect<number>
  /** Payments of the event that something was received of, after one of them. */
  readonly paid: (eventId: EventId, after: string, most: number) => Effect.Effect<ReadonlyArray<string>>
  /** Payments of the event that may still be charged, after one of them. */
  readonly open: (eventId: EventId, after: string, most: number) => Effect.Effect<ReadonlyArray<string>>
  /** The next guests that are to be told, after one of them. */
  readonly guests: (eventId: EventId, after: number, most: number) => Effect.Effect<ReadonlyArray<number>>
  /**
   * How much still waits: live tickets, payments that may be charged or have not gone back, refunds without an end, credit
   * notes, flows that run. What failed or was refused is a person's.
   */
  readonly left: (eventId: EventId) => Effect.Effect<number>
  readonly finish: (eventId: EventId) => Effect.Effect<void>
  readonly view: (eventId: EventId) => Effect.Effect<Option.Option<CancellationView>>
  /** The report, guest by guest, after one of them. */
  readonly report: (
    eventId: EventId,
    after: number,
    most: number
  ) => Effect.Effect<{ readonly rows: ReadonlyArray<typeof GuestRow.Type>; readonly more: boolean }>
}>()("guichet/store/payments/CancellationStore") {
  static readonly layer: Layer.Layer<CancellationStore, never, SqlClient.SqlClient> = Layer.effect(
    CancellationStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const openOnes = sql`status = ANY(${openStatuses}::text[])`

      const get = (eventId: EventId) =>
        Rows.first(Cancellation)(sql`
          SELECT ${sql.literal(columns)} FROM event_cancellations WHERE event_id = ${eventId}::bigint`)

      const begin: CancellationStore["Service"]["begin"] = Effect.fn("CancellationStore.begin")(
        function* (asked) {
          yield* Rows.run(sql`
            WITH begun AS (
              INSERT INTO event_cancellations (event_id, cancellation_id, owner, reason, asked_by, status)
              VALUES (${asked.event_id}::bigint, ${asked.cancellation_id}, ${asked.owner}, ${asked.reason},
                ${asked.askedBy}, 'running')
              ON CONFLICT (event_id) DO NOTHING RETURNING event_id)
            UPDATE events e SET status = 'canceled', updated_at = now() FROM begun
            WHERE e.event_id = begun.event_id`)
          return yield* Effect.orDie(Effect.flatMap(get(asked.event_id), Effect.fromOption))
        }
      )

      const running = (most: number) =>
        Effect.map(
          Rows.all(Schema.Struct({ event_id: EventId }))(sql`
            SELECT event_id FROM event_cancellations WHERE status = 'running'
            ORDER BY created_at LIMIT ${most}::int`),
          (rows) => rows.map(({ event_id }) => event_id)
        )

      /** With the ticket that is about to be void and the payment of its order. */
      const gather = (eventId: EventId, after: number, most: number) =>
        Effect.map(
          Rows.all(IdRow)(sql`
            WITH next AS (
              SELECT c.guest_id FROM (
                SELECT h.guest_id FROM events e, LATERAL (${
            holders(sql)
          }) h WHERE e.event_id = ${eventId}::bigint
                UNION SELECT guest_id FROM tickets
                WHERE event_id = ${eventId}::bigint AND void_reason = ${eventCalledOff}) c
              WHERE c.guest_id > ${after}::bigint ORDER BY c.guest_id LIMIT ${most}::int
            ), noted AS (
              INSERT INTO canceled_guests (event_id, guest_id, ticket_id, payment_id)
              SELECT ${eventId}::bigint, next.guest_id, t.ticket_id, p.payment_id
              FROM next JOIN guests g ON g.event_id = ${eventId}::bigint AND g.guest_id = next.guest_id
              LEFT JOIN tickets t ON t.event_id = g.event_id AND t.guest_id = g.guest_id
                AND (t.voided_at IS NULL OR t.void_reason = ${eventCalledOff})
              LEFT JOIN payments p ON p.flow_id = coalesce(t.flow_id, g.flow_id)
              ON CONFLICT DO NOTHING
            )
            SELECT guest_id AS id FROM next ORDER BY guest_id`),
          (rows) => rows.length < most ? null : rows.at(-1)!.id
        )

      const gathered = (eventId: EventId) =>
        Effect.map(
          Rows.all(IdRow)(
            sql`SELECT count(*) AS id FROM canceled_guests WHERE event_id = ${eventId}::bigint`
          ),
          ([row]) => row?.id ?? 0
        )

      const voidTickets = (eventId: EventId, most: number) =>
        Effect.map(
          Rows.all(IdRow)(sql`
            UPDATE tickets SET status = 'voided', voided_at = now(), void_reason = ${eventCalledOff}
            WHERE ticket_id IN (
              SELECT ticket_id FROM tickets WHERE event_id = ${eventId}::bigint AND voided_at IS NULL
              ORDER BY guest_id LIMIT ${most}::int FOR UPDATE SKIP LOCKED)
            RETURNING ticket_id AS id`),
          (rows) => rows.length
        )

      const idsOf = Effect.map((rows: ReadonlyArray<typeof PaymentIdRow.Type>) =>
        rows.map(({ payment_id }) => payment_id)
      )

      const paid = (eventId: EventId, after: string, most: number) =>
        idsOf(
          Rows.all(PaymentIdRow)(sql`
          SELECT payment_id FROM payments WHERE event_id = ${eventId}::bigint AND payment_id > ${after}
            AND amount_received > amount_refunded + amount_disputed
          ORDER BY payment_id LIMIT ${most}::int`)
        )

      const open = (eventId: EventId, after: string, most: number) =>
        idsOf(
          Rows.all(PaymentIdRow)(sql`
          SELECT payment_id FROM payments WHERE event_id = ${eventId}::bigint AND payment_id > ${after} AND ${openOnes}
          ORDER BY payment_id LIMIT ${most}::int`)
        )

      const guests = (eventId: EventId, after: number, most: number) =>
        Effect.map(
          Rows.all(IdRow)(sql`
            SELECT guest_id AS id FROM canceled_guests
            WHERE event_id = ${eventId}::bigint AND guest_id > ${after}::bigint ORDER BY guest_id LIMIT ${most}::int`),
          (rows) => rows.map(({ id }) => id)
        )

      const left = (eventId: EventId) =>
        Effect.map(
          Rows.first(LeftRow)(sql`
            SELECT (SELECT count(*) FROM tickets WHERE event_id = ${eventId}::bigint AND voided_at IS NULL)
              + (SELECT count(*) FROM payments WHERE event_id = ${eventId}::bigint AND ${openOnes})
              + (SELECT count(*) FROM refunds WHERE event_id = ${eventId}::bigint
                  AND status IN ('requested', 'pending'))
              + (SELECT count(*) FROM payments p WHERE p.event_id = ${eventId}::bigint AND p.status = 'settled'
                  AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.payment_id = p.payment_id
                    AND r.status IN ('failed', 'refused')))
              + (SELECT count(*) FROM payments p JOIN invoices i ON i.payment_id = p.payment_id AND i.corrects IS NULL
                  WHERE p.event_id = ${eventId}::bigint AND p.amount_credited <> (
                    SELECT coalesce(sum(c.credited), 0) FROM invoices c WHERE c.payment_id = p.payment_id))
              + (SELECT count(*) FROM flows WHERE event_id = ${eventId}::bigint
                  AND status = ANY(${openFlows}::text[])) AS left`),
          Option.match({ onNone: () => 0, onSome: (row) => row.left })
        )

      const finish = (eventId: EventId) =>
        Rows.run(sql`
          UPDATE event_cancellations SET status = 'finished', finished_at = now()
          WHERE event_id = ${eventId}::bigint AND status = 'running'`)

      const view: CancellationStore["Service"]["view"] = (eventId) =>
        Effect.map(
          Rows.first(ViewRow)(sql`
            SELECT ${
            sql.literal(numberOf("e.event_id"))
          } AS event_id, c.status, c.reason, c.asked_by, c.created_at,
              c.finished_at,
              (SELECT count(*) FROM canceled_guests g WHERE g.event_id = e.event_id) AS guests,
              (SELECT count(*) FROM tickets t WHERE t.event_id = e.event_id
                AND t.void_reason = ${eventCalledOff}) AS tickets_voided,
              (SELECT count(*) FROM payments p WHERE c.status IS NOT NULL AND p.event_id = e.event_id
                AND p.amount_received > 0) AS payments,
              (SELECT count(*) FROM payments p WHERE c.status IS NOT NULL AND p.event_id = e.event_id
                AND p.status = 'refunded') AS refunded,
              (SELECT coalesce(jsonb_object_agg(r.status, r.many), '{}'::jsonb) FROM (
                SELECT status, count(*) AS many FROM refunds WHERE event_id = e.event_id AND origin = 'event'
                GROUP BY status) r) AS refunds,
              (SELECT count(*) FROM invoices i JOIN payments p USING (payment_id) WHERE c.status IS NOT NULL
                AND p.event_id = e.event_id AND i.credited > 0) AS credit_notes,
              m.told, m.untold
            FROM events e LEFT JOIN event_cancellations c USING (event_id), LATERAL (
              SELECT count(*) FILTER (WHERE n.status = 'sent') AS told,
                count(*) FILTER (WHERE n.status IN ('skipped', 'canceled')
                  OR n.status = 'failed' AND NOT n.retryable) AS untold
              FROM canceled_guests g JOIN notifications n
                ON n.message_id = ${sql.literal(messageOf("c.cancellation_id", "g.guest_id"))}
              WHERE g.event_id = e.event_id) m
            WHERE e.event_id = ${eventId}::bigint`),
          Option.map(({ refunds, status, ...row }) => ({
            ...row,
            status: status ?? "none",
            refunds: { ...noRefunds, ...refunds }
          }))
        )

      const report = (eventId: EventId, after: number, most: number) =>
        Effect.map(
          Rows.all(GuestRow)(sql`
            SELECT g.guest_id AS seq, g.guest_id, g.ticket_id, g.payment_id, p.status AS payment_status,
              p.amount_refunded, n.status AS message,
              (SELECT r.status FROM refunds r WHERE r.payment_id = g.payment_id AND r.origin = 'event'
                ORDER BY r.seq DESC LIMIT 1) AS refund_status,
              (SELECT coalesce(jsonb_agg(i.number ORDER BY i.seq), '[]'::jsonb) FROM invoices i
                WHERE i.payment_id = g.payment_id AND i.credited > 0) AS credit_notes
            FROM canceled_guests g JOIN event_cancellations c USING (event_id)
            LEFT JOIN payments p USING (payment_id)
            LEFT JOIN notifications n ON n.message_id = ${
            sql.literal(messageOf("c.cancellation_id", "g.guest_id"))
          }
            WHERE g.event_id = ${eventId}::bigint AND g.guest_id > ${after}::bigint
            ORDER BY g.guest_id LIMIT ${most + 1}::int`),
          (rows) => ({ rows: rows.slice(0, most), more: rows.length > most })
        )

      return CancellationStore.of({
        begin,
        get,
        running,
        gather,
        gathered,
        voidTickets,
        paid,
        open,
        guests,
        left,
        finish,
        view,
        report
      })
    })
  )
}
