/** What the gate knows when it decides: the event, who is inside, the tickets that were scanned. */
import type * as DateTime from "effect/DateTime"
import type { GateRules, Passage, Verdict } from "../../rpc/Scan.ts"

/** The event's own rules; another `version` of them may say something else. */
export interface GateEvent {
  readonly version: number
  readonly status: string
  readonly timezone: string
  readonly maxAttendees: number
  readonly doorsOpenAt: DateTime.Utc | null
  readonly doorsCloseAt: DateTime.Utc | null
  readonly reentry: boolean
  readonly rules: GateRules
}

/** A ticket of any event, as it stands; `refusals` are the times it was lately shown again after its use. */
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
  readonly refusals: ReadonlyArray<DateTime.Utc>
}

/** A verdict given before: to which device, and whether the scan was taken back since. */
export interface Given {
  readonly verdict: Verdict
  readonly deviceId: string
  readonly annulled: boolean
}

/** One consistent read of the database; `given` has what was answered under the scan ids of the batch before. */
export interface Snapshot {
  readonly event: GateEvent | null
  readonly inside: number
  readonly tickets: ReadonlyArray<GateTicket>
  readonly given: ReadonlyArray<Given>
}
