/**
 * Refunds that are asked for: kept before the payment provider hears of them, never more than what is left, each under a
 * name that makes it one. What became of each the payment's events tell (`Movements`).
 */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import {
  holdsMoney,
  type RefundBody,
  type RefundOrigin,
  RefundOrigin as Origin,
  RefundRefusal,
  RefundStatus
} from "../../../rpc/payments/Refund.ts"
import { type EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import { numberOf } from "../EventNumbers.ts"
import * as KeysetPage from "../KeysetPage.ts"
import * as Rows from "../Rows.ts"
import { durably } from "../Transaction.ts"
import { PaymentRow } from "./PaymentRow.ts"
import { goneOf, HeldRefund, ReceivedEvent } from "./RefundBounds.ts"

/** Why a ticket is void whose share was refunded: it was paid for. */
export const refundedTicket = "its price was refunded"

/** `what` is all that is left, an amount, or the shares of tickets. */
export interface NewRefund {
  readonly refundId: string
  readonly paymentId: string
  readonly what:
    | { readonly of: "rest" }
    | { readonly of: "amount"; readonly amount: number }
    | { readonly of: "tickets"; readonly ticketIds: ReadonlyArray<number> }
  readonly reason: string
  readonly origin: RefundOrigin
  readonly askedBy: string | null
}

/** What a request asks to be refunded. */
export const whatOf = ({ amount, ticket_ids }: RefundBody): NewRefund["what"] => {
  if (amount !== undefined) return { of: "amount", amount }
  return ticket_ids === undefined ? { of: "rest" } : { of: "tickets", ticketIds: ticket_ids }
}

/** The refund cannot be asked for as it was: nothing of it is kept. `left` is what could be refunded, in minor units. */
export class RefundRefused extends Schema.TaggedError<RefundRefused>()("RefundRefused", {
  reason: RefundRefusal,
  left: Schema.Int
}) {}

const RefundRow = Schema.Struct({
  refund_id: Schema.String,
  payment_id: Schema.String,
  owner: Schema.NullOr(Schema.String),
  event_id: Schema.NullOr(EventNumber),
  amount: Schema.Int,
  currency: Schema.String,
  reason: Schema.String,
  ticket_ids: Schema.Array(Schema.Int),
  origin: Origin,
  asked_by: Schema.NullOr(Schema.String),
  status: RefundStatus,
  failure: Schema.NullOr(Schema.String),
  created_at: Rows.At,
  updated_at: Rows.At,
  seq: Schema.Int
})
export type RefundRow = typeof RefundRow.Type

const columns = Object.keys(RefundRow.fields).map((column) =>
  column === "event_id"
    ? `${numberOf("refunds.event_id")} AS event_id`
    : column === "ticket_ids"
    ? "to_jsonb(ticket_ids) AS ticket_ids"
    : column
).join(", ")

/** What the list of refunds may be filtered by. */
export const RefundFilters = {
  status: Schema.optionalKey(RefundStatus),
  payment_id: Schema.optionalKey(PaymentRow.fields.payment_id),
  event_id: Schema.optionalKey(EventNumber),
  origin: Schema.optionalKey(Origin)
}
type RefundFilters = Schema.Struct<typeof RefundFilters>["Type"]

const Due = Schema.Struct({
  refund_id: Schema.String,
  payment_id: Schema.String,
  amount: Schema.Int,
  reason: Schema.String,
  attempts: Schema.Int
})
/** A refund that the provider is to be asked for; the `attempts` with this one. */
export type Due = typeof Due.Type

const decodePayments = Schema.decodeUnknownEffect(Schema.Array(PaymentRow))
const ShareRow = Schema.Struct({ ticket_id: Schema.Int, share: Schema.Int })

const holding = RefundStatus.literals.filter((status) => holdsMoney[status])

/** Once asked for, a refund is asked for again ever later, an hour apart in the end, until the provider says yes or no. */
const pause = "least(interval '1 hour', interval '30 seconds' * power(2, least(attempts, 8)))"

export class RefundStore extends Context.Service<RefundStore, {
  /**
   * Keeps a refund that will be asked for, and voids its tickets; one that is kept under this id is answered as it is. Two
   * at once are bounded together: the payment's row is locked.
   */
  readonly begin: (refund: NewRefund) => Effect.Effect<RefundRow, RefundRefused>
  readonly get: (refundId: string) => Effect.Effect<Option.Option<RefundRow>>
  /** Refunds that are to be asked for now, among these or all, and notes that they are: nobody else asks meanwhile. */
  readonly due: (
    most: number,
    of?: string | { readonly eventId: EventId }
  ) => Effect.Effect<ReadonlyArray<Due>>
  /** The provider has taken it. */
  readonly taken: (refundId: string) => Effect.Effect<void>
  /** The provider will not: nothing goes back by it. */
  readonly refused: (refundId: string, failure: string) => Effect.Effect<void>
  readonly page: KeysetPage.Read<RefundFilters, RefundRow>
}>()("guichet/store/payments/RefundStore") {
  static readonly layer: Layer.Layer<RefundStore, never, SqlClient.SqlClient> = Layer.effect(
    RefundStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const get = (refundId: string) =>
        Rows.first(RefundRow)(sql`
          SELECT ${sql.literal(columns)} FROM refunds WHERE refund_id = ${refundId}`)

      /**
       * What is left: what was received, less what is disputed, less what went back or is asked for; `clear` where that is
       * known exactly. Of refunds that were made elsewhere and not heard of yet the provider keeps the bound.
       */
      const leftOf = Effect.fnUntraced(function* (payment: PaymentRow) {
        const refunds = yield* Rows.all(HeldRefund)(sql`
          SELECT amount, origin, gateway_ref, created_at, status = 'succeeded' AS settled FROM refunds
          WHERE payment_id = ${payment.payment_id} AND status = ANY(${holding}::text[])`)
        const events = yield* Rows.all(ReceivedEvent)(sql`
          SELECT webhook_id, event_type, occurred_at, amount, currency, facts, received_at FROM payment_events
          WHERE payment_id = ${payment.payment_id}`)
        const gone = goneOf({ ...payment, refunded: payment.amount_refunded }, refunds, events)
        const left = Math.max(payment.amount_received - payment.amount_disputed - gone.most, 0)
        return { left, clear: gone.least === gone.most }
      })

      /**
       * The live tickets of the payment's order among these, each with its share: the price is shared to the last unit by
       * the order of its tickets.
       */
      const sharesOf = (payment: PaymentRow, ticketIds: ReadonlyArray<number>) => {
        const count = Math.max(payment.metadata?.ticket_count ?? 1, 1)
        return Rows.all(ShareRow)(sql`
          SELECT o.ticket_id, (${payment.amount}::bigint * (o.nth + 1) / ${count}::bigint
            - ${payment.amount}::bigint * o.nth / ${count}::bigint)::bigint AS share
          FROM (
            SELECT ticket_id, voided_at, (row_number() OVER (ORDER BY ticket_id) - 1) % ${count}::bigint AS nth
            FROM tickets WHERE flow_id = ${payment.flow_id}) o
          WHERE o.voided_at IS NULL AND o.ticket_id = ANY(${Rows.bigints(ticketIds)}::bigint[])`)
      }

      const amountOf = Effect.fnUntraced(
        function* (payment: PaymentRow, what: NewRefund["what"], left: number) {
          switch (what.of) {
            case "rest":
              return left
            case "amount":
              return what.amount
            case "tickets": {
              const shares = yield* sharesOf(payment, what.ticketIds)
              if (shares.length !== what.ticketIds.length) {
                return yield* new RefundRefused({ reason: "not_its_tickets", left })
              }
              return shares.reduce((sum, { share }) => sum + share, 0)
            }
          }
        }
      )

      const voidTickets = (ticketIds: ReadonlyArray<number>) =>
        sql`
          UPDATE tickets SET status = 'voided', voided_at = now(), void_reason = ${refundedTicket}
          WHERE ticket_id = ANY(${Rows.bigints(ticketIds)}::bigint[]) AND voided_at IS NULL`

      const enter = Effect.fnUntraced(function* (refund: NewRefund, payment: PaymentRow) {
        const { clear, left } = yield* leftOf(payment)
        if (payment.amount_received === 0) return yield* new RefundRefused({ reason: "unpaid", left })
        if (refund.what.of === "rest" && !clear) {
          return yield* new RefundRefused({ reason: "not_clear", left })
        }
        const amount = yield* amountOf(payment, refund.what, left)
        if (left === 0) return yield* new RefundRefused({ reason: "nothing_left", left })
        if (amount > left || amount === 0) return yield* new RefundRefused({ reason: "too_much", left })
        const ticketIds = refund.what.of === "tickets" ? refund.what.ticketIds : []
        yield* sql`
          INSERT INTO refunds (refund_id, payment_id, name, owner, event_id, amount, currency, reason, ticket_ids,
            origin, asked_by, status, next_at)
          VALUES (${refund.refundId}, ${payment.payment_id}, ${refund.refundId}, ${payment.owner},
            ${payment.event_id}::bigint, ${amount}::bigint, ${payment.currency}, ${refund.reason},
            ${Rows.bigints(ticketIds)}::bigint[], ${refund.origin}, ${refund.askedBy}, 'requested', now())`
        if (ticketIds.length > 0) yield* voidTickets(ticketIds)
      })

      const begin: RefundStore["Service"]["begin"] = Effect.fn("RefundStore.begin")((refund) =>
        durably(
          sql,
          Effect.gen(function* () {
            const [payment] = yield* Effect.flatMap(
              sql`SELECT * FROM payments WHERE payment_id = ${refund.paymentId} FOR UPDATE`,
              decodePayments
            )
            if (payment === undefined) return yield* new RefundRefused({ reason: "unpaid", left: 0 })
            const known = yield* get(refund.refundId)
            if (Option.isSome(known)) return known.value
            yield* enter(refund, payment)
            return yield* Effect.orDie(Effect.flatMap(get(refund.refundId), Effect.fromOption))
          })
        )
      )

      const due: RefundStore["Service"]["due"] = (most, of) => {
        const among = of === undefined
          ? sql`true`
          : typeof of === "string"
          ? sql`refund_id = ${of}`
          : sql`event_id = ${of.eventId}::bigint`
        return Rows.all(Due)(sql`
          UPDATE refunds SET attempts = attempts + 1, next_at = now() + ${sql.literal(pause)}
          WHERE refund_id IN (
            SELECT refund_id FROM refunds WHERE status = 'requested' AND next_at <= now() AND ${among}
            ORDER BY next_at LIMIT ${most}::int FOR UPDATE SKIP LOCKED)
          RETURNING refund_id, payment_id, amount, reason, attempts`)
      }

      const taken = (refundId: string) =>
        Rows.run(sql`
          UPDATE refunds SET status = 'pending', asked_at = now(), updated_at = now()
          WHERE refund_id = ${refundId} AND status = 'requested'`)

      const refused = (refundId: string, failure: string) =>
        Rows.run(sql`
          UPDATE refunds SET status = 'refused', failure = ${failure.slice(0, 500)}, updated_at = now()
          WHERE refund_id = ${refundId} AND status = 'requested'`)

      const page = KeysetPage.make<typeof RefundRow, RefundFilters>(sql, "refunds", columns, RefundRow, {
        status: (status) => sql`status = ${status}`,
        payment_id: (paymentId) => sql`payment_id = ${paymentId}`,
        event_id: (number) =>
          sql`event_id IN (SELECT n.event_id FROM event_numbers n WHERE n.number = ${number}::bigint)`,
        origin: (origin) => sql`origin = ${origin}`
      })

      return RefundStore.of({ begin, get, due, taken, refused, page })
    })
  )
}
