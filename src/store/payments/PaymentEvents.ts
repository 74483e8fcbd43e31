/** What an event does to a payment: it is recorded, and the payment becomes what all its events mean. */
import { DateTime, Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { PaymentAttention, PaymentStatus } from "../../../rpc/Payment.ts"
import type { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { durably } from "../Transaction.ts"
import * as Movements from "./Movements.ts"
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
const decodeEvents = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ ...PastEvent.fields, fresh: Schema.Boolean }))
)

const retaken: PaymentAttention = "place_retaken"

/** A payment that nobody here asked for, about an event that nobody here has. */
const isForeign = ({ flow_id, owner }: PaymentRow): boolean => flow_id === null && owner === null

/** Part of `PaymentStore`, which says what each does. */
export const make = (sql: SqlClient.SqlClient) => {
  const movements = Movements.make(sql)

  /** The row, held until the transaction ends. */
  const lock = (paymentId: string) =>
    Effect.map(
      Effect.flatMap(sql`SELECT * FROM payments WHERE payment_id = ${paymentId} FOR UPDATE`, decodeRows),
      (rows) => Option.fromNullishOr(rows[0])
    )

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

  /** Every event of the payment, this one with them; it is fresh when it was not received before. */
  const record = (paymentId: string, event: PastEvent) =>
    Effect.map(
      Effect.flatMap(
        sql`
        WITH recorded AS (
        INSERT INTO payment_events (webhook_id, payment_id, event_type, occurred_at, amount, currency, facts)
        VALUES (${event.webhook_id}, ${paymentId}, ${event.event_type},
          ${DateTime.toDateUtc(event.occurred_at)}::timestamptz, ${event.amount}::bigint, ${event.currency},
          ${json(event.facts)}::jsonb)
        ON CONFLICT (webhook_id) DO NOTHING
        RETURNING webhook_id, event_type, occurred_at, amount, currency, facts)
        SELECT *, true AS fresh FROM recorded UNION ALL
        SELECT webhook_id, event_type, occurred_at, amount, currency, facts, false AS fresh
        FROM payment_events WHERE payment_id = ${paymentId}`,
        decodeEvents
      ),
      (events) => ({ events, fresh: events.some(({ fresh }) => fresh) })
    )

  const grant = Effect.fnUntraced(function* (payment: PaymentRow, standing: Standing) {
    const { user_id, template_id } = payment.metadata ?? {}
    if (user_id === undefined || template_id === undefined || standing.settledAt === null) return
    const revoked = standing.revokedAt === null ? null : DateTime.toDateUtc(standing.revokedAt)
    yield* sql`
      INSERT INTO template_access (user_id, template_id, payment_id, granted_at, revoked_at)
      VALUES (${user_id}::bigint, ${template_id}::bigint, ${payment.payment_id},
        ${DateTime.toDateUtc(standing.settledAt)}::timestamptz, ${revoked}::timestamptz)
      ON CONFLICT (user_id, template_id, payment_id)
      DO UPDATE SET granted_at = excluded.granted_at, revoked_at = excluded.revoked_at`
  })

  /** Whether a payment that stands again, since its refund failed, is for places that others have taken meanwhile. */
  const isRetaken = Effect.fnUntraced(function* (payment: PaymentRow) {
    if (!payment.attention.includes("refund_failed") || payment.status !== "settled") return false
    if (payment.flow_id === null) return false
    const rows = yield* PaymentClaims.retaken(sql, payment.flow_id)
    return rows.length > 0
  })

  const settle = Effect.fnUntraced(function* (
    before: PaymentRow,
    events: ReadonlyArray<PastEvent>,
    description = sql.literal("")
  ) {
    const standing = stateOf(before, events)
    const settledAt = standing.settledAt === null ? null : DateTime.toDateUtc(standing.settledAt)
    const attention: ReadonlyArray<PaymentAttention> = [
      ...standing.attention,
      ...(isForeign(before) ? ["unknown_event" as const] : [])
    ]
    const [payment] = yield* Effect.flatMap(
      sql`
        UPDATE payments SET ${description} status = ${standing.status}, settled_at = ${settledAt}::timestamptz,
          amount_received = ${standing.received}::bigint, amount_refunded = ${standing.refunded}::bigint,
          amount_disputed = ${standing.disputed}::bigint, amount_credited = ${standing.credited}::bigint,
          refunded_through = ${standing.refundedThrough}::bigint, attention = ${attention}::text[], updated_at = now()
        WHERE payment_id = ${before.payment_id} RETURNING *`,
      decodeRows
    )
    const noticed = attention.filter((one) => !before.attention.includes(one))
    if (payment === undefined) return { payment: before, standing, noticed }
    if (!isForeign(payment)) yield* grant(payment, standing)
    yield* movements.keepRefunds(payment, events)
    yield* movements.keepDisputes(payment, standing.disputes)
    if (payment.flow_id !== null && standing.status !== "pending") {
      yield* PaymentClaims.mark(sql, payment.flow_id, sql`SELECT ${standing.status}::text AS status`)
    }
    if (!(yield* isRetaken(payment))) return { payment, standing, noticed }
    yield* sql`
      UPDATE payments SET attention = attention || ${retaken}::text WHERE payment_id = ${before.payment_id}`
    const all: ReadonlyArray<PaymentAttention> = [...attention, retaken]
    return {
      payment: { ...payment, attention: all },
      standing,
      noticed: before.attention.includes(retaken) ? noticed : [...noticed, retaken]
    }
  })

  /** A webhook's payment, made from its body where nobody here has asked for it. */
  const lockOf = Effect.fnUntraced(function* (webhook: PaymentWebhook) {
    const known = yield* lock(webhook.payment_id)
    if (Option.isSome(known)) return known.value
    yield* create(webhook)
    return yield* Effect.orDie(Effect.flatMap(lock(webhook.payment_id), Effect.fromOption))
  })

  const apply = Effect.fn("PaymentStore.apply")((webhook: PaymentWebhook) =>
    durably(
      sql,
      Effect.gen(function* () {
        const before = yield* lockOf(webhook)
        const { events, fresh } = yield* record(webhook.payment_id, {
          ...webhook,
          facts: webhook.facts ?? null,
          occurred_at: webhook.timestamp
        })
        return { ...(yield* settle(before, events, described(webhook))), fresh, previous: before.status }
      })
    )
  )

  const close = Effect.fn("PaymentStore.close")((
    paymentId: string,
    eventType: "payment.failed" | "payment.canceled"
  ) =>
    durably(
      sql,
      Effect.gen(function* () {
        const before = yield* lock(paymentId)
        if (Option.isNone(before)) return Option.none()
        const { events, fresh } = yield* record(paymentId, {
          webhook_id: `core_${eventType}_${paymentId}`,
          event_type: eventType,
          occurred_at: yield* DateTime.now,
          amount: null,
          currency: null,
          facts: null
        })
        return Option.some({
          ...(yield* settle(before.value, events)),
          fresh,
          previous: before.value.status
        })
      })
    )
  )

  return { apply, close }
}
