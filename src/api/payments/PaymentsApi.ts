/** What an organiser does with payments: lists, the history of one, refunds, disputes, documents. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { PaymentAttention, PaymentStatus } from "../../../rpc/Payment.ts"
import { DisputeView, RefundBody, RefundView } from "../../../rpc/payments/Refund.ts"
import { EventNumber, PaymentId, RefundId } from "../../../rpc/values/Ids.ts"
import { Amount, Currency } from "../../../rpc/values/Money.ts"
import { Instant } from "../../../rpc/values/Values.ts"
import { HistoryEntry } from "../../store/payments/PaymentHistory.ts"
import {
  DisputeFilters,
  DocumentKind,
  InvoiceFilters,
  PaymentFilters
} from "../../store/payments/PaymentIndex.ts"
import { RefundFilters } from "../../store/payments/RefundStore.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Idempotency } from "../rules/Idempotency.ts"
import { PageQuery } from "../rules/NextPage.ts"
import { Conflict, Forbidden, InvalidRequest, NotFound } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { Link, Location } from "../../http/Shapes.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"

/** Whose it is, where the list is of several organisers. */
const organizer = { organizer: Schema.optionalKey(Schema.NullOr(Schema.String)) }

/** A page of a list, newest first; `next_cursor` is null on the last one. */
const pageOf = <const Name extends string, S extends Schema.Struct<Schema.Struct.Fields>>(
  name: Name,
  item: S
) =>
  Schema.Struct(
    {
      [name]: Schema.Array(item),
      next_cursor: Schema.NullOr(Schema.String)
    } as { readonly [K in Name]: Schema.$Array<S> } & { readonly next_cursor: Schema.NullOr<Schema.String> }
  )

/** `balance` is what is left: received less refunded less disputed. */
export const PaymentSummary = Schema.Struct({
  payment_id: PaymentId,
  flow_id: Schema.NullOr(Schema.String),
  event_id: Schema.NullOr(EventNumber),
  amount: Amount,
  currency: Currency,
  status: PaymentStatus,
  created_at: Instant,
  settled_at: Schema.NullOr(Instant),
  amount_received: Amount,
  amount_refunded: Amount,
  amount_disputed: Amount,
  balance: Schema.Int,
  attention: Schema.Array(PaymentAttention),
  ...organizer
})

/** `gross` of a credit note is negative; `corrects` is the invoice that it is about. */
export const DocumentSummary = Schema.Struct({
  number: Schema.String,
  kind: DocumentKind,
  corrects: Schema.NullOr(Schema.String),
  payment_id: PaymentId,
  issued_at: Instant,
  currency: Currency,
  net: Schema.Int,
  vat: Schema.Int,
  gross: Schema.Int,
  ...organizer
})

const params = { payment_id: PaymentId }

const RefundListed = Schema.Struct({ ...RefundView.fields, ...organizer })
const DisputeListed = Schema.Struct({ ...DisputeView.fields, ...organizer })

export class PaymentsGroup extends HttpApiGroup.make("payments").add(
  HttpApiEndpoint.get("list", "/payments", {
    query: { ...PageQuery, ...PaymentFilters },
    success: HttpApiSchema.WithHeaders(pageOf("payments", PaymentSummary), Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "Your payments, newest first, in pages",
    description:
      "`from` and `to` are about when a payment was asked for; `attention` is what a person has to look at."
  })),
  HttpApiEndpoint.get("history", "/payments/:payment_id/history", {
    params,
    success: Schema.Struct({ payment_id: PaymentId, history: Schema.Array(HistoryEntry) }),
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({
    summary: "All that happened to a payment",
    description:
      "Every event in the order in which it was received, with what it made of the payment, every refund that was asked " +
      "for, every document that was issued and every message that was sent: the first 200 of each."
  })),
  HttpApiEndpoint.post("refund", "/payments/:payment_id/refunds", {
    params,
    payload: RefundBody,
    success: HttpApiSchema.WithHeaders(RefundView.pipe(HttpApiSchema.status(202)), Location),
    error: [Forbidden, NotFound, Conflict, InvalidRequest]
  }).annotate(LimitedAs, "work").annotateMerge(OpenApi.annotations({
    summary: "Refund a payment, whole or in part",
    description:
      "An `amount`, the share of some tickets (which are void from then on), or without either all that is left. The " +
      "Idempotency-Key names the refund and is needed: under one key it is one refund for ever, and two refunds of the " +
      "same amount have two keys. Never more is refunded than is left. What becomes of it is at its `Location`; the " +
      "credit note follows once the money has gone back."
  })),
  HttpApiEndpoint.get("refunds", "/refunds", {
    query: { ...PageQuery, ...RefundFilters },
    success: HttpApiSchema.WithHeaders(pageOf("refunds", RefundListed), Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "Refunds, newest first, in pages",
    description:
      "What was asked for here, and what failed of those that were made at the payment provider itself."
  })),
  HttpApiEndpoint.get("refundOf", "/refunds/:refund_id", {
    params: { refund_id: RefundId },
    success: RefundView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "A refund and where it stands" })),
  HttpApiEndpoint.get("disputes", "/disputes", {
    query: { ...PageQuery, ...DisputeFilters },
    success: HttpApiSchema.WithHeaders(pageOf("disputes", DisputeListed), Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({ summary: "Disputes, newest first, in pages" })),
  HttpApiEndpoint.get("documents", "/invoices", {
    query: { ...PageQuery, ...InvoiceFilters },
    success: HttpApiSchema.WithHeaders(pageOf("invoices", DocumentSummary), Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "Invoices, credit notes and corrective invoices, newest first, in pages",
    description: "The PDF of each is `/api/invoices/<number>.pdf`."
  }))
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Payments",
    description: "Payments, refunds, disputes and the documents of the book."
  })) {}
