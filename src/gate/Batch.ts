/** Decides the scans of a batch in their order, each seeing those before it, and says what to write. */
import type * as DateTime from "effect/DateTime"
import type { AdmitRequest, Verdict } from "../../rpc/Scan.ts"
import { TicketCode } from "../../rpc/values/TicketCode.ts"
import { decide, happenedAt, passedAnyway, refuse, refusedOperator } from "./Decision.ts"
import { verdictOf } from "./Verdicts.ts"
import type { GateTicket, GivenVerdict, Snapshot } from "./GateState.ts"
import { EventId } from "../../rpc/values/Ids.ts"

/**
 * A ticket before and after the batch: it is written only if the database still holds `before`. `anyway`: somebody came in
 * against the rules, so what became of the ticket meanwhile holds nobody back.
 */
export interface TicketChange {
  readonly before: GateTicket
  readonly after: GateTicket
  readonly anyway: boolean
}

/** What the batch does to those whom the rules let in; `peak` is their most at an entry, null without entries. */
export interface OccupancyChange {
  readonly delta: number
  readonly entered: number
  readonly peak: number | null
}

/**
 * What it does to those who were let in against the rules: to how many ever came, and to how many are inside. `peak` is
 * the most people of both kinds at an entry that was decided here, null without.
 */
export interface LetIn {
  readonly came: number
  readonly inside: number
  readonly peak: number | null
}

/** A line of the journal: what was scanned and what was answered; `letIn` when one of those passed. */
export interface JournalLine {
  readonly scan: AdmitRequest
  readonly verdict: Verdict
  readonly shownAgain: boolean
  readonly letIn: boolean
}

/** Everything the batch writes, or nothing of it; entries are written only while the event has the version that was read. */
export interface Writes {
  readonly version: number | null
  readonly lines: ReadonlyArray<JournalLine>
  readonly moves: ReadonlyArray<TicketChange>
  readonly occupancy: OccupancyChange
  readonly letIn: LetIn
}

/** The ticket that a scan names; when it names one by code and by number, they must be the same. */
const finder = (tickets: ReadonlyArray<GateTicket>) => {
  const byCode = new Map(tickets.map((ticket) => [ticket.code, ticket.ticketId]))
  const known = new Set(tickets.map((ticket) => ticket.ticketId))
  return ({ ticketCode, ticketId }: AdmitRequest): number | undefined => {
    if (ticketCode === null) return ticketId !== null && known.has(ticketId) ? ticketId : undefined
    const found = TicketCode.spellings(ticketCode).map((code) => byCode.get(code)).find((id) =>
      id !== undefined
    )
    return ticketId === null || ticketId === found ? found : undefined
  }
}

const nobody = {
  ticket_id: null,
  guest_first_name: null,
  ticket_type: null,
  first_use: null,
  last_use: null
} as const

/**
 * A verdict given before, for whoever asks for it now and may scan here: `decideBatch` refuses the others. A verdict on
 * one ticket is not given for another, nor that of an entry for an exit: a device that always sends the same id would
 * let everybody in, and nobody out. Nor is it given to another device, which has somebody else before it, with the same
 * ticket. An annulled scan admits nobody any more.
 */
const repeated = (
  { annulled, deviceId, verdict }: GivenVerdict,
  scan: AdmitRequest,
  ticketId: number | undefined
): Verdict => {
  const another = verdict.ticket_id !== null && verdict.ticket_id !== ticketId
  if (another || verdict.direction !== scan.direction || deviceId !== scan.deviceId) {
    return { ...verdict, ...nobody, result: "scan_id_reused", signals: [] }
  }
  return annulled ? { ...verdict, result: "scan_annulled", signals: [] } : verdict
}

/**
 * Pure. A scan that was answered before, in the database or in this batch, gets that verdict again; whoever may not scan
 * here is refused as for any scan, which is not written a second time, and learns nothing of the first.
 */
export const decideBatch = (
  eventId: EventId,
  snapshot: Snapshot,
  scans: ReadonlyArray<AdmitRequest>,
  now: DateTime.Utc,
  refusalsOf: (deviceId: string, seconds: number) => number = () => 0
): { readonly verdicts: ReadonlyArray<Verdict>; readonly writes: Writes } => {
  const find = finder(snapshot.tickets)
  const before = new Map(snapshot.tickets.map((ticket) => [ticket.ticketId, ticket]))
  const current = new Map(before)
  const moved = new Set<number>()
  const answered = new Map(snapshot.given.map((given) => [given.verdict.scan_id, given]))
  const lines: Array<JournalLine> = []
  const anyway = new Set<number>()
  let occupancy: OccupancyChange = { delta: 0, entered: 0, peak: null }
  let letIn: LetIn = { came: 0, inside: 0, peak: null }

  /** Counts whoever passed; answers whether it was one of those who were let in against the rules. */
  const count = (scan: AdmitRequest, ticket: GateTicket, after: GateTicket): boolean => {
    const step = after.letIn - ticket.letIn
    if (step !== 0) {
      letIn = { ...letIn, came: letIn.came + Math.max(step, 0), inside: letIn.inside + step }
      if (step > 0) anyway.add(after.ticketId)
    } else if (scan.direction === "exit") {
      occupancy = { ...occupancy, delta: occupancy.delta - 1 }
    } else {
      const delta = occupancy.delta + 1
      const people = delta + letIn.inside
      occupancy = { delta, entered: occupancy.entered + 1, peak: Math.max(occupancy.peak ?? delta, delta) }
      if (!passedAnyway(scan)) letIn = { ...letIn, peak: Math.max(letIn.peak ?? people, people) }
    }
    return step !== 0
  }

  const answer = (scan: AdmitRequest): Verdict => {
    const ticketId = find(scan)
    const ticket = ticketId === undefined ? undefined : current.get(ticketId)
    const inside = snapshot.inside + occupancy.delta
    const beside = (snapshot.letIn ?? 0) + letIn.inside
    const deviceRefusals = refusalsOf(scan.deviceId, snapshot.event?.rules.device_window_seconds ?? 0)
    const situation = { eventId, event: snapshot.event, inside, letIn: beside, ticket, now, deviceRefusals }
    const decision = decide(situation, scan)
    let oneOfThem = false
    if (decision.after !== null && decision.ticket !== null) {
      current.set(decision.after.ticketId, decision.after)
      moved.add(decision.after.ticketId)
      oneOfThem = count(scan, decision.ticket, decision.after)
    }
    if (decision.shownAgain && decision.ticket !== null) {
      const stands = decision.after ?? decision.ticket
      current.set(stands.ticketId, { ...stands, refusals: [...stands.refusals, happenedAt(scan, now)] })
    }
    const verdict = verdictOf(situation, scan, decision)
    lines.push({ scan, verdict, shownAgain: decision.shownAgain, letIn: oneOfThem })
    answered.set(scan.scanId, { verdict, deviceId: scan.deviceId, annulled: false })
    return verdict
  }

  const verdicts = scans.map((scan) => {
    const given = answered.get(scan.scanId)
    if (given === undefined) return answer(scan)
    const refused = refusedOperator(eventId, scan)
    return refused === null
      ? repeated(given, scan, find(scan))
      : verdictOf({ eventId, event: snapshot.event, now }, scan, refuse(refused))
  })
  const moves = [...moved].map((id) => ({
    before: before.get(id)!,
    after: current.get(id)!,
    anyway: anyway.has(id)
  }))
  return { verdicts, writes: { version: snapshot.event?.version ?? null, lines, moves, occupancy, letIn } }
}
