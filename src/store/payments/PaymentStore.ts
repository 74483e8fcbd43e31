/** Payments: what was asked, every event of each, and the state that the events mean. */
import { Array, Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { PaymentStatus, PaymentView } from "../../../rpc/Payment.ts"
import type { Customer, PaymentMetadata, PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import type { EventId } from "../../../rpc/values/Ids.ts"
import * as Rows from "../Rows.ts"
import * as PaymentClaims from "./PaymentClaims.ts"
import * as PaymentEvents from "./PaymentEvents.ts"
import * as PaymentLines from "./PaymentLines.ts"
import { idsOf, json, PaymentRow } from "./PaymentRow.ts"
import * as PaymentViews from "./PaymentViews.ts"
import * as PaymentWatch from "./PaymentWatch.ts"

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

const SettledRow = Schema.Struct({ unearned: Schema.NullOr(Schema.String), speaks: Schema.Boolean })

export class PaymentStore extends Context.Service<PaymentStore, {
  /**
   * Stores what will be asked of the gateway; a payment or a flow that is stored already is returned as it
   * is.
   */
  readonly begin: (payment: NewPayment) => Effect.Effect<PaymentRow>
  /** Keeps the gateway's own name of the payment. */
  readonly accepted: (paymentId: string, gatewayRef: string) => Effect.Effect<void>
  /** Applies a webhook: commutative and idempotent; an unknown payment is made from the body. */
  readonly apply: (webhook: PaymentWebhook) => Effect.Effect<PaymentEvents.Applied>
  /** Decides a payment without a webhook, when the gateway refused to take it or the flow gave it up. */
  readonly close: (
    paymentId: string,
    eventType: "payment.failed" | "payment.canceled"
  ) => Effect.Effect<Option.Option<PaymentEvents.Applied>>
  /** Gives tickets that were issued or left after the decision the state of their flow's payment. */
  readonly syncTickets: (flowId: string) => Effect.Effect<void>
  /** The payment of this flow when it has to be refunded: it settled, and its flow is over and left no ticket. */
  readonly unearned: (flowId: string) => Effect.Effect<Option.Option<string>>
  /**
   * Looks after a flow whose payment has settled: `unearned` as above; otherwise a step that was told as failed before the
   * flow was over shows the `result`. `speaks`: the flow's step of notifications is still to begin.
   */
  readonly settled: (
    flowId: string,
    result: Schema.Json
  ) => Effect.Effect<{ readonly unearned: string | null; readonly speaks: boolean }>
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
  /**
   * Open payments of orders that were not paid within so many seconds, and whose flows have ended; whether the gateway has
   * them. They are noted as asked about, so that those that cannot be called off let others go first.
   */
  readonly abandoned: (
    seconds: number,
    most: number
  ) => Effect.Effect<ReadonlyArray<{ readonly payment_id: string; readonly opened: boolean }>>
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
        const begun = yield* Rows.first(PaymentRow)(sql`
          INSERT INTO payments (payment_id, flow_id, execution_id, event_id, user_id, owner, amount, currency, status,
            gateway, customer, metadata, create_invoice, send_receipt)
          VALUES (${payment.paymentId}, ${payment.flowId}, ${payment.executionId}, ${payment.eventId}::bigint,
            ${payment.userId}::bigint, ${payment.owner}, ${payment.amount}::bigint, ${payment.currency}, 'pending',
            ${payment.gateway}, ${json(payment.customer)}::jsonb, ${json(payment.metadata)}::jsonb,
            ${payment.createInvoice}, ${payment.sendReceipt})
          ON CONFLICT DO NOTHING RETURNING *`)
        if (Option.isSome(begun)) {
          yield* PaymentLines.began(begun.value)
          return begun.value
        }
        const stored = yield* Rows.first(PaymentRow)(sql`
          SELECT * FROM payments WHERE payment_id = ${payment.paymentId} OR flow_id = ${payment.flowId}`)
        return yield* Effect.orDie(Effect.fromOption(stored))
      })

      const accepted = (paymentId: string, gatewayRef: string) =>
        Rows.run(sql`
          UPDATE payments SET gateway_ref = ${gatewayRef}, updated_at = now()
          WHERE payment_id = ${paymentId} AND gateway_ref IS NULL`)

      const get = (paymentId: string) =>
        Rows.first(PaymentRow)(sql`SELECT * FROM payments WHERE payment_id = ${paymentId}`)

      const status = (paymentId: string) =>
        Effect.map(get(paymentId), (payment) => Option.isNone(payment) ? null : payment.value.status)

      const forFlow = (flowId: string) =>
        Rows.first(PaymentRow)(sql`SELECT * FROM payments WHERE flow_id = ${flowId}`)

      const syncTickets = (flowId: string) =>
        Rows.run(sql`WITH ${PaymentClaims.markingAsItStands(sql, flowId)} SELECT 1 FROM deciding`)

      const unearned = (flowId: string) => Effect.map(idsOf(PaymentClaims.unearned(sql, flowId)), Array.head)

      const settled: PaymentStore["Service"]["settled"] = (flowId, result) =>
        Effect.orDie(
          Effect.flatMap(
            Rows.first(SettledRow)(PaymentClaims.settled(sql, flowId, JSON.stringify(result))),
            Effect.fromOption
          )
        )

      return PaymentStore.of({
        settled,
        begin,
        accepted,
        get,
        status,
        forFlow,
        syncTickets,
        unearned,
        ...PaymentEvents.make(sql),
        ...PaymentWatch.make(sql),
        ...PaymentViews.make(sql)
      })
    })
  )
}
