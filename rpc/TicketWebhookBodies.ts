/** What the ticket generator posts to `/api/ticket-webhook-routes/`, and which mailbox each body is for. */
import { DateTime, Schema, SchemaGetter } from "effect"
import { createHash } from "node:crypto"
import { EventNumber, GuestId, JobId, TemplateId, TicketId } from "./values/Ids.ts"
import { type GeneratedTicket, GenerationData } from "./Ticket.ts"
import { paced } from "./values/Paced.ts"
import { Instant, JsonData, storable, text } from "./values/Values.ts"

const numbered = (prefix: string) =>
  Schema.Union([
    TicketId,
    Schema.String.check(
      Schema.isPattern(new RegExp(`^(${prefix}-)?[1-9][0-9]{0,15}$`), {
        message: `Expected 1, "1" or "${prefix}-1"`
      })
    ).pipe(
      Schema.decodeTo(TicketId, {
        decode: SchemaGetter.transform((text: string) => Number(text.slice(text.lastIndexOf("-") + 1))),
        encode: SchemaGetter.transform(String)
      })
    )
  ])

/** A ticket as webhooks name it: `1`, `"1"` or `"ticket-1"`. */
export const TicketRef = numbered("ticket")

const Metadata = JsonData
const Milliseconds = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
const Reason = text(500)

/** The body of the flows document, section «Flow 4». */
export const TicketGenerated = Schema.Struct({
  event_type: Schema.Literal("ticket.generated"),
  ticket_id: TicketRef,
  template_id: Schema.optionalKey(TemplateId),
  guest_id: Schema.optionalKey(GuestId),
  event_id: Schema.optionalKey(EventNumber),
  generation_data: GenerationData,
  notification_sent: Schema.optionalKey(Schema.Boolean),
  generated_at: Instant,
  processing_time_ms: Schema.optionalKey(Milliseconds),
  metadata: Schema.optionalKey(Metadata)
})

/** The same for a ticket that could not be generated. */
export const TicketFailed = Schema.Struct({
  event_type: Schema.Literal("ticket.failed"),
  ticket_id: TicketRef,
  guest_id: Schema.optionalKey(GuestId),
  event_id: Schema.optionalKey(EventNumber),
  reason: Reason,
  generated_at: Instant,
  processing_time_ms: Schema.optionalKey(Milliseconds),
  metadata: Schema.optionalKey(Metadata)
})

/** One ticket of a batch; one that is generated says what was made of it. */
export const BatchTicket = Schema.Struct({
  ticket_id: TicketRef,
  status: Schema.Literals(["generated", "failed"]),
  reason: Schema.NullOr(Reason),
  generation_data: Schema.NullOr(GenerationData),
  metadata: Metadata
}).check(
  Schema.makeFilter(({ generation_data, status }) =>
    status === "failed" || generation_data !== null ||
    { path: ["generation_data"], issue: "Expected what was generated" }
  )
)
export type BatchTicket = typeof BatchTicket.Type

/** A whole chunk in one webhook: what our own generator posts. */
export const TicketsGenerated = Schema.Struct({
  event_type: Schema.Literal("tickets.generated"),
  webhook_id: text(128).check(Schema.isNonEmpty()),
  job_id: JobId,
  event_id: EventNumber,
  generated_at: Instant,
  processing_time_ms: Milliseconds,
  tickets: Schema.Array(paced(BatchTicket)).check(Schema.isBetweenLength(1, 500))
})
export type TicketsGenerated = typeof TicketsGenerated.Type

const known = ["ticket.generated", "ticket.failed", "tickets.generated"]

/** An event type that we do not know: stored by the route, otherwise ignored. */
export const UnknownTicketEvent = Schema.Struct({
  event_type: storable(100).check(
    Schema.isNonEmpty(),
    Schema.makeFilter((type: string) => !known.includes(type) || "Expected the body of this event type")
  )
})

/** Every body that the route takes. */
export const TicketWebhook = Schema.Union([
  TicketGenerated,
  TicketFailed,
  TicketsGenerated,
  UnknownTicketEvent
])
export type TicketWebhook = typeof TicketWebhook.Type

/** What to send: a batch to its job, one ticket's news to the ticket, or nothing. */
export type TicketMessage =
  | {
    readonly _tag: "BatchGenerated"
    readonly jobId: string
    readonly payload: {
      readonly webhookId: string
      readonly generatedAt: DateTime.Utc
      readonly tickets: ReadonlyArray<GeneratedTicket>
    }
  }
  | {
    readonly _tag: "Generated"
    readonly ticketId: number
    readonly payload: {
      readonly webhookId: string
      readonly generatedAt: DateTime.Utc
      readonly ticket: GeneratedTicket
      readonly notify: boolean
    }
  }
  | { readonly _tag: "Ignored"; readonly eventType: string }

type KnownWebhook = typeof TicketGenerated.Type | typeof TicketFailed.Type | TicketsGenerated

const isKnown = (body: TicketWebhook): body is KnownWebhook => known.includes(body.event_type)

/**
 * What a delivery is known by. A batch has an id in its body; a single body is named by its `X-Request-ID` and by all
 * that it says, because one id may be that of a whole run. A repeat has the same bytes.
 */
export const webhookIdOf = (body: TicketWebhook, requestId: string, bytes: Uint8Array): string => {
  if (isKnown(body) && body.event_type === "tickets.generated") return body.webhook_id
  const digest = createHash("sha256").update(`${requestId}\n`).update(bytes).digest("hex")
  return `${requestId.slice(0, 64)}/${digest}`
}

/** Which mailbox a webhook goes to, and with what; a single body's delivery is known by `webhookId`. */
export const toMessage = (body: TicketWebhook, webhookId: string): TicketMessage => {
  if (!isKnown(body)) return { _tag: "Ignored", eventType: body.event_type }
  const generatedAt = body.generated_at
  if (body.event_type === "tickets.generated") {
    const tickets = body.tickets.map((ticket): GeneratedTicket => ({
      ticketId: ticket.ticket_id,
      status: ticket.status,
      reason: ticket.reason,
      data: ticket.generation_data,
      metadata: ticket.metadata,
      processingTimeMs: body.processing_time_ms
    }))
    const payload = { webhookId: body.webhook_id, generatedAt, tickets }
    return { _tag: "BatchGenerated", jobId: body.job_id, payload }
  }
  const ticketId = body.ticket_id
  const reported = { ticketId, metadata: body.metadata ?? {}, processingTimeMs: body.processing_time_ms }
  const ticket: GeneratedTicket = body.event_type === "ticket.generated"
    ? {
      ...reported,
      status: "generated",
      reason: null,
      data: body.generation_data,
      notificationSent: body.notification_sent
    }
    : { ...reported, status: "failed", reason: body.reason, data: null }
  const notify = body.event_type === "ticket.generated" && body.notification_sent !== true
  return {
    _tag: "Generated",
    ticketId,
    payload: { webhookId, generatedAt, ticket, notify }
  }
}
