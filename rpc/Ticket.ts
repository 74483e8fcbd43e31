/** One ticket: issued, generated, voided; the gate itself speaks to the Event. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import { EventNumber, GuestId, TemplateId, TicketId } from "./values/Ids.ts"
import { Instant, text, WebUrl } from "./values/Values.ts"

export const TicketStatus = Schema.Literals(["issued", "admitted", "voided"])
export const PaymentState = Schema.Literals(["free", "pending", "paid", "failed", "refunded", "disputed"])

/** Files and figures of one rendering, as the ticket generator reports them. */
export const GenerationData = Schema.Struct({
  format: text(100),
  qr_code: Schema.Boolean,
  file_url: Schema.NullOr(WebUrl),
  qr_url: Schema.NullOr(WebUrl),
  file_size: Schema.NullOr(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))),
  qr_size: Schema.optionalKey(text(100)),
  file_key: Schema.optionalKey(Schema.NullOr(text(500))),
  qr_key: Schema.optionalKey(Schema.NullOr(text(500)))
})
export type GenerationData = typeof GenerationData.Type

/**
 * What is archived of a report, beside the files: a `reason` of a failure, `format` and QR of a success.
 * `processing_time_ms` is that of the whole report, which may have been of many tickets.
 */
export const ArchivedReport = Schema.Struct({
  generated_at: Instant,
  reason: Schema.optionalKey(Schema.String),
  format: Schema.optionalKey(Schema.String),
  qr_code: Schema.optionalKey(Schema.Boolean),
  qr_size: Schema.optionalKey(Schema.String),
  processing_time_ms: Schema.optionalKey(Schema.Finite),
  notification_sent: Schema.optionalKey(Schema.Boolean),
  metadata: Schema.Json
})
export type ArchivedReport = typeof ArchivedReport.Type

/** The last report that the ticket was generated, and the last that it could not be. */
export const GenerationArchive = Schema.Struct({
  generated: Schema.optionalKey(ArchivedReport),
  failed: Schema.optionalKey(ArchivedReport)
})

/**
 * Characters, as `U+E000`, for which boxes were printed: what a generator reported beside the files, or nothing when it
 * printed all of them or says nothing of it.
 */
const Boxes = Schema.Struct({
  unprintable: Schema.Array(Schema.String.check(Schema.isPattern(/^U\+[0-9A-F]{4,6}$/))).check(
    Schema.isMaxLength(20)
  )
})
const decodeBoxes = Schema.decodeUnknownOption(Boxes)
export const unprintableOf = (archive: typeof GenerationArchive.Type | null): ReadonlyArray<string> =>
  Option.match(decodeBoxes(archive?.generated?.metadata), {
    onNone: () => [],
    onSome: ({ unprintable }) => unprintable
  })

/**
 * A ticket as its organiser reads it; `unprintable` are the characters for which its file has boxes, `page_url` its guest's
 * page, which opens for whoever has the address.
 */
export const TicketView = Schema.Struct({
  ticket_id: TicketId,
  event_id: EventNumber,
  guest_id: GuestId,
  guest_name: Schema.String,
  ticket_code: Schema.String,
  ticket_type: Schema.String,
  template_id: TemplateId,
  seat: Schema.NullOr(Schema.String),
  status: TicketStatus,
  payment_state: PaymentState,
  qr_data: Schema.String,
  generated_at: Schema.NullOr(Instant),
  file_url: Schema.NullOr(Schema.String),
  qr_url: Schema.NullOr(Schema.String),
  page_url: Schema.String,
  file_size: Schema.NullOr(Schema.Int),
  generation: Schema.NullOr(GenerationArchive),
  unprintable: Schema.Array(Schema.String),
  first_admitted_at: Schema.NullOr(Instant),
  first_gate: Schema.NullOr(Schema.String),
  flow_id: Schema.NullOr(Schema.String)
})
export type TicketView = typeof TicketView.Type

export class TicketNotFound extends Schema.TaggedError<TicketNotFound>()("TicketNotFound", {
  ticket_id: TicketId
}) {}

/**
 * What the generator reports of one ticket: files, or the reason of its failure; how long the whole report took, and
 * whether the guest was notified.
 */
export const GeneratedTicket = Schema.Struct({
  ticketId: TicketId,
  status: Schema.Literals(["generated", "failed"]),
  reason: Schema.NullOr(Schema.String),
  data: Schema.NullOr(GenerationData),
  metadata: Schema.Json,
  processingTimeMs: Schema.optional(Schema.Finite),
  notificationSent: Schema.optional(Schema.Boolean)
})
export type GeneratedTicket = typeof GeneratedTicket.Type

/**
 * Stores files and archived metadata of one rendering; with `notify` the guest is to be notified, which the generator did
 * not. Persisted: a webhook is answered once it is in the mailbox.
 */
export const Generated = Rpc.make("Generated", {
  payload: {
    webhookId: Schema.String,
    generatedAt: Schema.DateTimeUtc,
    ticket: GeneratedTicket,
    notify: Schema.optionalKey(Schema.Boolean)
  },
  error: TicketNotFound,
  primaryKey: ({ webhookId }) => webhookId
}).annotate(ClusterSchema.Persisted, true)

export const Ticket = Entity.make("Ticket", [Generated])
