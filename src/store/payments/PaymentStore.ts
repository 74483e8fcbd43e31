/** Payments: what was asked, every event of each, and the state that the events mean. */
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { PaymentAttention, type PaymentStatus, type PaymentView } from "../../../rpc/Payment.ts"
import type { Customer, PaymentMetadata, PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { numberOf } from "../EventNumbers.ts"
import * as PaymentClaims from "./PaymentClaims.ts"
import { factOf, openStatuses, paymentStates, type Standing, stateOf } from "./PaymentDecisions.ts"
import { PastEvent, PaymentRow } from "./PaymentRow.ts"
import * as Rows from "../Rows.ts"
import { durably } from "../Transaction.ts"
import { type EventId, EventNumber } from "../../../rpc/values/Ids.ts"

/** A payment that the core is about to ask for. */
export interface NewPayment {
  readonly paymentId: string
  readonly flowId: string | null
  readonly executionId: string | null
  readonly eventId: EventId | null
  readonly userId: number | null
  readonly owner: string | null
  readonly amount: number
  readonly currency: string
  readonly gateway: string
  readonly customer: Customer | null
  readonly metadata: typeof PaymentMetadata.Type | null
  readonly createInvoice: boolean
  readonly sendReceipt: boolean
}

/** What an event did: nothing when it was received before (`fresh` is false) or decided less than is known. */
export interface Applied {
  readonly payment: PaymentRow
  /** What all events of the payment come to by now. */
  readonly standing: Standing
  readonly fresh: boolean
  readonly previous: PaymentStatus
}

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(PaymentRow))
const decodeEvents = Schema.decodeUnknownEffect(Schema.Array(PastEvent))

const IdRow = Schema.Struct({ payment_id: PaymentRow.fields.payment_id })

const TicketIdRow = Schema.Struct({ ticket_id: Schema.Int })

const ViewRow = Schema.Struct({
  owner: Schema.NullOr(Schema.String),
  payment_id: PaymentRow.fields.payment_id,
  flow_id: PaymentRow.fields.flow_id,
  event_id: Schema.NullOr(EventNumber),
  amount: Schema.Int,
  currency: Schema.String,
  status: PaymentRow.fields.status,
  settled_at: Rows.AtOrNull,
  amount_received: Schema.Int,
  amount_refunded: Schema.Int,
  amount_disputed: Schema.Int,
  attention: Schema.Array(PaymentAttention),
  invoice_number: Schema.NullOr(Schema.String),
  credit_notes: Schema.Array(Schema.String),
  template_access: Schema.Array(Schema.Int)
})

const json = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value)

/** A payment that nobody here asked for, about an event that nobody here has. */
const isForeign = ({ flow_id, owner }: PaymentRow): boolean => flow_id === null && owner === null

