/** What must hold of a gate's tables whatever happened, whoever decided. */
import { assert } from "@effect/vitest"
import type { Account } from "./Premises.ts"

/** The rules that stood from the first scan to the last; `places` is null when they were changed meanwhile. */
export interface Rules {
  readonly reentry: boolean
  readonly places: number | null
}

/**
 * Nobody came in twice without leaving, nor beyond the places; a scan id stands once; the tickets and the occupancy are
 * what the journal says. A scan that was annulled counts as if it had not been.
 */
export const consistent = (
  { entered, inside, journal, tickets }: Account,
  { places, reentry }: Rules
): void => {
  const within = new Set<number>()
  const entries = new Map<number, Array<string>>()
  const fail = (what: string): never => assert.fail(`${what}: ${JSON.stringify(journal)}`)
  if (new Set(journal.map(({ scanId }) => scanId)).size !== journal.length) fail("A scan id stands twice")
  let came = 0
  for (const { annulled, direction, result, scanId, ticketId } of journal) {
    if (result !== "valid" || annulled || ticketId === null) continue
    if (within.has(ticketId) !== (direction === "exit")) fail(`${scanId} is an ${direction} out of turn`)
    if (direction === "exit") within.delete(ticketId)
    else {
      within.add(ticketId)
      const own = entries.get(ticketId) ?? []
      entries.set(ticketId, [...own, scanId])
      came++
      if (!reentry && own.length > 0) fail(`${scanId} comes back`)
      if (places !== null && within.size > places) fail(`${scanId} is one too many`)
    }
  }
  for (const ticket of tickets) {
    const own = entries.get(ticket.ticketId) ?? []
    if (ticket.inside !== within.has(ticket.ticketId)) fail(`Ticket ${ticket.ticketId} is elsewhere`)
    if (ticket.entries !== own.length) fail(`Ticket ${ticket.ticketId} counts ${ticket.entries} entries`)
    if (ticket.firstScanId !== (own[0] ?? null)) {
      fail(`Ticket ${ticket.ticketId} first came in with ${ticket.firstScanId}`)
    }
  }
  if (inside !== within.size) fail(`${inside} are counted inside`)
  if (entered !== came) fail(`${entered} are counted to have come`)
}
