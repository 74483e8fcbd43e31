/** Answers for payments, refunds, disputes and documents. */
import { Effect, Option } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { format } from "../../../rpc/values/Money.ts"
import { type RefundBody, refundRefusals } from "../../../rpc/payments/Refund.ts"
import { askFor } from "../../payments/Refunds.ts"
import { PaymentClient } from "../../payments/PaymentClient.ts"
import { PaymentHistory } from "../../store/payments/PaymentHistory.ts"
import { PaymentIndex } from "../../store/payments/PaymentIndex.ts"
import { PaymentStore } from "../../store/payments/PaymentStore.ts"
import { type RefundRow, RefundStore, whatOf } from "../../store/payments/RefundStore.ts"
import { Conflict, InvalidRequest } from "../../http/Problems.ts"
import { noStore } from "../../http/NoStore.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { CurrentCaller } from "../rules/CurrentCaller.ts"
import { IdempotencyKey, idempotencyKeyHeader } from "../rules/Idempotency.ts"
import { nextPage, pageSize } from "../rules/NextPage.ts"
import { resourceId } from "../rules/ResourceId.ts"
import { ownerOf, visible } from "../rules/Visible.ts"
import { PaymentsGroup } from "./PaymentsApi.ts"

/** The caller waits so long to hear that the provider took a refund; it is asked for all the same. */
const providersPatience = "1500 millis"

const keyNeeded = new InvalidRequest({
  detail: "Send an Idempotency-Key: it names this refund, so that sending it again is no second one.",
  errors: [{
    in: "header",
    parameter: idempotencyKeyHeader,
    detail: "Send 1 to 255 visible ASCII characters, new ones for each refund."
  }]
})

const viewOf = ({ owner: _owner, seq: _seq, ...refund }: RefundRow) => refund

/** A line of a list without what is ours; with its organiser where the list is of several. */
const lineOf =
  <A extends { readonly owner: string | null; readonly seq: number }>(everybodys: boolean) =>
  ({ owner, seq: _seq, ...line }: A) => everybodys ? { ...line, organizer: owner } : line

export const PaymentsHttpLayer = HttpApiBuilder.group(
  apiOf(PaymentsGroup),
  "payments",
  Effect.fn(function* (handlers) {
    const payments = yield* PaymentStore
    const index = yield* PaymentIndex
    const histories = yield* PaymentHistory
    const refunds = yield* RefundStore
    const services = yield* Effect.context<PaymentClient | RefundStore>()

    const paymentOf = (paymentId: string) => visible("payment", payments.get(paymentId))

    /** Kept first, and asked for at once: whoever dies between the two leaves it to the keeper. */
    const refund = Effect.fn("PaymentsHttp.refund")(function* (paymentId: string, body: RefundBody) {
      const payment = yield* paymentOf(paymentId)
      if (Option.isNone(yield* IdempotencyKey)) return yield* keyNeeded
      const refundId = yield* resourceId("refund", body, Effect.succeed)
      const { subject } = yield* CurrentCaller
      const kept = yield* refunds.begin({
        refundId,
        paymentId,
        what: whatOf(body),
        reason: body.reason,
        origin: "organizer",
        askedBy: subject
      }).pipe(
        Effect.mapError(({ left, reason }) =>
          new Conflict({ detail: refundRefusals[reason](format(left, payment.currency, "en")) })
        )
      )
      yield* Effect.provideContext(Effect.timeoutOption(askFor(refundId), providersPatience), services)
      return Option.getOrElse(yield* refunds.get(refundId), () => kept)
    })

    return handlers.handleAll({
      list: ({ query: { cursor, limit = pageSize, ...filters } }) =>
        Effect.gen(function* () {
          const owner = yield* ownerOf
          const page = yield* index.payments({ owner, before: cursor, limit }, filters)
          const { headers, next_cursor } = yield* nextPage("/api/payments", page)
          return HttpApiSchema.withHeaders({
            body: { payments: page.rows.map(lineOf(owner === undefined)), next_cursor },
            headers
          })
        }),
      history: ({ params: { payment_id } }) =>
        noStore(Effect.gen(function* () {
          const payment = yield* paymentOf(payment_id)
          return { payment_id, history: yield* histories.of(payment) }
        })),
      refund: ({ params: { payment_id }, payload }) =>
        Effect.map(refund(payment_id, payload), (row) =>
          HttpApiSchema.withHeaders({
            body: viewOf(row),
            headers: { location: `/api/refunds/${row.refund_id}` }
          })),
      refunds: ({ query: { cursor, limit = pageSize, ...filters } }) =>
        Effect.gen(function* () {
          const owner = yield* ownerOf
          const page = yield* refunds.page({ owner, before: cursor, limit }, filters)
          const { headers, next_cursor } = yield* nextPage("/api/refunds", page)
          return HttpApiSchema.withHeaders({
            body: { refunds: page.rows.map(lineOf(owner === undefined)), next_cursor },
            headers
          })
        }),
      refundOf: ({ params: { refund_id } }) =>
        noStore(Effect.map(visible("refund", refunds.get(refund_id)), viewOf)),
      disputes: ({ query: { cursor, limit = pageSize, ...filters } }) =>
        Effect.gen(function* () {
          const owner = yield* ownerOf
          const page = yield* index.disputes({ owner, before: cursor, limit }, filters)
          const { headers, next_cursor } = yield* nextPage("/api/disputes", page)
          return HttpApiSchema.withHeaders({
            body: { disputes: page.rows.map(lineOf(owner === undefined)), next_cursor },
            headers
          })
        }),
      documents: ({ query: { cursor, limit = pageSize, ...filters } }) =>
        Effect.gen(function* () {
          const owner = yield* ownerOf
          const page = yield* index.invoices({ owner, before: cursor, limit }, filters)
          const { headers, next_cursor } = yield* nextPage("/api/invoices", page)
          return HttpApiSchema.withHeaders({
            body: { invoices: page.rows.map(lineOf(owner === undefined)), next_cursor },
            headers
          })
        })
    })
  })
)
