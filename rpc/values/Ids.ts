/** Identifiers as they travel: integers chosen by clients, prefixed strings made by Guichet. */
import * as Schema from "effect/Schema"

const positive = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))

/** A prefixed identifier: `<prefix>_` and up to 64 letters, digits, `_` or `-`. */
const prefixed = (prefix: string) =>
  Schema.String.check(
    Schema.isPattern(new RegExp(`^${prefix}_[A-Za-z0-9_-]{1,64}$`), {
      message: `Expected an id like ${prefix}_…`
    })
  )

declare const kind: unique symbol

/** A number of one kind: a literal passes for any, but a number of one kind does not pass for another. */
type Kind<Name extends string> = number & { readonly [kind]?: Name }

/** An event, as its organiser numbers it: in bodies, paths, QR data and documents. Two organisers may use the same number. */
export type EventNumber = Kind<"EventNumber">
export const EventNumber: Schema.Codec<EventNumber, number> = positive

/** An event, as Guichet keys it: in stores, entities and the messages between them. Nobody outside sees it. */
export type EventId = Kind<"EventId">
export const EventId: Schema.Codec<EventId, number> = positive

/** A guest of one event; two events may use the same number. */
export const GuestId = positive
export type GuestId = typeof GuestId.Type

/** A ticket, numbered by Guichet. */
export const TicketId = positive
export type TicketId = typeof TicketId.Type

/** A ticket template. */
export const TemplateId = positive
export type TemplateId = typeof TemplateId.Type

/** A run of the complete flow. */
export const FlowId = prefixed("flow")
export type FlowId = typeof FlowId.Type

/** A ticket generation job. */
export const JobId = prefixed("job")
export type JobId = typeof JobId.Type

/** A payment, as the payment service names it. */
export const PaymentId = prefixed("pay")
export type PaymentId = typeof PaymentId.Type

/** A refund of a payment, or of a part of it. */
export const RefundId = prefixed("refund")
export type RefundId = typeof RefundId.Type

/** A configured notification sequence. */
export const SequenceId = prefixed("seq")
export type SequenceId = typeof SequenceId.Type
