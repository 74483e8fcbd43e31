/** What an erased guest is called: one rule for whoever erases, and for whoever stores what may name a guest. */
import type { PseudonymField } from "./GuestFields.ts"

/** A guest of one event. */
export interface Guest {
  readonly eventId: number
  readonly guestId: number
}

/** The name and the address that take a guest's place; nobody is reached at `.invalid` (RFC 2606). */
export const pseudonymOf = ({ eventId, guestId }: Guest): Readonly<Record<PseudonymField, string>> => ({
  name: `Guest ${guestId}`,
  email: `guest-${guestId}@event-${eventId}.invalid`
})

/** Why a message that waited is not sent any more. */
export const erasedReason = "the guest was erased"
