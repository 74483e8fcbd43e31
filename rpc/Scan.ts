/** One scan at a gate and its verdict; a refusal is an answer with a reason, never an error. */
import * as Schema from "effect/Schema"
import { EventId, TicketId } from "./Ids.ts"
import { Instant } from "./Values.ts"

export const ScanResult = Schema.Literals([
  "valid",
  "already_used",
  "unknown_ticket",
  "wrong_event",
  "voided",
  "unpaid",
  "not_yet_valid",
  "expired",
  "event_inactive",
  "capacity_reached",
  "operator_forbidden",
  "gate_forbidden",
  "forged",
  "suspected_fraud",
  "not_inside",
  "scan_id_reused"
])
export type ScanResult = typeof ScanResult.Type

export const Direction = Schema.Literals(["entry", "exit"])
export type Direction = typeof Direction.Type

/** What one operator may do: null means every event or every gate. */
export const Permission = Schema.Struct({
  operatorId: Schema.String,
  events: Schema.NullOr(Schema.Array(EventId)),
  gates: Schema.NullOr(Schema.Array(Schema.String)),
  known: Schema.Boolean
})
export type Permission = typeof Permission.Type

/** A scan as the Event decides it: by ticket code or by ticket id, whichever the scanner read. */
export const AdmitRequest = Schema.Struct({
  scanId: Schema.String,
  eventId: EventId,
  ticketCode: Schema.NullOr(Schema.String),
  ticketId: Schema.NullOr(TicketId),
  forged: Schema.NullOr(Schema.String),
  deviceId: Schema.String,
  operator: Permission,
  gate: Schema.String,
  direction: Direction,
  deviceTime: Schema.NullOr(Schema.DateTimeUtc),
  claimed: Schema.NullOr(Schema.String),
  source: Schema.Literals(["client", "internal", "batch"]),
  context: Schema.Json
})
export type AdmitRequest = typeof AdmitRequest.Type

/** What looked odd beside a decision; the gate's staff judge it. */
export const Signal = Schema.Literals(["seen_at_another_gate", "device_often_refused"])
export type Signal = typeof Signal.Type

/** The final decision under a scan id; `first_use` says when and where a used ticket came in, in `timezone`. */
export const Verdict = Schema.Struct({
  scan_id: Schema.String,
  result: ScanResult,
  ticket_id: Schema.NullOr(TicketId),
  event_id: EventId,
  gate: Schema.String,
  direction: Direction,
  guest_first_name: Schema.NullOr(Schema.String),
  ticket_type: Schema.NullOr(Schema.String),
  first_use: Schema.NullOr(Schema.Struct({ at: Instant, gate: Schema.String })),
  timezone: Schema.String,
  signals: Schema.Array(Signal),
  decided_at: Instant
})
export type Verdict = typeof Verdict.Type
