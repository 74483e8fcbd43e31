/** Rows of the gate: what one read brings, and a batch as the statement that commits it takes it. */
import { DateTime, Schema } from "effect"
import { Direction, GateRules, ScanResult, Signal, usualRules } from "../../rpc/Scan.ts"
import type { JournalLine, TicketChange, Writes } from "./Batch.ts"
import { GateEvent, GateTicket, type Snapshot, StoredPassage } from "./GateState.ts"
import { EventId } from "../../rpc/values/Ids.ts"

const At = Schema.DateTimeUtcFromString

const Event = Schema.Struct({
  ...GateEvent.fields,
  rules: Schema.NullOr(GateRules),
  inside: Schema.Int,
  letIn: Schema.Int
})

/** `scans.detail`: what a verdict says beyond the columns of its line, and what the QR or body claimed. */
const Detail = Schema.Struct({
  first_use: Schema.optionalKey(Schema.NullOr(StoredPassage)),
  last_use: Schema.optionalKey(Schema.NullOr(StoredPassage)),
  timezone: Schema.String,
  signals: Schema.optionalKey(Schema.Array(Signal)),
  forged: Schema.optionalKey(Schema.NullOr(Schema.String)),
  claimed_ticket_id: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  shown_again: Schema.optionalKey(Schema.Boolean),
  read_again_seconds: Schema.optionalKey(Schema.Int)
})

const Stored = Schema.Struct({
  scan_id: Schema.String,
  device_id: Schema.String,
  result: ScanResult,
  ticket_id: Schema.NullOr(Schema.Int),
  event_id: EventId,
  gate: Schema.String,
  direction: Direction,
  guest_first_name: Schema.NullOr(Schema.String),
  ticket_type: Schema.NullOr(Schema.String),
  detail: Detail,
  annulled: Schema.Boolean,
  let_in: Schema.Boolean,
  decided_at: At
})

/** One row: the event, the tickets of the batch, and the verdicts already given under its scan ids. */
export const Read = Schema.Struct({
  event: Schema.NullOr(Event),
  tickets: Schema.Array(GateTicket),
  verdicts: Schema.Array(Stored)
})

/** Whether the batch was written. */
export const Ruling = Schema.Struct({ stands: Schema.Boolean })

/** The length of a moment of `gate_moments`. */
export const momentMillis = 10_000

const encodeDetail = Schema.encodeSync(Detail)

/** A ticket's change, beside the state it was decided on. */
export const ticketChangeRow = ({ after, anyway, before }: TicketChange) => ({
  ticket_id: after.ticketId,
  anyway,
  was_let_in: before.letIn,
  let_in: after.letIn,
  was_inside: before.inside,
  was_entries: before.entries,
  was_first: before.firstScanId,
  inside: after.inside,
  entries: after.entries,
  first_scan_id: after.firstScanId,
  first_at: after.firstUse === null ? null : DateTime.formatIso(after.firstUse.at),
  first_gate: after.firstUse?.gate ?? null
})

/** What every verdict of an event says is not stored with each. */
const detailOf = ({ scan, shownAgain, verdict }: JournalLine): unknown => {
  const plain = verdict.first_use === null && verdict.last_use === null && verdict.signals.length === 0 &&
    scan.forged === null && scan.ticketId === null
  return plain ? { timezone: verdict.timezone } : encodeDetail({
    first_use: verdict.first_use,
    last_use: verdict.last_use,
    timezone: verdict.timezone,
    signals: verdict.signals,
    forged: scan.forged,
    claimed_ticket_id: scan.ticketId,
    shown_again: shownAgain,
    ...(verdict.read_again_seconds === undefined ? {} : { read_again_seconds: verdict.read_again_seconds })
  })
}

/** A line of the journal; what is absent is null. */
export const lineRow = (line: JournalLine) => {
  const { scan, verdict } = line
  return {
    scan_id: verdict.scan_id,
    ticket_id: verdict.ticket_id ?? undefined,
    ticket_code: scan.ticketCode ?? undefined,
    device_id: scan.deviceId,
    operator_id: scan.operator.operatorId,
    gate: verdict.gate,
    direction: verdict.direction,
    result: verdict.result,
    detail: detailOf(line),
    claimed_result: scan.claimed ?? undefined,
    source: scan.source,
    context: scan.context,
    device_time: scan.deviceTime === null ? undefined : DateTime.formatIso(scan.deviceTime),
    received_at: DateTime.formatIso(verdict.decided_at),
    let_in: line.letIn
  }
}

/** How many scans of the batch ended how, by gate. */
export const tallyRows = ({ lines }: Writes) => {
  const tallies = new Map<
    string,
    { gate: string; direction: Direction; result: ScanResult; scans: number }
  >()
  for (const { verdict: { direction, gate, result } } of lines) {
    const key = `${direction} ${result} ${gate}`
    const tally = tallies.get(key)
    if (tally === undefined) tallies.set(key, { gate, direction, result, scans: 1 })
    else tally.scans += 1
  }
  return [...tallies.values()]
}

/** What the batch was for the ten seconds it was decided in. */
export const moment = ({ occupancy, lines }: Writes) => {
  const at = lines[0]?.verdict.decided_at
  const exited =
    lines.filter(({ verdict }) => verdict.result === "valid" && verdict.direction === "exit").length
  return {
    at: new Date(
      Math.floor((at === undefined ? 0 : DateTime.toEpochMillis(at)) / momentMillis) * momentMillis
    ),
    entered: occupancy.entered,
    exited,
    refused: lines.length - occupancy.entered - exited
  }
}

/** The read as the gate sees it. */
export const toSnapshot = ({ event, tickets, verdicts }: typeof Read.Type): Snapshot => ({
  event: event === null ? null : { ...event, rules: event.rules ?? usualRules },
  inside: event?.inside ?? 0,
  letIn: event?.letIn ?? 0,
  tickets,
  given: verdicts.map(({ annulled, detail, device_id: deviceId, let_in, ...verdict }) => ({
    verdict: {
      ...verdict,
      first_use: detail.first_use ?? null,
      last_use: detail.last_use ?? null,
      timezone: detail.timezone,
      signals: detail.signals ?? [],
      ...(detail.read_again_seconds === undefined ? {} : { read_again_seconds: detail.read_again_seconds }),
      ...(let_in && verdict.result !== "valid" ? { let_in: true } : {}),
      ...(detail.forged === "codes_differ" && verdict.result === "unknown_ticket"
        ? { codes_differ: true }
        : {})
    },
    deviceId,
    annulled
  }))
})