export class PaymentStore extends Context.Service<PaymentStore, {
  /**
   * Stores what will be asked of the gateway; a payment or a flow that is stored already is returned as it
   * is.
   */
  readonly begin: (payment: NewPayment) => Effect.Effect<PaymentRow>
  /** Keeps the gateway's own name of the payment. */
  readonly accepted: (paymentId: string, gatewayRef: string) => Effect.Effect<void>
  /** Applies a webhook: commutative and idempotent; an unknown payment is made from the body. */
  readonly apply: (webhook: PaymentWebhook) => Effect.Effect<Applied>
  /** Decides a payment without a webhook, when the gateway refused to take it or the flow gave it up. */
  readonly close: (
    paymentId: string,
    eventType: "payment.failed" | "payment.canceled"
  ) => Effect.Effect<Option.Option<Applied>>
  /** Gives tickets that were issued or left after the decision the state of their flow's payment. */
  readonly syncTickets: (flowId: string) => Effect.Effect<void>
  /** Open payments that nobody needs any more: of ended flows for guests of this one, which left no ticket. */
  readonly forsaken: (flowId: string) => Effect.Effect<ReadonlyArray<string>>
  /** The payment of this flow when it has to be refunded: it settled, and its flow is over and left no ticket. */
  readonly unearned: (flowId: string) => Effect.Effect<Option.Option<string>>
  readonly get: (paymentId: string) => Effect.Effect<Option.Option<PaymentRow>>
  readonly status: (paymentId: string) => Effect.Effect<PaymentStatus | null>
  readonly forFlow: (flowId: string) => Effect.Effect<Option.Option<PaymentRow>>
  /**
   * Payments that the gateway is to be asked about, and notes that it is: open or disputed ones that nothing was heard of
   * for a while, the older the seldomer. At most so many.
   */
  readonly due: (most: number) => Effect.Effect<ReadonlyArray<string>>
  /** Whether the gateway may be asked about this one now: not twice within five seconds. */
  readonly mayCheck: (paymentId: string) => Effect.Effect<boolean>
  /** Open payments of orders that were not paid within so many seconds, and whose flows have ended. */
  readonly abandoned: (seconds: number, most: number) => Effect.Effect<ReadonlyArray<string>>
  /** Voids the tickets of those orders once their payments are called off; how many. */
  readonly expire: (seconds: number) => Effect.Effect<number>
  readonly view: (
    paymentId: string
  ) => Effect.Effect<Option.Option<PaymentView & { readonly owner: string | null }>>
}>()("guichet/store/payments/PaymentStore") {
  static readonly layer: Layer.Layer<PaymentStore, never, SqlClient.SqlClient> = Layer.effect(
    PaymentStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const begin: PaymentStore["Service"]["begin"] = Effect.fn("PaymentStore.begin")(function* (payment) {
        yield* Rows.run(sql`
          INSERT INTO payments (payment_id, flow_id, execution_id, event_id, user_id, owner, amount, currency, status,
            gateway, customer, metadata, create_invoice, send_receipt)
          VALUES (${payment.paymentId}, ${payment.flowId}, ${payment.executionId}, ${payment.eventId}::bigint,
            ${payment.userId}::bigint, ${payment.owner}, ${payment.amount}::bigint, ${payment.currency}, 'pending',
            ${payment.gateway}, ${json(payment.customer)}::jsonb, ${json(payment.metadata)}::jsonb,
            ${payment.createInvoice}, ${payment.sendReceipt})
          ON CONFLICT DO NOTHING`)
        const stored = yield* Rows.first(PaymentRow)(sql`
          SELECT * FROM payments WHERE payment_id = ${payment.paymentId} OR flow_id = ${payment.flowId}`)
        return yield* Effect.orDie(Effect.fromOption(stored))
      })

      const accepted = (paymentId: string, gatewayRef: string) =>
        Rows.run(sql`
          UPDATE payments SET gateway_ref = ${gatewayRef}, updated_at = now()
          WHERE payment_id = ${paymentId} AND gateway_ref IS NULL`)

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
      const describe = (webhook: PaymentWebhook) =>
        sql`
          UPDATE payments SET customer = coalesce(customer, ${json(webhook.customer)}::jsonb),
            payment_method = CASE WHEN ${factOf(webhook.event_type) === "received"}::boolean
              THEN coalesce(${json(webhook.payment_method)}::jsonb, payment_method)
              ELSE coalesce(payment_method, ${json(webhook.payment_method)}::jsonb) END,
            metadata = coalesce(metadata, ${json(webhook.metadata)}::jsonb)
          WHERE payment_id = ${webhook.payment_id}`

      const record = (paymentId: string, event: PastEvent) =>
        Effect.map(
          sql`
            INSERT INTO payment_events (webhook_id, payment_id, event_type, occurred_at, amount, currency, facts)
            VALUES (${event.webhook_id}, ${paymentId}, ${event.event_type},
              ${
            DateTime.toDateUtc(event.occurred_at)
          }::timestamptz, ${event.amount}::bigint, ${event.currency},
              ${json(event.facts)}::jsonb)
            ON CONFLICT (webhook_id) DO NOTHING RETURNING webhook_id`,
          (rows) => rows.length === 1
        )

      const markTickets = Effect.fnUntraced(function* (flowId: string, status: PaymentStatus) {
        if (status === "settled") yield* PaymentClaims.take(sql, flowId)
        const { tickets } = paymentStates[status]
        yield* sql`
          UPDATE tickets SET payment_state = ${tickets}
          WHERE flow_id = ${flowId} AND payment_state NOT IN ('free', ${tickets})`
      })

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

      const settle = Effect.fnUntraced(function* (before: PaymentRow) {
        const events = yield* Effect.flatMap(
          sql`
            SELECT webhook_id, event_type, occurred_at, amount, currency, facts
            FROM payment_events WHERE payment_id = ${before.payment_id}`,
          decodeEvents
        )
        const standing = stateOf(before, events)
        const settledAt = standing.settledAt === null ? null : DateTime.toDateUtc(standing.settledAt)
        const attention = [
          ...standing.attention,
          ...(isForeign(before) ? ["unknown_event" satisfies PaymentAttention] : [])
        ]
        const [payment] = yield* Effect.flatMap(
          sql`
            UPDATE payments SET status = ${standing.status}, settled_at = ${settledAt}::timestamptz,
              amount_received = ${standing.received}::bigint, amount_refunded = ${standing.refunded}::bigint,
              amount_disputed = ${standing.disputed}::bigint, amount_credited = ${standing.credited}::bigint,
              attention = ${attention}::text[], updated_at = now()
            WHERE payment_id = ${before.payment_id} RETURNING *`,
          decodeRows
        )
        if (payment === undefined) return { payment: before, standing }
        if (!isForeign(payment)) yield* grant(payment, standing)
        if (payment.flow_id !== null && standing.status !== "pending") {
          yield* markTickets(payment.flow_id, standing.status)
        }
        return { payment, standing }
      })

      const apply: PaymentStore["Service"]["apply"] = Effect.fn("PaymentStore.apply")((webhook) =>
        durably(
          sql,
          Effect.gen(function* () {
            yield* create(webhook)
            const before = yield* Effect.orDie(Effect.flatMap(lock(webhook.payment_id), Effect.fromOption))
            const fresh = yield* record(webhook.payment_id, {
              ...webhook,
              facts: webhook.facts ?? null,
              occurred_at: webhook.timestamp
            })
            yield* describe(webhook)
            return { ...(yield* settle(before)), fresh, previous: before.status }
          })
        )
      )

      const close: PaymentStore["Service"]["close"] = Effect.fn("PaymentStore.close")((
        paymentId,
        eventType
      ) =>
        durably(
          sql,
          Effect.gen(function* () {
            const before = yield* lock(paymentId)
            if (Option.isNone(before)) return Option.none()
            const fresh = yield* record(paymentId, {
              webhook_id: `core_${eventType}_${paymentId}`,
              event_type: eventType,
              occurred_at: yield* DateTime.now,
              amount: null,
              currency: null,
              facts: null
            })
            return Option.some({ ...(yield* settle(before.value)), fresh, previous: before.value.status })
          })
        )
      )

      const get = (paymentId: string) =>
        Rows.first(PaymentRow)(sql`SELECT * FROM payments WHERE payment_id = ${paymentId}`)

      const status = (paymentId: string) =>
        Effect.map(get(paymentId), (payment) => Option.isNone(payment) ? null : payment.value.status)

      const forFlow = (flowId: string) =>
        Rows.first(PaymentRow)(sql`SELECT * FROM payments WHERE flow_id = ${flowId}`)

      const syncTickets = (flowId: string) =>
        durably(
          sql,
          Effect.gen(function* () {
            const [payment] = yield* Effect.flatMap(
              sql`SELECT * FROM payments WHERE flow_id = ${flowId} FOR UPDATE`,
              decodeRows
            )
            if (payment !== undefined) yield* markTickets(flowId, payment.status)
          })
        )

      const forsaken = (flowId: string) =>
        Effect.map(
          Rows.all(IdRow)(PaymentClaims.forsaken(sql, flowId)),
          (rows) => rows.map(({ payment_id }) => payment_id)
        )

      const unearned = (flowId: string) =>
        Effect.map(
          Rows.first(IdRow)(PaymentClaims.unearned(sql, flowId)),
          Option.map(({ payment_id }) => payment_id)
        )

      const idsOf = Effect.map((rows: ReadonlyArray<typeof IdRow.Type>) =>
        rows.map(({ payment_id }) => payment_id)
      )

      const due = (most: number) =>
        idsOf(
          Rows.all(IdRow)(sql`
          UPDATE payments SET checked_at = now() WHERE payment_id IN (
            SELECT payment_id FROM payments
            WHERE status IN ('pending', 'failed', 'disputed') AND gateway_ref IS NOT NULL
              AND created_at > now() - interval '120 days'
              AND greatest(updated_at, checked_at) < now() - least(interval '6 hours',
                greatest(interval '10 minutes', (now() - created_at) / 8))
            ORDER BY created_at LIMIT ${most}::int FOR UPDATE SKIP LOCKED)
          RETURNING payment_id`)
        )

      const mayCheck = (paymentId: string) =>
        Effect.map(
          Rows.all(IdRow)(sql`
            UPDATE payments SET checked_at = now()
            WHERE payment_id = ${paymentId} AND (checked_at IS NULL OR checked_at < now() - interval '5 seconds')
            RETURNING payment_id`),
          (rows) => rows.length === 1
        )

      const abandoned = (seconds: number, most: number) =>
        idsOf(
          Rows.all(IdRow)(sql`
          SELECT p.payment_id FROM payments p JOIN flows f USING (flow_id)
          WHERE p.status = ANY(${openStatuses}::text[]) AND f.status NOT IN ('accepted', 'running')
            AND p.created_at < now() - make_interval(secs => ${seconds}::int)
          ORDER BY p.created_at LIMIT ${most}::int`)
        )

      const expire = (seconds: number) =>
        Effect.map(
          Rows.all(TicketIdRow)(sql`
            UPDATE tickets t SET status = 'voided', voided_at = now(), void_reason = 'the order was not paid in time'
            FROM payments p JOIN flows f USING (flow_id)
            WHERE t.flow_id = p.flow_id AND t.voided_at IS NULL AND t.payment_state = 'failed'
              AND p.status = 'canceled' AND f.status NOT IN ('accepted', 'running')
              AND p.created_at < now() - make_interval(secs => ${seconds}::int)
            RETURNING t.ticket_id`),
          (voided) => voided.length
        )

      const view = (paymentId: string) =>
        Rows.first(ViewRow)(sql`
          SELECT p.payment_id, p.flow_id, p.owner, p.amount, p.currency, p.status, p.settled_at,
            p.amount_received, p.amount_refunded, p.amount_disputed, p.attention,
            coalesce(${sql.literal(numberOf("p.event_id"))}, (p.metadata->>'event_id')::bigint) AS event_id,
            (SELECT number FROM invoices i WHERE i.payment_id = p.payment_id AND i.corrects IS NULL) AS invoice_number,
            (SELECT coalesce(jsonb_agg(i.number ORDER BY i.issued_at, i.number), '[]'::jsonb) FROM invoices i
              WHERE i.payment_id = p.payment_id AND i.corrects IS NOT NULL) AS credit_notes,
            (SELECT coalesce(jsonb_agg(a.template_id ORDER BY a.template_id), '[]'::jsonb) FROM template_access a
              WHERE a.payment_id = p.payment_id AND a.revoked_at IS NULL) AS template_access
          FROM payments p WHERE p.payment_id = ${paymentId}`)

      return PaymentStore.of({
        begin,
        accepted,
        apply,
        close,
        syncTickets,
        forsaken,
        unearned,
        get,
        status,
        forFlow,
        due,
        mayCheck,
        abandoned,
        expire,
        view
      })
    })
  )
}
