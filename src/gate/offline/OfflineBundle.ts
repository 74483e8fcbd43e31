/** What a device takes along to decide alone: the event, the published keys, and each ticket as a digest, by its state. */
import { Schema } from "effect"
import { createHash } from "node:crypto"
import { EventStatus } from "../../../rpc/Event.ts"
import { EventNumber } from "../../../rpc/values/Ids.ts"
import { GateRules } from "../../../rpc/Scan.ts"
import { Instant } from "../../../rpc/values/Values.ts"
import { TicketKeySet } from "../../trust/SigningKeys.ts"

/** `left`: in, and out again. A ticket that is voided or not paid for is only that, wherever its guest is. */
export const ticketStates = ["unused", "left", "inside", "unpaid", "voided"] as const
export type TicketState = (typeof ticketStates)[number]

/** The length of a digest, in characters. */
export const digestLength = 16

/** How a device computes the digest of a code it has read; in every bundle. */
export const digestRecipe =
  "base64url, without padding, of the first 12 bytes of SHA-256 over the UTF-8 text guichet-offline:<event_id>:<ticket_code>. " +
  "A typed code is first put in upper case, without spaces, with O as 0 and I or L as 1 after its last hyphen; what a " +
  "reader adds before and after it is left out."

/** The digest of a ticket's code. The code's 80 random bits are beyond guessing, so a digest does not give it back. */
export const digestOf = (event: EventNumber, ticketCode: string): string =>
  createHash("sha256").update(`guichet-offline:${event}:${ticketCode}`).digest().subarray(0, 12).toString(
    "base64url"
  )

const Digests = Schema.String.annotate({
  description: `Digests of ${digestLength} characters each, one after the other, in ascending order.`
})

/** The event as its gate is bound by it; `inside` counts every gate. */
export const OfflineEvent = Schema.Struct({
  event_id: EventNumber,
  status: EventStatus,
  timezone: Schema.String,
  doors_open_at: Schema.NullOr(Instant),
  doors_close_at: Schema.NullOr(Instant),
  reentry: Schema.Boolean,
  max_attendees: Schema.Int,
  inside: Schema.Int
})
export type OfflineEvent = typeof OfflineEvent.Type

/** The digests of one page. */
export const OfflineTickets = Schema.Struct({
  unused: Digests,
  left: Digests,
  inside: Digests,
  unpaid: Digests,
  voided: Digests
})
export type OfflineTickets = typeof OfflineTickets.Type

/**
 * One page. `full`: whatever the device held before is forgotten. A digest's group in a later page replaces that of an
 * earlier one; the same may come twice. `more`: ask again at once with `cursor`; otherwise with it whenever there is a
 * network.
 */
export const OfflineBundle = Schema.Struct({
  event: OfflineEvent,
  gate: Schema.String,
  gate_rules: GateRules,
  keys: TicketKeySet,
  digest_recipe: Schema.String,
  tickets: OfflineTickets,
  generated_at: Instant,
  full: Schema.Boolean,
  more: Schema.Boolean,
  cursor: Schema.String
})
export type OfflineBundle = typeof OfflineBundle.Type
