/**
 * What an event does to a payment: it is recorded, and the payment becomes what all its events mean. The event is stored
 * first, by itself: whoever dies between the two is asked again, and finds it. Of two who decide at once the second finds
 * that the payment's row is another than it read (`xmin`), and looks again. Where money went back or is disputed, whose
 * rows stand beside the payment's, all of it is one transaction under the payment's lock.
 */
import { DateTime, Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { PaymentAttention, PaymentStatus } from "../../../rpc/Payment.ts"
import type { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { durably, patiently } from "../Transaction.ts"
import * as Movements from "./Movements.ts"
import * as PaymentClaims from "./PaymentClaims.ts"
import * as PaymentLines from "./PaymentLines.ts"
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

const retaken: PaymentAttention = "place_retaken"

/** A payment that nobody here asked for, about an event that nobody here has. */
const isForeign = ({ flow_id, owner }: PaymentRow): boolean => flow_id === null && owner === null

/** Part of `PaymentStore`, which says what each does. */
export const make = (sql: SqlClient.SqlClient) => {
  const movements = Movements.make(sql)

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

  /**
   * The same, with the event among the events: one that another statement was still committing is seen by the next one.
   */
  const recordedWith = Effect.fnUntraced(function* (paymentId: string, event: PastEvent) {
    const found = yield* record(paymentId, event)
    const isSeen = Option.isNone(found) ||
      found.value.events.some(({ webhook_id }) => webhook_id === event.webhook_id)
    return isSeen ? found : yield* record(paymentId, event)
  })

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

  const standingOf = ({ events, fresh: _fresh, revision: _revision, ...before }: Recorded) => {
    const standing = stateOf(before, events)
    const attention: ReadonlyArray<PaymentAttention> = [
      ...standing.attention,
      ...(isForeign(before) ? ["unknown_event" as const] : [])
    ]
    return { before, standing, attention }
  }

  /**
   * Makes the payment what its events come to, and its tickets what that means for them; none when its row is not the one
   * that was read with them. Whoever changed it has seen these events or looks again itself.
   */
  const settle = Effect.fnUntraced(function* (recorded: Recorded, webhook: PaymentWebhook | undefined) {
    const { attention, before, standing } = standingOf(recorded)
    const settledAt = standing.settledAt === null ? null : DateTime.toDateUtc(standing.settledAt)
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
            refunded_through = ${standing.refundedThrough}::bigint, attention = ${attention}::text[],
            updated_at = now()
          WHERE payment_id = ${before.payment_id} AND xmin::text = ${recorded.revision} RETURNING *
        )${effects.length === 0 ? sql.literal("") : sql`, ${sql.join(", ", false)(effects)}`}
        SELECT * FROM paid`,
      decodeRows
    )
    return Option.map(Option.fromNullishOr(payment), (payment): Applied => ({
      payment,
      standing,
      fresh: recorded.fresh,
      previous: before.status,
      noticed: attention.filter((one) => !before.attention.includes(one))
    }))
  })

  /** Whether other rows follow from these events than the payment's, its tickets' and the access that it grants. */
  const movesMoney = (recorded: Recorded): boolean => {
    const { attention, standing } = standingOf(recorded)
    return Movements.refundsHeard(recorded.events).length > 0 || standing.disputes.length > 0 ||
      standing.status === "refunded" || attention.includes("refund_failed")
  }

  /** Whether a payment that stands again, since its refund failed, is for places that others have taken meanwhile. */
  const isRetaken = Effect.fnUntraced(function* (payment: PaymentRow) {
    if (!payment.attention.includes("refund_failed") || payment.status !== "settled") return false
    if (payment.flow_id === null) return false
    const rows = yield* PaymentClaims.retaken(sql, payment.flow_id)
    return rows.length > 0
  })

  /** The rows of refunds and disputes, and whether somebody else has the place by now. */
  const moveMoney = Effect.fnUntraced(function* (
    { events, attention: before }: Recorded,
    { payment, ...applied }: Applied
  ) {
    yield* movements.keepRefunds(payment, events)
    yield* movements.keepDisputes(payment, applied.standing.disputes)
    if (!(yield* isRetaken(payment))) return { payment, ...applied }
    yield* sql`
      UPDATE payments SET attention = attention || ${retaken}::text WHERE payment_id = ${payment.payment_id}`
    const noticed = before.includes(retaken) ? applied.noticed : [...applied.noticed, retaken]
    return { ...applied, payment: { ...payment, attention: [...payment.attention, retaken] }, noticed }
  })

  /** The same with the payment held until the transaction ends. */
  const decideHeld = Effect.fnUntraced(function* (
    paymentId: string,
    event: PastEvent,
    webhook: PaymentWebhook | undefined
  ) {
    yield* sql`SELECT payment_id FROM payments WHERE payment_id = ${paymentId} FOR UPDATE`
    const recorded = yield* Effect.orDie(Effect.flatMap(recordedWith(paymentId, event), Effect.fromOption))
    const applied = yield* Effect.orDie(Effect.flatMap(settle(recorded, webhook), Effect.fromOption))
    return yield* moveMoney(recorded, applied)
  })

  /**
   * One look at the payment with its event, and what that makes of it; none without such a payment. Two statements where
   * nobody else changes the payment between them and no money went back, as nearly always.
   */
  const decided = Effect.fnUntraced(function* (
    paymentId: string,
    event: PastEvent,
    webhook: PaymentWebhook | undefined
  ) {
    const recorded = yield* patiently(recordedWith(paymentId, event))
    if (Option.isNone(recorded)) return Option.none<Applied>()
    const applied = movesMoney(recorded.value)
      ? Option.none<Applied>()
      : yield* patiently(settle(recorded.value, webhook))
    if (Option.isSome(applied)) return applied
    const held = yield* durably(sql, decideHeld(paymentId, event, webhook))
    return Option.some<Applied>({ ...held, fresh: recorded.value.fresh })
  })

  const apply = Effect.fn("PaymentStore.apply")(function* (webhook: PaymentWebhook) {
    const event = { ...webhook, facts: webhook.facts ?? null, occurred_at: webhook.timestamp }
    const known = yield* decided(webhook.payment_id, event, webhook)
    if (Option.isSome(known)) {
      yield* PaymentLines.decided(known.value.previous, known.value.payment)
      return known.value
    }
    yield* patiently(create(webhook))
    const made = yield* Effect.orDie(
      Effect.flatMap(decided(webhook.payment_id, event, webhook), Effect.fromOption)
    )
    yield* PaymentLines.began(made.payment)
    yield* PaymentLines.decided(made.previous, made.payment)
    return made
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
    if (Option.isSome(applied)) yield* PaymentLines.decided(applied.value.previous, applied.value.payment)
    return applied
  })

  return { apply, close }
}
