/**
 * What a device without a network does, as pure functions to be read by whoever writes one: the server never asks them,
 * and judges anew what the device uploads.
 */
import { DateTime, Result } from "effect"
import type { Direction, ScanResult } from "../../../rpc/Scan.ts"
import { QrData } from "../../trust/QrData.ts"
import type { TrustedKeys } from "../../trust/SigningKeys.ts"
import { TicketCode } from "../../../rpc/TicketCode.ts"
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
export const taken = (
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

const refuse = (result: ScanResult, digest: string | null = null): OfflineDecision => ({
  result,
  digest,
  after: null
})

/** The digest that a code or a QR of ours leads to. */
const read = ({ event, keys }: OfflineKnowledge, { qrData, ticketCode }: OfflineRead) => {
  const typed = ticketCode === null ? null : TicketCode.normalize(ticketCode)
  if (qrData === null) {
    return typed === null
      ? Result.fail("unknown_ticket" as const)
      : Result.succeed(digestOf(event.event_id, typed))
  }
  const qr = QrData.verify(qrData, keys)
  if (Result.isFailure(qr)) return Result.fail("forged" as const)
  const { code, eventId } = qr.success
  if (eventId !== event.event_id) return Result.fail("wrong_event" as const)
  return typed === null || typed === code
    ? Result.succeed(digestOf(eventId, code))
    : Result.fail("unknown_ticket" as const)
}

const closed = ({ doors_close_at, doors_open_at, status }: OfflineEvent, { at, direction }: OfflineRead) => {
  if (status !== "active") return "event_inactive"
  if (direction === "exit") return null
  if (doors_open_at !== null && DateTime.isLessThan(at, doors_open_at)) return "not_yet_valid"
  return doors_close_at !== null && DateTime.isGreaterThan(at, doors_close_at) ? "expired" : null
}

const entering = (
  { event, inside }: OfflineKnowledge,
  digest: string,
  state: TicketState
): OfflineDecision => {
  if (state === "voided" || state === "unpaid") return refuse(state, digest)
  if (state === "inside" || (state === "left" && !event.reentry)) return refuse("already_used", digest)
  if (inside >= event.max_attendees) return refuse("capacity_reached", digest)
  return { result: "valid", digest, after: "inside" }
}

/** A voided or unpaid ticket may be inside, which the bundle does not tell: whoever leaves may leave. */
const leaving = (digest: string, state: TicketState): OfflineDecision => {
  if (state === "unused" || state === "left") return refuse("not_inside", digest)
  return { result: "valid", digest, after: state === "inside" ? "left" : state }
}

/** The server's order of checks, as far as a device can see: event, doors, QR, ticket, payment, use, capacity. */
export const decideOffline = (known: OfflineKnowledge, scan: OfflineRead): OfflineDecision => {
  const shut = closed(known.event, scan)
  if (shut !== null) return refuse(shut)
  const digest = read(known, scan)
  if (Result.isFailure(digest)) return refuse(digest.failure)
  const state = known.states.get(digest.success)
  if (state === undefined) return refuse("unknown_ticket", digest.success)
  return scan.direction === "entry" ? entering(known, digest.success, state) : leaving(digest.success, state)
}
