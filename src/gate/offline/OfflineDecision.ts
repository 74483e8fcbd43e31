/**
 * What a device without a network does, as pure functions to be read by whoever writes one: the gate's own `decide`, on
 * what a device knows. The server never asks them, and judges anew what the device uploads.
 *
 * A device knows less, and each gap is filled here: whoever uses it was let in by its operator; a ticket is only its
 * state, so nothing is known of earlier passages, no scan is suspected, and of several people who were let in on one
 * ticket against the rules it knows of one; a ticket that is voided or not paid for may
 * be inside, so whoever leaves with it may leave.
 */
import type { DateTime } from "effect"
import { type AdmitRequest, type Direction, type ScanResult, usualRules } from "../../../rpc/Scan.ts"
import type { EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import { decide, isIn, type Situation, unusable } from "../Decision.ts"
import type { GateEvent, GateTicket } from "../GateState.ts"
import type { TrustedKeys } from "../../trust/SigningKeys.ts"
import { TicketCode } from "../../../rpc/values/TicketCode.ts"
import { readShown } from "../reading/Reading.ts"
import {
  digestLength,
  digestOf,
  type OfflineBundle,
  type OfflineEvent,
  type TicketState,
  ticketStates
} from "./OfflineBundle.ts"

/** What was read at the gate: the printed code, the QR, or both. */
export interface OfflineRead {
  readonly ticketCode: string | null
  readonly qrData: string | null
  readonly direction: Direction
  readonly at: DateTime.Utc
}

/** What the device knows: the latest bundle, its published keys, the state of each digest, who is inside as far as it saw. */
export interface OfflineKnowledge {
  readonly event: OfflineEvent
  readonly keys: TrustedKeys
  readonly states: ReadonlyMap<string, TicketState>
  readonly inside: number
}

/** The device's decision; once it lets someone pass, `digest` is in the state `after` from now on. */
export interface OfflineDecision {
  readonly result: ScanResult
  readonly digest: string | null
  readonly after: TicketState | null
}

/** The states a device holds once it has read a page. */
export const statesAfter = (
  held: ReadonlyMap<string, TicketState>,
  { full, tickets }: Pick<OfflineBundle, "full" | "tickets">
): ReadonlyMap<string, TicketState> => {
  const states = new Map(full ? [] : held)
  for (const state of ticketStates) {
    for (let at = 0; at < tickets[state].length; at += digestLength) {
      states.set(tickets[state].slice(at, at + digestLength), state)
    }
  }
  return states
}

/** The state in which a bundle names a ticket. */
export const stateOf = (ticket: GateTicket): TicketState =>
  unusable(ticket) ?? (isIn(ticket) ? "inside" : ticket.entries > 0 ? "left" : "unused")

const untouched = { status: "issued", paymentState: "free", inside: false, entries: 0 } as const

/** What each state says of its ticket: `stateOf` it is the state again. */
const stateFields: Readonly<
  Record<TicketState, Pick<GateTicket, "status" | "paymentState" | "inside" | "entries">>
> = {
  unused: untouched,
  left: { ...untouched, status: "admitted", entries: 1 },
  inside: { ...untouched, status: "admitted", entries: 1, inside: true },
  unpaid: { ...untouched, paymentState: "pending" },
  voided: { ...untouched, status: "voided" }
}

const mayBeInside = new Set<TicketState>(["unpaid", "voided"])

/** A device knows no keys of ours: its own event is one, and every other event is another. */
const here: EventId = 1
const elsewhere: EventId = 2

const ticketOf = (eventId: EventId, code: string, state: TicketState, direction: Direction): GateTicket => ({
  ticketId: 0,
  eventId,
  code,
  ticketType: "",
  guestFirstName: "",
  firstScanId: null,
  firstUse: null,
  lastEntry: null,
  lastDevice: null,
  letIn: 0,
  refusals: [],
  ...stateFields[state],
  ...(direction === "exit" && mayBeInside.has(state) ? { inside: true } : {})
})

const eventOf = (event: OfflineEvent): GateEvent => ({
  version: 0,
  revision: "",
  status: event.status,
  timezone: event.timezone,
  maxAttendees: event.max_attendees,
  doorsOpenAt: event.doors_open_at,
  doorsCloseAt: event.doors_close_at,
  reentry: event.reentry,
  rules: usualRules
})

/** The code and the event that were read, and why it is no ticket; the code is null when code and QR disagree. */
const read = ({ event, keys }: OfflineKnowledge, { qrData, ticketCode }: OfflineRead) => {
  const { forged, qr, ticketCode: shown } = readShown(ticketCode, qrData, keys)
  const typed = shown === null ? null : TicketCode.normalize(shown)
  if (qr === null) return { code: forged === null ? typed : null, number: event.event_id, forged }
  const agrees = typed === null || typed === qr.code || qr.eventId !== event.event_id
  return { code: agrees ? qr.code : null, number: qr.eventId, forged }
}

/** The scan as its own operator's, who may scan here. */
const scanOf = ({ at, direction }: OfflineRead, forged: string | null): AdmitRequest => ({
  scanId: "",
  eventId: here,
  ticketCode: null,
  ticketId: null,
  forged,
  deviceId: "",
  operator: { operatorId: "", events: null, gates: null, known: true },
  gate: "",
  direction,
  deviceTime: at,
  claimed: null,
  source: "client",
  context: null
})

/** The ticket that was read, with its digest: one of another event is known to be that and no more. */
const find = (known: OfflineKnowledge, code: string | null, number: EventNumber, direction: Direction) => {
  if (code === null) return { digest: null, ticket: undefined }
  const digest = digestOf(number, code)
  const eventId = number === known.event.event_id ? here : elsewhere
  const state = eventId === here ? known.states.get(digest) : "unused"
  return { digest, ticket: state === undefined ? undefined : ticketOf(eventId, code, state, direction) }
}

/** The server's decision at that moment, as far as a device can see. */
export const decideOffline = (known: OfflineKnowledge, scan: OfflineRead): OfflineDecision => {
  const { code, forged, number } = read(known, scan)
  const { digest, ticket } = find(known, code, number, scan.direction)
  const situation: Situation = {
    eventId: here,
    event: eventOf(known.event),
    inside: known.inside,
    ticket,
    now: scan.at,
    deviceRefusals: 0
  }
  const { after, result } = decide(situation, scanOf(scan, forged))
  return { result, digest, after: after === null ? null : stateOf(after) }
}
