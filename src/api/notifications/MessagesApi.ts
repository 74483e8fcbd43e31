/** What became of messages: dead letters, every attempt, sending again, and the addresses that nothing is sent to. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Channel, MessageView, SuppressionReason } from "../../../rpc/NotificationSequence.ts"
import { EventNumber, GuestId, TicketId } from "../../../rpc/values/Ids.ts"
import { Email, Instant, limited, Phone, storable, text } from "../../../rpc/values/Values.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"
import { Conflict, Forbidden, InvalidRequest, NotFound } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { Link } from "../../http/Shapes.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Idempotency } from "../rules/Idempotency.ts"

/** Which page of a list that is in the order of its ids: `after` is the last id of the page before. */
const AfterQuery = {
  limit: Schema.optionalKey(
    Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 500 }))
  ),
  after: Schema.optionalKey(storable(200))
}

/** A message of any kind; its event is null where a payment is for none. */
export const LetterView = Schema.Struct({
  ...MessageView.fields,
  event_id: Schema.NullOr(EventNumber),
  recipient: Schema.String,
  resend_at: Schema.NullOr(Instant)
})

export const LettersPage = Schema.Struct({
  messages: Schema.Array(LetterView),
  next_after: Schema.NullOr(Schema.String)
})

/** One attempt: `code` is what the provider said, `in_doubt` that it may have taken the message all the same. */
export const AttemptView = Schema.Struct({
  attempt: Schema.Int,
  at: Instant,
  outcome: Schema.Literals(["sent", "failed", "skipped"]),
  reason: Schema.NullOr(Schema.String),
  code: Schema.NullOr(Schema.String),
  in_doubt: Schema.Boolean
})

/** With its attempts, the first 100 of them. */
export const LetterFullView = Schema.Struct({ ...LetterView.fields, attempt_list: Schema.Array(AttemptView) })

/** An address on the list; null once its guest was erased, of whom the digest remains. */
export const SuppressionView = Schema.Struct({
  digest: Schema.String,
  channel: Channel,
  address: Schema.NullOr(Schema.String),
  reason: SuppressionReason,
  detail: Schema.NullOr(Schema.String),
  created_at: Instant
})

export const SuppressionsPage = Schema.Struct({
  suppressions: Schema.Array(SuppressionView),
  next_after: Schema.NullOr(Schema.String)
})

/** An address that its owner asked to be left alone. */
export const SuppressionBody = Schema.Union([
  Schema.Struct({ channel: Schema.Literal("email"), address: Email, detail: Schema.optionalKey(text(200)) }),
  Schema.Struct({ channel: Schema.Literal("sms"), address: Phone, detail: Schema.optionalKey(text(200)) })
])

const messageId = { message_id: storable(200) }

/** SHA-256 in hex. */
const digest = {
  digest: limited(64, Schema.isPattern(/^[0-9a-f]{64}$/, { message: "Expected the digest of an entry" }))
}

export class MessagesGroup extends HttpApiGroup.make("messages").add(
  HttpApiEndpoint.get("dead", "/messages/dead", {
    query: {
      ...AfterQuery,
      event_id: Schema.optionalKey(Schema.FiniteFromString.pipe(Schema.decodeTo(EventNumber)))
    },
    success: HttpApiSchema.WithHeaders(LettersPage, Link),
    error: [Forbidden, InvalidRequest, NotFound]
  }).annotateMerge(OpenApi.annotations({
    summary: "Messages that nobody tries any more, in pages",
    description:
      "What was refused for good, and what was given up: failed, and not tried for 90 minutes. Each with its reason."
  })),
  HttpApiEndpoint.post("resendDead", "/messages/dead/resend", {
    payload: Schema.Struct({ event_id: Schema.optionalKey(EventNumber) }),
    success: Schema.Struct({ marked: Schema.Int }).pipe(HttpApiSchema.status(202)),
    error: [Forbidden, InvalidRequest, NotFound]
  }).annotate(LimitedAs, "work").annotateMerge(OpenApi.annotations({
    summary: "Send all dead letters again",
    description: "Of one event, or of all; 10,000 at most, of which `marked` says how many there were."
  })),
  HttpApiEndpoint.get("get", "/messages/:message_id", {
    params: messageId,
    success: LetterFullView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "A message and every attempt to deliver it" })),
  HttpApiEndpoint.post("resend", "/messages/:message_id/resend", {
    params: messageId,
    success: LetterFullView.pipe(HttpApiSchema.status(202)),
    error: [Forbidden, NotFound, Conflict]
  }).annotate(LimitedAs, "work").annotateMerge(OpenApi.annotations({
    summary: "Send a message again that failed or was suppressed",
    description:
      "Made anew, for the address that its reader has now. One that was sent, skipped or canceled is 409: " +
      "a ticket's e-mail is sent anew by its own route."
  })),
  HttpApiEndpoint.post("sendTicket", "/tickets/:ticket_id/messages", {
    params: { ticket_id: Schema.FiniteFromString.pipe(Schema.decodeTo(TicketId)) },
    payload: Schema.Struct({ channel: Channel }),
    success: LetterFullView.pipe(HttpApiSchema.status(202)),
    error: [Forbidden, NotFound, Conflict]
  }).annotate(LimitedAs, "work").annotateMerge(OpenApi.annotations({
    summary: "Send a ticket to its guest again",
    description:
      "A new message, to the address that the guest has now. Under one Idempotency-Key it is one message; without a key " +
      "the same ticket over the same channel is one message a minute."
  })),
  HttpApiEndpoint.patch("correct", "/events/:event_id/guests/:guest_id/address", {
    params: {
      event_id: EventNumber,
      guest_id: Schema.FiniteFromString.pipe(Schema.decodeTo(GuestId))
    },
    payload: Schema.Struct({
      email: Schema.optionalKey(Email),
      phone: Schema.optionalKey(Schema.NullOr(Phone))
    }),
    success: Schema.Struct({ guest_id: GuestId, email: Schema.String, phone: Schema.NullOr(Schema.String) }),
    error: [Forbidden, InvalidRequest, NotFound]
  }).annotateMerge(OpenApi.annotations({
    summary: "Correct where a guest is reached",
    description: "What is sent from now on goes there, and so does what is sent again."
  })),
  HttpApiEndpoint.get("suppressions", "/suppressions", {
    query: AfterQuery,
    success: HttpApiSchema.WithHeaders(SuppressionsPage, Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "The addresses that nothing is sent to, each with its reason",
    description:
      "An organiser's own list: an address comes on it when a mail server says that no mailbox has it, when its provider " +
      "reports a bounce or a complaint, when its reader unsubscribes, or by hand."
  })),
  HttpApiEndpoint.post("suppress", "/suppressions", {
    payload: SuppressionBody,
    success: SuppressionView.pipe(HttpApiSchema.status(201)),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({ summary: "Put an address on the list" })),
  HttpApiEndpoint.delete("lift", "/suppressions/:digest", {
    params: digest,
    success: Schema.Struct({ lifted: Schema.Literal(true) }),
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "Take an address off the list" }))
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Messages",
    description:
      "What became of messages, whatever they belong to, and the addresses that nothing is sent to."
  })) {}
