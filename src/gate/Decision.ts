/** The gate's decision: a pure function of one scan and of what is known at that moment. */
import * as DateTime from "effect/DateTime"
import type { AdmitRequest, ScanResult, Signal, Verdict } from "../../rpc/Scan.ts"
import type { GateEvent, GateTicket } from "./GateState.ts"
import { suspicions } from "./Suspicion.ts"
import { EventId } from "../../rpc/values/Ids.ts"

/** What is known when one scan is decided; `ticket` is undefined when nothing has this code. */
export interface Situation {
  readonly eventId: EventId
  readonly event: GateEvent | null
  readonly inside: number
  readonly ticket: GateTicket | undefined
  readonly now: DateTime.Utc
  readonly deviceRefusals: number
}

/**
 * A result; `ticket` is set once the scan reached a ticket of this event, `after` once the scan moved it. `shownAgain`
 * says that the ticket was used already, also when that is answered as suspected fraud.
 */
export interface Decision {
  readonly result: ScanResult
  readonly shownAgain: boolean
  readonly ticket: GateTicket | null
  readonly after: GateTicket | null
  readonly signals: ReadonlyArray<Signal>
}

/** A decision as it is answered; `timezone` is the event's. */
export const verdictOf = (
  { event, eventId, now }: Pick<Situation, "event" | "eventId" | "now">,
  scan: AdmitRequest,
  { result, signals, ticket }: Decision
): Verdict => ({
  scan_id: scan.scanId,
  result,
  ticket_id: ticket?.ticketId ?? null,
  event_id: eventId,
  gate: scan.gate,
  direction: scan.direction,
  guest_first_name: ticket?.guestFirstName ?? null,
  ticket_type: ticket?.ticketType ?? null,
  first_use: ticket?.firstUse ?? null,
  last_use: ticket?.lastEntry ?? null,
  timezone: event?.timezone ?? "UTC",
  signals,
  ...(scan.forged === "codes_differ" && result === "unknown_ticket" ? { codes_differ: true } : {}),
  decided_at: now
})

/** A refusal; `ticket` when the scan reached one of this event. */
export const refuse = (result: ScanResult, ticket: GateTicket | null = null): Decision => ({
  result,
  shownAgain: result === "already_used",
  ticket,
  after: null,
  signals: []
})

/** The operator's permission for the event, then for the gate; null when there is nothing to refuse. */
export const refusedOperator = (
  eventId: EventId,
  { gate, operator }: Pick<AdmitRequest, "gate" | "operator">
): "operator_forbidden" | "gate_forbidden" | null => {
  if (!operator.known) return "operator_forbidden"
  if (operator.events !== null && !operator.events.includes(eventId)) return "operator_forbidden"
  if (operator.gates !== null && !operator.gates.includes(gate)) return "gate_forbidden"
  return null
}

/**
 * When a scan happened: now, for a device that is connected. One that decided alone says when; a time to come is
 * not believed.
 */
export const happenedAt = (
  { deviceTime, source }: Pick<AdmitRequest, "deviceTime" | "source">,
  now: DateTime.Utc
): DateTime.Utc => source === "batch" && deviceTime !== null ? DateTime.min(deviceTime, now) : now

/** What a device decided alone while the event ran may arrive when it is over. */
const isOpen = ({ status }: GateEvent, { source }: AdmitRequest): boolean =>
  status === "active" || (status === "completed" && source === "batch")

/** The event must be active; its door window, if it has one, limits entries: people leave when they like. */
const refusedEvent = (event: GateEvent, now: DateTime.Utc, scan: AdmitRequest): ScanResult | null => {
  if (!isOpen(event, scan)) return "event_inactive"
  if (scan.direction === "exit") return null
  const at = happenedAt(scan, now)
  if (event.doorsOpenAt !== null && DateTime.isLessThan(at, event.doorsOpenAt)) return "not_yet_valid"
  if (event.doorsCloseAt !== null && DateTime.isGreaterThan(at, event.doorsCloseAt)) return "expired"
  return null
}

/** Why a ticket opens nothing whoever shows it, or null. */
export const unusable = (ticket: GateTicket): "voided" | "unpaid" | null => {
  if (ticket.status === "voided") return "voided"
  return ticket.paymentState === "free" || ticket.paymentState === "paid" ? null : "unpaid"
}

