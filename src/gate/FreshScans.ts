/** The scans of an ordinary evening: first entries by code, which one statement can read, decide and write. */
import type * as DateTime from "effect/DateTime"
import type { AdmitRequest, Verdict } from "../../rpc/Scan.ts"
import { spellings } from "./Batch.ts"
import { refusedOperator } from "./Decision.ts"

/** A ticket that a first entry was admitted with. */
export interface FreshTicket {
  readonly scanId: string
  readonly ticketId: number
  readonly ticketType: string
  readonly guestFirstName: string
  readonly timezone: string
}

const isOrdinary = (eventId: number, scan: AdmitRequest): boolean =>
  scan.direction === "entry" && scan.source === "client" && scan.forged === null && scan.ticketId === null &&
  scan.ticketCode !== null && spellings(scan.ticketCode).length === 1 &&
  refusedOperator(eventId, scan) === null

/**
 * Whether nothing about these scans depends on their order or on what was scanned before, but for the places that are
 * left: each is a first entry by another code, by whom it may be, on a device that was not refused lately.
 */
export const areOrdinary = (
  eventId: number,
  scans: ReadonlyArray<AdmitRequest>,
  wasRefused: (deviceId: string) => boolean
): boolean =>
  scans.every((scan) => isOrdinary(eventId, scan) && !wasRefused(scan.deviceId)) &&
  new Set(scans.map(({ ticketCode }) => ticketCode)).size === scans.length &&
  new Set(scans.map(({ scanId }) => scanId)).size === scans.length

/** What `Decision.decide` says of a first entry that nothing speaks against. */
export const admission = (
  eventId: number,
  scan: AdmitRequest,
  ticket: FreshTicket,
  now: DateTime.Utc
): Verdict => ({
  scan_id: scan.scanId,
  result: "valid",
  ticket_id: ticket.ticketId,
  event_id: eventId,
  gate: scan.gate,
  direction: "entry",
  guest_first_name: ticket.guestFirstName,
  ticket_type: ticket.ticketType,
  first_use: null,
  last_use: null,
  timezone: ticket.timezone,
  signals: [],
  decided_at: now
})
