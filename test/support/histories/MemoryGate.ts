/** A gate's tables in memory, guarded as the statement of `ScanStore` guards them; any one guard can be left out. */
import { assert } from "@effect/vitest"
import { DateTime, Duration } from "effect"
import { type AdmitRequest, usualRules } from "../../../rpc/Scan.ts"
import { decideBatch, type JournalLine, type TicketChange, type Writes } from "../../../src/gate/Batch.ts"
import { TicketCode } from "../../../rpc/values/TicketCode.ts"
import type { GateTicket, Snapshot } from "../../../src/gate/GateState.ts"
import { annulWithin } from "../../../src/gate/AnnulmentStore.ts"
import { type History, tickets } from "./GateHistory.ts"
import type { Activation, AnnulAnswer, Premises } from "./Premises.ts"

interface Tables {
  readonly tickets: Map<number, GateTicket>
  readonly journal: Map<string, JournalLine & { annulled: boolean }>
  places: number
  inside: number
  entered: number
}

const usable = ({ paymentState, status }: GateTicket) =>
  status !== "voided" && (paymentState === "free" || paymentState === "paid")

const everyMove =
  (holds: (now: GateTicket, move: TicketChange) => boolean) => (tables: Tables, { moves }: Writes) =>
    moves.every((move) => holds(tables.tickets.get(move.before.ticketId)!, move))

/** What a commit asks, by the name under which a test leaves it out. */
export const guards = {
  "the ticket is as far in as it was read": everyMove((now, { before }) => now.inside === before.inside),
  "the ticket has come in as often as it was read": everyMove((now, { before }) =>
    now.entries === before.entries
  ),
  "the ticket first came in with the scan that was read": everyMove((now, { before }) =>
    now.firstScanId === before.firstScanId
  ),
  "the ticket may be used": everyMove((now, { after, before }) =>
    after.entries === before.entries || usable(now)
  ),
  "the house holds the batch at its fullest": ({ inside, places }: Tables, { occupancy }: Writes) =>
    occupancy.peak === null || inside + occupancy.peak <= places,
  "the scan id is new": ({ journal }: Tables, { lines }: Writes) =>
    lines.every(({ verdict }) => !journal.has(verdict.scan_id))
}
export type Guard = keyof typeof guards

