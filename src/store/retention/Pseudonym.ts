/** What an erased guest is called: one rule for whoever erases, and for whoever stores what may name a guest. */
import type { PseudonymField } from "../GuestFields.ts"
import type { EventId, EventNumber } from "../../../rpc/values/Ids.ts"

/** A guest of one event, which its organiser knows by `number`. */
export interface Guest {
  readonly eventId: EventId
  readonly number: EventNumber
  readonly guestId: number
}

/** The address of nobody at the event of this number, or of whatever stands for one. */
export const addressAt = (guestId: number, number: EventNumber | string): string =>
  `guest-${guestId}@event-${number}.invalid`

/** The name and the address that take a guest's place; nobody is reached at `.invalid` (RFC 2606). */
export const pseudonymOf = (
  { guestId, number }: Pick<Guest, "guestId" | "number">
): Readonly<Record<PseudonymField, string>> => ({
  name: `Guest ${guestId}`,
  email: addressAt(guestId, number)
})

/** Why a message that waited is not sent any more. */
export const erasedReason = "the guest was erased"
