/** A decision as it is answered. */
import type { Decision, Situation } from "./Decision.ts"
import type { AdmitRequest, Verdict } from "../../rpc/Scan.ts"

/** What a verdict seldom says. */
const remarks = (scan: AdmitRequest, { after, readAgain, result }: Decision) => ({
  ...(scan.forged === "codes_differ" && result === "unknown_ticket" ? { codes_differ: true as const } : {}),
  ...(readAgain !== undefined && result === "already_used" ? { read_again_seconds: readAgain } : {}),
  ...(after === null ? {} : { let_in: true as const })
})

/** A decision as it is answered; `timezone` is the event's. */
export const verdictOf = (
  { event, eventId, now }: Pick<Situation, "event" | "eventId" | "now">,
  scan: AdmitRequest,
  decision: Decision
): Verdict => {
  const { result, signals, ticket } = decision
  const verdict: Verdict = {
    scan_id: scan.scanId,
    result,
    ticket_id: ticket?.ticketId ?? null,
    event_id: eventId,
    gate: scan.gate,
    direction: scan.direction,
    guest_first_name: ticket?.guestFirstName ?? null,
    ticket_type: ticket?.ticketType ?? null,
    first_use: ticket?.firstUse ?? null,
    last_use: ticket?.lastEntry ?? null,
    timezone: event?.timezone ?? "UTC",
    signals,
    decided_at: now
  }
  return result === "valid" ? verdict : { ...verdict, ...remarks(scan, decision) }
}
