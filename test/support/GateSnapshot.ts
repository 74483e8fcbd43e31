/** A gate as a batch finds it, without a database: one event, its tickets unused. */
import { usualRules } from "../../rpc/Scan.ts"
import type { GateTicket, Snapshot } from "../../src/gate/GateState.ts"

const ticket = (ticketId: number): GateTicket => ({
  ticketId,
  eventId: 1,
  code: `TKT-001-${ticketId}`,
  ticketType: "VIP",
  guestFirstName: "Jean",
  status: "issued",
  paymentState: "free",
  inside: false,
  entries: 0,
  firstScanId: null,
  firstUse: null,
  lastEntry: null,
  lastDevice: null,
  letIn: 0,
  refusals: []
})

/** Event 1 with tickets `TKT-001-1` to `TKT-001-<tickets>`. */
export const gateSnapshot = (
  { maxAttendees, reentry, tickets }: {
    readonly maxAttendees: number
    readonly reentry: boolean
    readonly tickets: number
  }
): Snapshot => ({
  event: {
    version: 1,
    revision: "1",
    status: "active",
    timezone: "Europe/Paris",
    maxAttendees,
    doorsOpenAt: null,
    doorsCloseAt: null,
    reentry,
    rules: usualRules
  },
  inside: 0,
  tickets: Array.from({ length: tickets }, (_, at) => ticket(at + 1)),
  given: []
})
