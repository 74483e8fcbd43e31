/** Rows of the gate: what one read brings, and a batch as the statement that commits it takes it. */
import { DateTime, Schema } from "effect"
import { Direction, ScanResult, Signal } from "../../rpc/Scan.ts"
import type { Line, Move } from "../gate/Batch.ts"
import type { Snapshot } from "../gate/GateState.ts"

const At = Schema.DateTimeUtcFromString
const Passage = Schema.Struct({ at: At, gate: Schema.String })

const Event = Schema.Struct({
  status: Schema.String,
  timezone: Schema.String,
  maxAttendees: Schema.Int,
  doorsOpenAt: Schema.NullOr(At),
  doorsCloseAt: Schema.NullOr(At),
  reentry: Schema.Boolean,
  inside: Schema.Int
})

const Ticket = Schema.Struct({
  ticketId: Schema.Int,
  eventId: Schema.Int,
  code: Schema.String,
  ticketType: Schema.String,
  guestFirstName: Schema.String,
  status: Schema.String,
  paymentState: Schema.String,
  inside: Schema.Boolean,
  entries: Schema.Int,
  firstScanId: Schema.NullOr(Schema.String),
  firstUse: Schema.NullOr(Passage),
  lastEntry: Schema.NullOr(Passage)
})

/** `scans.detail`: what a verdict says beyond the columns of its line, and what the QR or body claimed. */
const Detail = Schema.Struct({
  first_use: Schema.NullOr(Passage),
  timezone: Schema.String,
  signals: Schema.Array(Signal),
  forged: Schema.NullOr(Schema.String),
  claimed_ticket_id: Schema.NullOr(Schema.Int)
})

const Stored = Schema.Struct({
  scan_id: Schema.String,
  result: ScanResult,
  ticket_id: Schema.NullOr(Schema.Int),
  event_id: Schema.Int,
  gate: Schema.String,
  direction: Direction,
  guest_first_name: Schema.NullOr(Schema.String),
  ticket_type: Schema.NullOr(Schema.String),
  detail: Detail,
  decided_at: At
})

/** One row: the event, the tickets of the batch, and the verdicts already given under its scan ids. */
export const Read = Schema.Struct({
  event: Schema.NullOr(Event),
  tickets: Schema.Array(Ticket),
  verdicts: Schema.Array(Stored)
})

/** Whether the batch was written. */
export const Ruling = Schema.Struct({ stands: Schema.Boolean })

const encodeDetail = Schema.encodeSync(Detail)

/** A ticket's change, beside the state it was decided on. */
export const moveRow = ({ after, before }: Move) => ({
  ticket_id: after.ticketId,
  was_inside: before.inside,
  was_entries: before.entries,
  inside: after.inside,
  entries: after.entries,
  first_scan_id: after.firstScanId,
  first_at: after.firstUse === null ? null : DateTime.formatIso(after.firstUse.at),
  first_gate: after.firstUse?.gate ?? null
})

/** A line of the journal. */
export const lineRow = ({ scan, verdict }: Line) => ({
  scan_id: verdict.scan_id,
  ticket_id: verdict.ticket_id,
  ticket_code: scan.ticketCode,
  device_id: scan.deviceId,
  operator_id: scan.operator.operatorId,
  gate: verdict.gate,
  direction: verdict.direction,
  result: verdict.result,
  detail: encodeDetail({
    first_use: verdict.first_use,
    timezone: verdict.timezone,
    signals: verdict.signals,
    forged: scan.forged,
    claimed_ticket_id: scan.ticketId
  }),
  claimed_result: scan.claimed,
  source: scan.source,
  context: scan.context,
  device_time: scan.deviceTime === null ? null : DateTime.formatIso(scan.deviceTime),
  received_at: DateTime.formatIso(verdict.decided_at)
})

/** The read as the gate sees it. */
export const toSnapshot = ({ event, tickets, verdicts }: typeof Read.Type): Snapshot => ({
  event,
  inside: event?.inside ?? 0,
  tickets,
  verdicts: verdicts.map(({ detail, ...verdict }) => ({
    ...verdict,
    first_use: detail.first_use,
    timezone: detail.timezone,
    signals: detail.signals
  }))
})
