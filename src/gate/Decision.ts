/** The gate's decision: a pure function of one scan and of what is known at that moment. */
import * as DateTime from "effect/DateTime"
import type { AdmitRequest, ScanResult, Signal } from "../../rpc/Scan.ts"
import type { GateEvent, GateTicket } from "./GateState.ts"

/** What is known when one scan is decided; `ticket` is undefined when nothing has this code. */
export interface Situation {
  readonly eventId: number
  readonly event: GateEvent | null
  readonly inside: number
  readonly ticket: GateTicket | undefined
  readonly now: DateTime.Utc
}

/** A result; `ticket` is set once the scan reached a ticket of this event, `after` once the scan moved it. */
export interface Decision {
  readonly result: ScanResult
  readonly ticket: GateTicket | null
  readonly after: GateTicket | null
  readonly signals: ReadonlyArray<Signal>
}

/** A used ticket at another gate within this time was probably copied: nobody walks that fast. */
export const copyWindowMillis = 3_000

const refuse = (
  result: ScanResult,
  ticket: GateTicket | null = null,
  signals: ReadonlyArray<Signal> = []
): Decision => ({ result, ticket, after: null, signals })

/** The operator's permission for the event, then for the gate; null when there is nothing to refuse. */
export const refusedOperator = (eventId: number, { gate, operator }: AdmitRequest): ScanResult | null => {
  if (!operator.known) return "operator_forbidden"
  if (operator.events !== null && !operator.events.includes(eventId)) return "operator_forbidden"
  if (operator.gates !== null && !operator.gates.includes(gate)) return "gate_forbidden"
  return null
}

/** The event must be active; its door window, if it has one, limits entries: people leave when they like. */
const refusedEvent = (
  event: GateEvent,
  now: DateTime.Utc,
  { direction }: AdmitRequest
): ScanResult | null => {
  if (event.status !== "active") return "event_inactive"
  if (direction === "exit") return null
  if (event.doorsOpenAt !== null && DateTime.isLessThan(now, event.doorsOpenAt)) return "not_yet_valid"
  if (event.doorsCloseAt !== null && DateTime.isGreaterThan(now, event.doorsCloseAt)) return "expired"
  return null
}

const mayBeUsed = (ticket: GateTicket): ScanResult | null => {
  if (ticket.status === "voided") return "voided"
  return ticket.paymentState === "free" || ticket.paymentState === "paid" ? null : "unpaid"
}

const copied = ({ lastEntry }: GateTicket, gate: string, now: DateTime.Utc): ReadonlyArray<Signal> =>
  lastEntry !== null && lastEntry.gate !== gate &&
    DateTime.toEpochMillis(now) - DateTime.toEpochMillis(lastEntry.at) <= copyWindowMillis
    ? ["seen_at_another_gate"]
    : []

const enter = (
  event: GateEvent,
  { inside, now }: Situation,
  ticket: GateTicket,
  scan: AdmitRequest
): Decision => {
  if (ticket.inside || (ticket.entries > 0 && !event.reentry)) {
    return refuse("already_used", ticket, copied(ticket, scan.gate, now))
  }
  if (inside >= event.maxAttendees) return refuse("capacity_reached", ticket)
  const passage = { at: now, gate: scan.gate }
  const after = {
    ...ticket,
    status: "admitted",
    inside: true,
    entries: ticket.entries + 1,
    firstScanId: ticket.firstScanId ?? scan.scanId,
    firstUse: ticket.firstUse ?? passage,
    lastEntry: passage
  }
  return { result: "valid", ticket, after, signals: [] }
}

const leave = (ticket: GateTicket): Decision =>
  ticket.inside
    ? { result: "valid", ticket, after: { ...ticket, inside: false }, signals: [] }
    : refuse("not_inside", ticket)

/** Operator, event, QR, ticket, payment, use, capacity: the first check that fails names the result. */
export const decide = (situation: Situation, scan: AdmitRequest): Decision => {
  const { event, eventId, now, ticket } = situation
  const operator = refusedOperator(eventId, scan)
  if (operator !== null) return refuse(operator)
  if (event === null) return refuse("event_inactive")
  const closed = refusedEvent(event, now, scan)
  if (closed !== null) return refuse(closed)
  if (scan.forged !== null) return refuse("forged")
  if (ticket === undefined) return refuse("unknown_ticket")
  if (ticket.eventId !== eventId) return refuse("wrong_event")
  const unusable = mayBeUsed(ticket)
  if (unusable !== null) return refuse(unusable, ticket)
  return scan.direction === "entry" ? enter(event, situation, ticket, scan) : leave(ticket)
}
