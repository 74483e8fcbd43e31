/** The gate's decision: a pure function of one scan and of what is known at that moment. */
import * as DateTime from "effect/DateTime"
import type { AdmitRequest, ScanResult, Signal } from "../../rpc/Scan.ts"
import type { GateEvent, GateTicket } from "./GateState.ts"
import { suspicions } from "./Suspicion.ts"
import { configuredGate } from "../../rpc/values/GateName.ts"
import { EventId } from "../../rpc/values/Ids.ts"

/** What is known when one scan is decided; `ticket` is undefined when nothing has this code. */
export interface Situation {
  readonly eventId: EventId
  readonly event: GateEvent | null
  /** Those whom the rules let in; those who were let in against them are `letIn`. */
  readonly inside: number
  readonly letIn?: number
  readonly ticket: GateTicket | undefined
  readonly now: DateTime.Utc
  readonly deviceRefusals: number
}

/**
 * A result; `ticket` is set once the scan reached a ticket of this event, `after` once somebody passed on it: by the
 * rules when the result is `valid`, and against them when it is a refusal. `shownAgain` says that the ticket was used
 * already, also when that is answered as suspected fraud; `readAgain` that the same device read it again, so many seconds
 * after it let the ticket in.
 */
export interface Decision {
  readonly result: ScanResult
  readonly shownAgain: boolean
  readonly ticket: GateTicket | null
  readonly after: GateTicket | null
  readonly signals: ReadonlyArray<Signal>
  readonly readAgain?: number
}

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
  if (operator.gates !== null && configuredGate(operator.gates, gate) === undefined) return "gate_forbidden"
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

/** Whether somebody passed whatever the rules say: a device that decided alone says when it let whom pass. */
export const passedAnyway = ({ claimed, deviceTime, source }: AdmitRequest): boolean =>
  source === "batch" && claimed === "valid" && deviceTime !== null

/** The event must be active; its door window, if it has one, limits entries: people leave when they like, and who has left is gone. */
const refusedEvent = (event: GateEvent, now: DateTime.Utc, scan: AdmitRequest): ScanResult | null => {
  if (scan.direction === "exit" && passedAnyway(scan)) return null
  if (!isOpen(event, scan)) return "event_inactive"
  if (scan.direction === "exit") return null
  const at = happenedAt(scan, now)
  if (event.doorsOpenAt !== null && DateTime.isLessThan(at, event.doorsOpenAt)) return "not_yet_valid"
  if (event.doorsCloseAt !== null && DateTime.isGreaterThan(at, event.doorsCloseAt)) return "expired"
  return null
}

/** Whether anybody is inside on it. */
export const isIn = ({ inside, letIn }: GateTicket): boolean => inside || letIn > 0

/** Why a ticket opens nothing whoever shows it, or null. */
export const unusable = (ticket: GateTicket): "voided" | "unpaid" | null => {
  if (ticket.status === "voided") return "voided"
  return ticket.paymentState === "free" || ticket.paymentState === "paid" ? null : "unpaid"
}

/** A device that reads a ticket again within so many seconds has most likely the same guest before it. */
const momentSeconds = 60

/** A used ticket; the device that let it in a moment ago has read it again. */
const usedAlready = (ticket: GateTicket, scan: AdmitRequest, now: DateTime.Utc): Decision => {
  const { lastDevice, lastEntry } = ticket
  const refused = refuse("already_used", ticket)
  if (!isIn(ticket) || lastEntry === null || lastDevice !== scan.deviceId) return refused
  const millis = DateTime.toEpochMillis(happenedAt(scan, now)) - DateTime.toEpochMillis(lastEntry.at)
  const readAgain = Math.floor(millis / 1_000)
  return readAgain < 0 || readAgain > momentSeconds ? refused : { ...refused, readAgain }
}

/**
 * No scan that is decided here brings more people in than there are places. What happened at a device that was alone is
 * judged by those whom the rules let in: who came in against them takes nobody's place afterwards.
 */
const isFull = ({ maxAttendees }: GateEvent, { inside, letIn = 0 }: Situation, scan: AdmitRequest): boolean =>
  inside + (passedAnyway(scan) ? 0 : letIn) >= maxAttendees