const enter = (
  event: GateEvent,
  { inside, now }: Situation,
  ticket: GateTicket,
  scan: AdmitRequest
): Decision => {
  if (ticket.inside || (ticket.entries > 0 && !event.reentry)) {
    return refuse("already_used", ticket)
  }
  if (inside >= event.maxAttendees) return refuse("capacity_reached", ticket)
  const passage = { at: happenedAt(scan, now), gate: scan.gate }
  const after: GateTicket = {
    ...ticket,
    status: "admitted",
    inside: true,
    entries: ticket.entries + 1,
    firstScanId: ticket.firstScanId ?? scan.scanId,
    firstUse: ticket.firstUse ?? passage,
    lastEntry: passage
  }
  return { result: "valid", shownAgain: false, ticket, after, signals: [] }
}

/** Whoever is inside may leave, whatever became of the ticket meanwhile. */
const leave = (ticket: GateTicket): Decision =>
  ticket.inside
    ? { result: "valid", shownAgain: false, ticket, after: { ...ticket, inside: false }, signals: [] }
    : refuse("not_inside", ticket)

/** What a reader or a steward did is no forgery. */
const unread: ReadonlyMap<string, ScanResult> = new Map(
  [
    ["unreadable", "unreadable"],
    ["codes_differ", "unknown_ticket"]
  ] as const
)

const passed = (situation: Situation, event: GateEvent, scan: AdmitRequest): Decision => {
  const { eventId, ticket } = situation
  if (scan.forged !== null) return refuse(unread.get(scan.forged) ?? "forged")
  if (ticket === undefined) return refuse("unknown_ticket")
  if (ticket.eventId !== eventId) return refuse("wrong_event")
  if (scan.direction === "exit" && ticket.inside) return leave(ticket)
  const spoilt = unusable(ticket)
  if (spoilt !== null) return refuse(spoilt, ticket)
  return scan.direction === "entry" ? enter(event, situation, ticket, scan) : leave(ticket)
}

/** The results that suspicion may turn into `suspected_fraud`: the ticket is genuine, and would open or has opened. */
const opensOrHasOpened: Readonly<Record<ScanResult, boolean>> = {
  valid: true,
  already_used: true,
  unknown_ticket: false,
  wrong_event: false,
  voided: false,
  unpaid: false,
  not_yet_valid: false,
  expired: false,
  unknown_event: false,
  event_inactive: false,
  capacity_reached: false,
  operator_forbidden: false,
  gate_forbidden: false,
  forged: false,
  suspected_fraud: false,
  not_inside: false,
  scan_id_reused: false,
  scan_annulled: false,
  refused_offline: false,
  unreadable: false
}

/**
 * Adds the signals of the event's rules; where they refuse, an entry that looks odd lets nobody in. Whom a device let
 * in alone is in already: refusing that afterwards would only leave the ticket good for another.
 */
const judged = (decision: Decision, situation: Situation, event: GateEvent, scan: AdmitRequest): Decision => {
  const at = happenedAt(scan, situation.now)
  const signals = suspicions(event.rules, decision, { ...situation, at }, scan)
  const refused = signals.length > 0 && event.rules.on_suspicion === "refuse" && scan.source !== "batch" &&
    scan.direction === "entry" && opensOrHasOpened[decision.result]
  return refused ? { ...decision, result: "suspected_fraud", after: null, signals } : { ...decision, signals }
}

/** A device that decided alone and refused let nobody in: a ticket that was good stays unused. */
const heldBack = (decision: Decision, { claimed, source }: AdmitRequest): Decision =>
  source === "batch" && decision.result === "valid" && claimed !== null && claimed !== "valid"
    ? { ...decision, result: "refused_offline", after: null }
    : decision

/** Operator, event, QR, ticket, payment, use, capacity, suspicion: the first check that fails names the result. */
export const decide = (situation: Situation, scan: AdmitRequest): Decision => {
  const { event, eventId, now } = situation
  const operator = refusedOperator(eventId, scan)
  if (operator !== null) return refuse(operator)
  if (event === null) return refuse("unknown_event")
  const closed = refusedEvent(event, now, scan)
  if (closed !== null) return refuse(closed)
  return heldBack(judged(passed(situation, event, scan), situation, event, scan), scan)
}
