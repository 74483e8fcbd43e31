/** One scan at a gate and its verdict; a refusal is an answer with a reason, never an error. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { EventId, TicketId } from "./values/Ids.ts"
import { Instant } from "./values/Values.ts"

export const ScanResult = Schema.Literals([
  "valid",
  "already_used",
  "unknown_ticket",
  "wrong_event",
  "voided",
  "unpaid",
  "not_yet_valid",
  "expired",
  "unknown_event",
  "event_inactive",
  "capacity_reached",
  "operator_forbidden",
  "gate_forbidden",
  "forged",
  "suspected_fraud",
  "not_inside",
  "scan_id_reused",
  "scan_annulled",
  "refused_offline",
  "unreadable"
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

/**
 * A scan as the Event decides it: by ticket code or by ticket id, whichever the scanner read. `forged` says why what was
 * read names no ticket: why its QR is none of ours, `unreadable`, or `codes_differ`.
 */
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
  /** A supervisor lets this person in whatever the rules say of the ticket; the reason is in `context`. */
  overruled: Schema.optionalKey(Schema.Boolean),
  context: Schema.Json
})
export type AdmitRequest = typeof AdmitRequest.Type

/** What looked odd beside a decision; `GateRules` says when, and whether it refuses the scan. */
export const Signal = Schema.Literals(["seen_at_another_gate", "device_often_refused", "copied_ticket"])
export type Signal = typeof Signal.Type

/** When and where someone came in. */
export const Passage = Schema.Struct({ at: Instant, gate: Schema.String })
export type Passage = typeof Passage.Type

/**
 * The final decision under a scan id. `first_use` says when and where a used ticket first came in, in `timezone`;
 * `last_use` the same of its latest entry, another one only where people may come back. `codes_differ` is there when the
 * code and the QR that were shown are of two tickets, `let_in` when somebody is in although the result is a refusal, and
 * `read_again_seconds` when this device itself let the ticket in, so many seconds ago.
 */
export const Verdict = Schema.Struct({
  scan_id: Schema.String,
  result: ScanResult,
  ticket_id: Schema.NullOr(TicketId),
  event_id: EventId,
  gate: Schema.String,
  direction: Direction,
  guest_first_name: Schema.NullOr(Schema.String),
  ticket_type: Schema.NullOr(Schema.String),
  first_use: Schema.NullOr(Passage),
  last_use: Schema.NullOr(Passage),
  timezone: Schema.String,
  signals: Schema.Array(Signal),
  codes_differ: Schema.optionalKey(Schema.Literal(true)),
  let_in: Schema.optionalKey(Schema.Literal(true)),
  read_again_seconds: Schema.optionalKey(Schema.Int),
  decided_at: Instant
})
export type Verdict = typeof Verdict.Type

/** The most scans in one message to an event; its batches are no larger. */
export const batchLimit = 128

/** The scans of one message. In their own process they were made by us and are not looked at again, one by one. */
export const AdmitRequests = Schema.declare(
  (input): input is ReadonlyArray<AdmitRequest> => Array.isArray(input) && input.length <= batchLimit,
  {
    toCodecJson: () =>
      Schema.link<ReadonlyArray<AdmitRequest>>()(
        Schema.Array(AdmitRequest).check(Schema.isMaxLength(batchLimit)),
        SchemaTransformation.passthrough()
      )
  }
)

/** Batches of one event under way: one is read and decided while the other is committed. */
export const batchesAtOnce = 1

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/**
 * When a scan looks odd, for one event: a used ticket at another gate within `copy_window_seconds`; a device refused
 * `device_refusals` times within `device_window_seconds`; a used ticket shown again `copy_presentations` times within
 * `copy_presentations_window_seconds`. `on_suspicion` says whether such a scan is noted or refused as
 * `suspected_fraud`. A count of 0 turns its rule off.
 */
export const GateRules = Schema.Struct({
  copy_window_seconds: between(0, 600),
  device_refusals: between(0, 1_000),
  device_window_seconds: between(1, 3_600),
  copy_presentations: between(0, 100),
  copy_presentations_window_seconds: between(1, 86_400),
  on_suspicion: Schema.Literals(["signal", "refuse"])
})
export type GateRules = typeof GateRules.Type

/** The rules of an event whose organiser has set none: signals only. */
export const usualRules: GateRules = {
  copy_window_seconds: 3,
  device_refusals: 20,
  device_window_seconds: 60,
  copy_presentations: 3,
  copy_presentations_window_seconds: 3_600,
  on_suspicion: "signal"
}
