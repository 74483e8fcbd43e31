/**
 * What an event does to a payment: it is recorded, and the payment becomes what all its events mean. The event is stored
 * first, by itself: whoever dies between the two is asked again, and finds it. Of two who decide at once the second finds
 * that the payment's row is another than it read (`xmin`), and looks again.
 */
import { DateTime, Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { PaymentAttention, PaymentStatus } from "../../../rpc/Payment.ts"
import type { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { durably, patiently } from "../Transaction.ts"
import * as PaymentClaims from "./PaymentClaims.ts"
import { factOf, type Standing, stateOf } from "./PaymentDecisions.ts"
import { json, PastEvent, PaymentRow } from "./PaymentRow.ts"

/** What an event did: nothing when it was received before (`fresh` is false) or decided less than is known. */
export interface Applied {
  readonly payment: PaymentRow
  /** What all events of the payment come to by now. */
  readonly standing: Standing
  readonly fresh: boolean
  readonly previous: PaymentStatus
  /** What a person has to look at since this event. */
  readonly noticed: ReadonlyArray<PaymentAttention>
}

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(PaymentRow))

/** A payment with all its events; `revision` changes with each change of its row. */
const Recorded = Schema.Struct({
  ...PaymentRow.fields,
  revision: Schema.String,
  fresh: Schema.Boolean,
  events: Schema.Array(Schema.Struct({ ...PastEvent.fields, occurred_at: Schema.DateTimeUtcFromString }))
})
type Recorded = typeof Recorded.Type

const decodeRecorded = Schema.decodeUnknownEffect(Schema.Array(Recorded))

/** A payment that nobody here asked for, about an event that nobody here has. */
const isForeign = ({ flow_id, owner }: PaymentRow): boolean => flow_id === null && owner === null

/** Part of `PaymentStore`, which says what each does. */
export const make = (sql: SqlClient.SqlClient) => {
  /**
   * A payment that nobody here asked for is the organisation's that alone has the event number of its webhook. Where none
   * has, it is kept as what it is: it is invoiced to nobody, and opens nothing.
   */
  const create = (webhook: PaymentWebhook) =>
    sql`
      INSERT INTO payments (payment_id, event_id, user_id, owner, amount, currency, status, gateway, create_invoice)
      SELECT ${webhook.payment_id}, min(n.event_id), ${
      webhook.metadata.user_id ?? null
    }::bigint, min(n.owner),
        ${webhook.amount}::bigint, ${webhook.currency}, 'pending', 'unknown', min(n.owner) IS NOT NULL
      FROM event_numbers n WHERE n.number = ${webhook.metadata.event_id ?? null}::bigint
        AND NOT EXISTS (SELECT 1 FROM event_numbers o WHERE o.number = n.number AND o.owner <> n.owner)
      ON CONFLICT DO NOTHING`

  /** What is known stays; but what paid is what the completed payment says, not a card that was declined before. */
  const described = (webhook: PaymentWebhook) =>
    sql`customer = coalesce(customer, ${json(webhook.customer)}::jsonb),
        payment_method = CASE WHEN ${factOf(webhook.event_type) === "received"}::boolean
          THEN coalesce(${json(webhook.payment_method)}::jsonb, payment_method)
          ELSE coalesce(payment_method, ${json(webhook.payment_method)}::jsonb) END,
        metadata = coalesce(metadata, ${json(webhook.metadata)}::jsonb),`

  /** The payment and every event of it, this one with them; it is fresh when it was not received before. */
  const record = (paymentId: string, event: PastEvent) =>
    Effect.map(
      Effect.flatMap(
        sql`
        WITH recorded AS (
          INSERT INTO payment_events (webhook_id, payment_id, event_type, occurred_at, amount, currency, facts)
          SELECT ${event.webhook_id}, payment_id, ${event.event_type},
            ${DateTime.toDateUtc(event.occurred_at)}::timestamptz, ${event.amount}::bigint, ${event.currency},
            ${json(event.facts)}::jsonb
          FROM payments WHERE payment_id = ${paymentId}
          ON CONFLICT (webhook_id) DO NOTHING
          RETURNING webhook_id, event_type, occurred_at, amount, currency, facts
        ), events AS (
          SELECT * FROM recorded UNION ALL
          SELECT webhook_id, event_type, occurred_at, amount, currency, facts
          FROM payment_events WHERE payment_id = ${paymentId}
        )
        SELECT p.*, p.xmin::text AS revision, EXISTS (SELECT 1 FROM recorded) AS fresh,
          (SELECT coalesce(jsonb_agg(event), '[]'::jsonb) FROM events event) AS events
        FROM payments p WHERE p.payment_id = ${paymentId}`,
        decodeRecorded
      ),
      (rows) => Option.fromNullishOr(rows[0])
    )

  const granting = (payment: PaymentRow, standing: Standing) => {
    const { user_id, template_id } = payment.metadata ?? {}
    if (user_id === undefined || template_id === undefined || standing.settledAt === null) return []
    const revoked = standing.revokedAt === null ? null : DateTime.toDateUtc(standing.revokedAt)
    return [sql`granted AS (
      INSERT INTO template_access (user_id, template_id, payment_id, granted_at, revoked_at)
      SELECT ${user_id}::bigint, ${template_id}::bigint, payment_id,
        ${DateTime.toDateUtc(standing.settledAt)}::timestamptz, ${revoked}::timestamptz FROM paid
      ON CONFLICT (user_id, template_id, payment_id)
      DO UPDATE SET granted_at = excluded.granted_at, revoked_at = excluded.revoked_at)`]
  }

  /**
   * Makes the payment what its events come to, and its tickets what that means for them; none when its row is not the one
   * that was read with them. Whoever changed it has seen these events or looks again itself.
   */
  const settle = Effect.fnUntraced(function* (
    { events, fresh, revision, ...before }: Recorded,
    webhook: PaymentWebhook | undefined
  ) {
    const standing = stateOf(before, events)
    const settledAt = standing.settledAt === null ? null : DateTime.toDateUtc(standing.settledAt)
    const attention: ReadonlyArray<PaymentAttention> = [
      ...standing.attention,
      ...(isForeign(before) ? ["unknown_event" as const] : [])
    ]
    const effects = [
      ...(isForeign(before)
        ? []
        : granting({ ...before, metadata: before.metadata ?? webhook?.metadata ?? null }, standing)),
      ...(before.flow_id === null || standing.status === "pending"
        ? []
        : [PaymentClaims.marking(sql, before.flow_id, sql`SELECT status FROM paid`)])
    ]
    const [payment] = yield* Effect.flatMap(
      sql`
        WITH paid AS (
          UPDATE payments SET ${webhook === undefined ? sql.literal("") : described(webhook)}
            status = ${standing.status}, settled_at = ${settledAt}::timestamptz,
            amount_received = ${standing.received}::bigint, amount_refunded = ${standing.refunded}::bigint,
            amount_disputed = ${standing.disputed}::bigint, amount_credited = ${standing.credited}::bigint,
            attention = ${attention}::text[], updated_at = now()
          WHERE payment_id = ${before.payment_id} AND xmin::text = ${revision} RETURNING *
        )${effects.length === 0 ? sql.literal("") : sql`, ${sql.join(", ", false)(effects)}`}
        SELECT * FROM paid`,
      decodeRows
    )
    return Option.map(Option.fromNullishOr(payment), (payment): Applied => ({
      payment,
      standing,
      fresh,
      previous: before.status,
      noticed: attention.filter((one) => !before.attention.includes(one))
    }))
  })

  /** One look at the payment with its event, and what that makes of it, if it does; "unknown" without such a payment. */
  const decide = Effect.fnUntraced(function* (
    paymentId: string,
    event: PastEvent,
    webhook: PaymentWebhook | undefined
  ) {
    const recorded = yield* record(paymentId, event)
    if (Option.isNone(recorded)) return "unknown" as const
    return { fresh: recorded.value.fresh, applied: yield* settle(recorded.value, webhook) }
  })

  /** Two statements where nobody else changes the payment between them, as nearly always; under its lock otherwise. */
  const decided = Effect.fnUntraced(function* (
    paymentId: string,
    event: PastEvent,
    webhook: PaymentWebhook | undefined
  ) {
    const first = yield* patiently(decide(paymentId, event, webhook))
    if (first === "unknown") return first
    if (Option.isSome(first.applied)) return first.applied.value
    const lock = sql`SELECT payment_id FROM payments WHERE payment_id = ${paymentId} FOR UPDATE`
    const second = yield* durably(sql, Effect.andThen(lock, decide(paymentId, event, webhook)))
    if (second === "unknown" || Option.isNone(second.applied)) {
      return yield* Effect.die(new Error("A held payment was changed"))
    }
    // The first look has stored the event: the second one finds it.
    return { ...second.applied.value, fresh: first.fresh || second.fresh }
  })

  const apply = Effect.fn("PaymentStore.apply")(function* (webhook: PaymentWebhook) {
    const event = { ...webhook, facts: webhook.facts ?? null, occurred_at: webhook.timestamp }
    const known = yield* decided(webhook.payment_id, event, webhook)
    if (known !== "unknown") return known
    yield* patiently(create(webhook))
    const made = yield* decided(webhook.payment_id, event, webhook)
    return made === "unknown" ? yield* Effect.die(new Error("A payment that was made is not there")) : made
  })

  const close = Effect.fn("PaymentStore.close")(function* (
    paymentId: string,
    eventType: "payment.failed" | "payment.canceled"
  ) {
    const applied = yield* decided(paymentId, {
      webhook_id: `core_${eventType}_${paymentId}`,
      event_type: eventType,
      occurred_at: yield* DateTime.now,
      amount: null,
      currency: null,
      facts: null
    }, undefined)
    return applied === "unknown" ? Option.none<Applied>() : Option.some(applied)
  })

  return { apply, close }
}
