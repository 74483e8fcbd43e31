/** An event and its gate: what can be said to the one owner of its guests, its doors and its counters. */
import * as Schema from "effect/Schema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import { EventId, EventNumber, GuestId, TemplateId, TicketId } from "./values/Ids.ts"
import { AdmitRequests, Direction, GateRules, Verdict } from "./Scan.ts"
import { Email, Instant, Label, Locale, Phone, TimeZone } from "./values/Values.ts"

export const EventStatus = Schema.Literals(["draft", "active", "canceled", "completed"])
export type EventStatus = typeof EventStatus.Type

/** What an organiser publishes; `doors_*` limit scans by time only when they are given. */
export const EventData = Schema.Struct({
  event_id: EventNumber,
  title: Label,
  date: Instant,
  location: Label,
  max_attendees: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })),
  status: EventStatus,
  timezone: Schema.optionalKey(TimeZone),
  doors_open_at: Schema.optionalKey(Instant),
  doors_close_at: Schema.optionalKey(Instant),
  reentry: Schema.optionalKey(Schema.Boolean)
})
export type EventData = typeof EventData.Type

/** Someone invited; without a phone no SMS is sent. */
export const GuestData = Schema.Struct({
  guest_id: GuestId,
  name: Label,
  email: Email,
  phone: Schema.optionalKey(Schema.NullOr(Phone)),
  ticket_type: Label,
  locale: Schema.optionalKey(Locale)
})
export type GuestData = typeof GuestData.Type

const published = {
  event_id: EventNumber,
  title: Schema.String,
  date: Instant,
  timezone: Schema.String,
  location: Schema.String,
  max_attendees: Schema.Int,
  status: EventStatus,
  doors_open_at: Schema.NullOr(Instant),
  doors_close_at: Schema.NullOr(Instant),
  reentry: Schema.Boolean
}

/** An event in a list: what was published, and when it was first; its `organizer` where the list is of several. */
export const EventSummary = Schema.Struct({
  ...published,
  organizer: Schema.optionalKey(Schema.String),
  created_at: Instant
})
export type EventSummary = typeof EventSummary.Type

/** An event as its organiser reads it, with what has happened so far. */
export const EventView = Schema.Struct({
  ...published,
  guests: Schema.Int,
  tickets: Schema.Int,
  inside: Schema.Int,
  entered: Schema.Int
})
export type EventView = typeof EventView.Type

/** The event belongs to someone else; callers over HTTP see it as not found. */
export class EventNotYours
  extends Schema.TaggedError<EventNotYours>()("EventNotYours", { event_id: EventId }) {}

export class EventNotFound
  extends Schema.TaggedError<EventNotFound>()("EventNotFound", { event_id: EventId }) {}

/** More guests than `max_attendees`. */
export class EventFull extends Schema.TaggedError<EventFull>()("EventFull", {
  event_id: EventId,
  max_attendees: Schema.Int,
  requested: Schema.Int
}) {}

/** The event is over: it was canceled or completed. Its status itself opens it again, unless it was called off. */
export class EventClosed extends Schema.TaggedError<EventClosed>()("EventClosed", {
  event_id: EventId,
  status: EventStatus
}) {}

/**
 * Creates or updates the event; one that is canceled or completed stays as it is, whatever order comes late. Volatile:
 * an upsert, and the flow that sends it is durable.
 */
export const Publish = Rpc.make("Publish", {
  payload: { owner: Schema.String, event: EventData },
  error: Schema.Union([EventNotYours, EventClosed])
})

/**
 * Opens, cancels or completes the event, for the next scan already; one that was called off stays canceled. Volatile: the
 * same again changes nothing.
 */
export const SetStatus = Rpc.make("SetStatus", {
  payload: { status: EventStatus },
  error: Schema.Union([EventNotFound, EventClosed])
})

/** Adds guests. Volatile: idempotent by guest id, and the flow that sends it is durable. */
export const RegisterGuests = Rpc.make("RegisterGuests", {
  payload: { flowId: Schema.NullOr(Schema.String), guests: Schema.Array(GuestData) },
  success: Schema.Struct({ registered: Schema.Int }),
  error: Schema.Union([EventNotFound, EventFull])
})

/** One live ticket a guest, for at most a chunk of guests. Volatile: a unique index makes it idempotent. */
export const IssueTickets = Rpc.make("IssueTickets", {
  payload: {
    flowId: Schema.NullOr(Schema.String),
    templateId: TemplateId,
    guestIds: Schema.Array(GuestId),
    paymentPending: Schema.Boolean
  },
  success: Schema.Array(TicketId),
  error: EventNotFound
})

/** Replaces the rules that make a scan suspicious. Volatile: the same again changes nothing. */
export const SetGateRules = Rpc.make("SetGateRules", { payload: { rules: GateRules }, error: EventNotFound })

/** The database is away or asks to try again: nothing was decided, and the scans may be sent again. */
export class GateAway extends Schema.TaggedError<GateAway>()("GateAway", { event_id: EventId }) {}

/**
 * Decides scans in their order; null in the place of one that could not be decided, which is logged. Volatile: a
 * lost scan is sent again under its scan id and gets the same verdict.
 */
export const Admit = Rpc.make("Admit", {
  payload: { scans: AdmitRequests },
  success: Schema.Array(Schema.NullOr(Verdict)),
  error: GateAway
})

/** What an annulled scan leaves: the scan stays in the journal, marked. */
export const Annulment = Schema.Struct({
  scan_id: Schema.String,
  event_id: EventId,
  ticket_id: Schema.NullOr(TicketId),
  gate: Schema.String,
  direction: Direction,
  annulled_at: Instant
})
export type Annulment = typeof Annulment.Type

/** No scan of this event has this id. */
export class ScanNotFound extends Schema.TaggedError<ScanNotFound>()(
  "ScanNotFound",
  { scan_id: Schema.String }
) {}

/**
 * Why a scan stays as it is: another device, too late, it let nobody pass, the ticket has moved since, or the place of
 * someone who did not leave after all is taken.
 */
export const AnnulRefusal = Schema.Literals([
  "another_device",
  "too_late",
  "not_admitted",
  "moved_since",
  "capacity_reached"
])
export type AnnulRefusal = typeof AnnulRefusal.Type

export class AnnulRefused extends Schema.TaggedError<AnnulRefused>()(
  "AnnulRefused",
  { scan_id: Schema.String, reason: AnnulRefusal }
) {}

/**
 * Annuls a scan whose turnstile did not turn: by the same device, within 15 minutes, or by a supervisor (`supervised`),
 * whatever device made it and at any time. `claimedOperator` and `reason`
 * are what the device says. Volatile: annulled twice is annulled once, with the first answer.
 */
export const Annul = Rpc.make("Annul", {
  payload: {
    scanId: Schema.String,
    deviceId: Schema.String,
    operatorId: Schema.String,
    claimedOperator: Schema.NullOr(Schema.String),
    reason: Schema.NullOr(Schema.String),
    supervised: Schema.optionalKey(Schema.Boolean)
  },
  success: Annulment,
  error: Schema.Union([ScanNotFound, AnnulRefused])
})

export const Event = Entity.make("Event", [
  Publish,
  RegisterGuests,
  IssueTickets,
  SetStatus,
  SetGateRules,
  Admit,
  Annul
])