const ticket = (ticketId: number, eventId: number): GateTicket => ({
  ticketId,
  eventId,
  code: `TKT-00${eventId}-${ticketId}`,
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

const eventId = 1

const event = {
  status: "active" as const,
  timezone: "Europe/Paris",
  doorsOpenAt: null,
  doorsCloseAt: null,
  rules: usualRules
}

/** A new event, its tickets and one of another event, on a clock of its own. */
export const memoryGate = ({ places, reentry }: History, without?: Guard): Premises => {
  let now = 1_750_000_000_000
  const own = Array.from({ length: tickets }, (_, at) => ticket(at + 1, eventId))
  const all = [...own, ticket(tickets + 1, eventId + 1)]
  const asked = Object.entries(guards).filter(([name]) => name !== without).map(([, holds]) => holds)
  const tables: Tables = {
    tickets: new Map(all.map((one) => [one.ticketId, one])),
    journal: new Map(),
    places,
    inside: 0,
    entered: 0
  }

  const write = (writes: Writes): boolean => {
    if (!asked.every((holds) => holds(tables, writes))) return false
    const { occupancy, lines, moves } = writes
    for (const { after } of moves) {
      const now = tables.tickets.get(after.ticketId)!
      const status = now.status === "voided" ? now.status : "admitted"
      const { entries, firstScanId, firstUse, inside } = after
      tables.tickets.set(after.ticketId, { ...now, status, inside, entries, firstScanId, firstUse })
    }
    for (const line of lines) tables.journal.set(line.verdict.scan_id, { ...line, annulled: false })
    tables.inside += occupancy.delta
    tables.entered += occupancy.entered
    return true
  }

  const refusal = (scanId: string, deviceId: string): AnnulAnswer | null => {
    const line = tables.journal.get(scanId)
    if (line === undefined) return "not_found"
    const { annulled, scan, verdict } = line
    if (scan.deviceId !== deviceId) return "another_device"
    if (annulled) return "annulled"
    if (verdict.result !== "valid") return "not_admitted"
    const last = DateTime.toEpochMillis(verdict.decided_at) + Duration.toMillis(annulWithin)
    if (now > last) return "too_late"
    const lines = [...tables.journal.values()]
    const moved = lines.slice(lines.indexOf(line) + 1).some((later) =>
      later.verdict.ticket_id === verdict.ticket_id && later.verdict.result === "valid" && !later.annulled
    )
    if (moved) return "moved_since"
    return scan.direction === "exit" && tables.inside >= tables.places ? "capacity_reached" : null
  }

  const annul = (scanId: string, deviceId: string): AnnulAnswer => {
    const refused = refusal(scanId, deviceId)
    if (refused !== null) return refused
    const line = tables.journal.get(scanId)!
    const before = tables.tickets.get(line.verdict.ticket_id!)!
    const entry = line.scan.direction === "entry"
    const first = before.firstScanId === scanId ? { firstScanId: null, firstUse: null } : {}
    const entries = entry ? before.entries - 1 : before.entries
    tables.tickets.set(before.ticketId, { ...before, ...first, inside: !entry, entries })
    line.annulled = true
    tables.inside += entry ? -1 : 1
    tables.entered -= entry ? 1 : 0
    return "annulled"
  }

  const load = (scans: ReadonlyArray<AdmitRequest>): Snapshot => {
    const codes = new Set(
      scans.flatMap(({ ticketCode }) => ticketCode === null ? [] : TicketCode.spellings(ticketCode))
    )
    const ids = new Set(scans.map(({ ticketId }) => ticketId))
    const said = scans.flatMap(({ scanId }) => tables.journal.get(scanId) ?? [])
    return {
      event: { ...event, version: 1, revision: "1", maxAttendees: tables.places, reentry },
      inside: tables.inside,
      tickets: [...tables.tickets.values()].filter(({ code, ticketId }) =>
        codes.has(code) || ids.has(ticketId)
      ),
      given: said.map(({ annulled, scan: { deviceId }, verdict }) => ({ verdict, deviceId, annulled }))
    }
  }

  const activation: Activation = function* (scans, { beforeWrite, fate, read }) {
    for (let round = 1; round <= 10; round++) {
      read(now)
      const { verdicts, writes } = decideBatch(eventId, load(scans), scans, DateTime.makeUnsafe(now))
      if (writes.lines.length === 0) return verdicts
      yield* beforeWrite()
      if (fate === "crashed") return fate
      if (write(writes)) return fate === "lost" ? fate : verdicts
    }
    return assert.fail("The gate found no peace")
  }

  return {
    eventId,
    codes: all.map(({ code, ticketId }) => ({ id: ticketId, code })),
    *now() {
      return now
    },
    *activate() {
      return activation
    },
    *annul({ scanId }, deviceId) {
      return annul(scanId, deviceId)
    },
    *spoil(ticketId, how) {
      const before = tables.tickets.get(ticketId)!
      const change = how === "voided" ? { status: "voided" as const } : { paymentState: "refunded" as const }
      tables.tickets.set(ticketId, { ...before, ...change })
    },
    *resize(places) {
      tables.places = places
    },
    *wait(seconds) {
      now += seconds * 1_000
    },
    *account() {
      return {
        journal: [...tables.journal.values()].map(({ annulled, scan: { deviceId }, verdict }) => ({
          scanId: verdict.scan_id,
          deviceId,
          ticketId: verdict.ticket_id,
          direction: verdict.direction,
          result: verdict.result,
          annulled
        })),
        tickets: own.map(({ ticketId }) => tables.tickets.get(ticketId)!),
        inside: tables.inside,
        entered: tables.entered
      }
    }
  }
}
