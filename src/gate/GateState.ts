/** What the gate knows when it decides: the event, who is inside, the tickets that were scanned. */
import type * as DateTime from "effect/DateTime"
import type { Verdict } from "../../rpc/Scan.ts"

/** When and where someone came in. */
export interface Passage {
  readonly at: DateTime.Utc
  readonly gate: string
}

/** The event's own rules. */
export interface GateEvent {
  readonly status: string
  readonly timezone: string
  readonly maxAttendees: number
  readonly doorsOpenAt: DateTime.Utc | null
  readonly doorsCloseAt: DateTime.Utc | null
  readonly reentry: boolean
}

/** A ticket of any event, as it stands. */
export interface GateTicket {
  readonly ticketId: number
  readonly eventId: number
  readonly code: string
  readonly ticketType: string
  readonly guestFirstName: string
  readonly status: string
  readonly paymentState: string
  readonly inside: boolean
  readonly entries: number
  readonly firstScanId: string | null
  readonly firstUse: Passage | null
  readonly lastEntry: Passage | null
}

/** One consistent read of the database; `verdicts` are those already given under the scan ids of the batch. */
export interface Snapshot {
  readonly event: GateEvent | null
  readonly inside: number
  readonly tickets: ReadonlyArray<GateTicket>
  readonly verdicts: ReadonlyArray<Verdict>
}