const enter = (event: GateEvent, situation: Situation, ticket: GateTicket, scan: AdmitRequest): Decision => {
  const { now } = situation
  const full = isFull(event, situation, scan)
  if (full && passedAnyway(scan) && !ticket.inside && ticket.letIn > 0) {
    return refuse("capacity_reached", ticket)
  }
  if (isIn(ticket) || (ticket.entries > 0 && !event.reentry)) return usedAlready(ticket, scan, now)
  if (full) return refuse("capacity_reached", ticket)
  const passage = { at: happenedAt(scan, now), gate: scan.gate }
  const after: GateTicket = {
    ...ticket,
    status: "admitted",
    inside: true,
    entries: ticket.entries + 1,
    firstScanId: ticket.firstScanId ?? scan.scanId,
    firstUse: ticket.firstUse ?? passage,
    lastEntry: passage,
    lastDevice: scan.deviceId
  }
  return { result: "valid", shownAgain: false, ticket, after, signals: [] }
}

/** One person less on the ticket; of several, first those who were let in against the rules. */
const oneLess = (ticket: GateTicket): GateTicket =>
  ticket.letIn > 0 ? { ...ticket, letIn: ticket.letIn - 1 } : { ...ticket, inside: false }

/** Whoever is inside may leave, whatever became of the ticket meanwhile. */
const leave = (ticket: GateTicket): Decision =>
  isIn(ticket)
    ? { result: "valid", shownAgain: false, ticket, after: oneLess(ticket), signals: [] }
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
  if (scan.direction === "exit" && isIn(ticket)) return leave(ticket)
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

/** The refusals that somebody may have passed against: the scan names a ticket of this event, and its operator works here. */
const mayBePassed: Readonly<Record<ScanResult, boolean>> = {
  already_used: true,
  voided: true,
  unpaid: true,
  not_yet_valid: true,
  expired: true,
  event_inactive: true,
  capacity_reached: true,
  gate_forbidden: true,
  suspected_fraud: true,
  valid: false,
  unknown_ticket: false,
  wrong_event: false,
  unknown_event: false,
  operator_forbidden: false,
  forged: false,
  not_inside: false,
  scan_id_reused: false,
  scan_annulled: false,
  refused_offline: false,
  unreadable: false
}

/** One person more on the ticket, against the rules; an entry beside one that counts does not count itself. */
const letIn = (
  ticket: GateTicket,
  scan: AdmitRequest,
  { result }: Decision,
  now: DateTime.Utc
): GateTicket => {
  const passage = { at: happenedAt(scan, now), gate: scan.gate }
  const counts = result === "already_used" ? {} : { lastEntry: passage, lastDevice: scan.deviceId }
  return {
    ...ticket,
    ...counts,
    status: ticket.status === "voided" ? "voided" : "admitted",
    entries: ticket.entries + 1,
    letIn: ticket.letIn + 1,
    firstScanId: ticket.firstScanId ?? scan.scanId,
    firstUse: ticket.firstUse ?? passage
  }
}

/**
 * Whether somebody came in against a refusal: a device that was alone tells what happened at whatever gate, and a
 * supervisor passes over the rules, not over the limits of the supervisor's own token.
 */
const cameIn = ({ result }: Decision, scan: AdmitRequest): boolean => {
  if (scan.direction === "exit" || !mayBePassed[result]) return false
  return passedAnyway(scan) || (scan.overruled === true && result !== "gate_forbidden")
}

/**
 * What happened has happened: whoever was let in against a rule is in, with the reason as the result. The ticket is used
 * and the person counted, beside those whom the rules let in. A supervisor lets somebody in so too.
 */
const asItHappened = (
  decision: Decision,
  { eventId, now, ticket }: Situation,
  scan: AdmitRequest
): Decision => {
  if (!cameIn(decision, scan)) return decision
  if (scan.forged !== null || ticket === undefined || ticket.eventId !== eventId) return decision
  return { ...decision, ticket, after: letIn(ticket, scan, decision, now) }
}

/** Operator, event, QR, ticket, payment, use, capacity, suspicion: the first check that fails names the result. */
const byTheRules = (situation: Situation, scan: AdmitRequest): Decision => {
  const { event, eventId, now } = situation
  const operator = refusedOperator(eventId, scan)
  if (operator !== null) return refuse(operator)
  if (event === null) return refuse("unknown_event")
  const closed = refusedEvent(event, now, scan)
  if (closed !== null) return refuse(closed)
  return heldBack(judged(passed(situation, event, scan), situation, event, scan), scan)
}

/** By the rules; what a device let happen against them is kept as it happened. */
export const decide = (situation: Situation, scan: AdmitRequest): Decision =>
  asItHappened(byTheRules(situation, scan), situation, scan)
