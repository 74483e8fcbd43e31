/** Lines of the ledger: as they are entered, begun, attempted, due and counted. */
import { DateTime, Schema } from "effect"
import { Channel, MessageStatus } from "../../../rpc/NotificationSequence.ts"
import { addressAt } from "../retention/Pseudonym.ts"
import { digestOf } from "../AddressDigest.ts"
import * as Rows from "../Rows.ts"
import { EventId } from "../../../rpc/values/Ids.ts"

/** A message to one person over one channel; its id is derived from its reason, so that it exists once. */
export interface NewMessage {
  readonly messageId: string
  readonly sequenceId: string | null
  readonly flowId: string | null
  readonly eventId: EventId | null
  readonly guestId: number | null
  /** The payer's guest number, where a message to a payer is no guest's. */
  readonly payerId?: number | null | undefined
  readonly type: string
  readonly template: string
  readonly channel: Channel
  readonly priority: string
  readonly recipient: string
  readonly scheduledAt: DateTime.Utc | null
  /** Set when the message must not be sent at all; it is then kept as skipped, with this reason. */
  readonly skip: string | null
  /** Whether the request itself leaves it out: such a line is there for whoever looks for it, and is counted nowhere. */
  readonly leftOut?: boolean
}

/** How one attempt to deliver ended; `skipped` when nobody can be reached at the address. */
export interface Attempt {
  readonly messageId: string
  readonly status: "sent" | "failed" | "skipped"
  readonly reason: string | null
  /** Whether the failure may pass. */
  readonly retryable: boolean
  /** What refused it: a reply code with its enhanced status, such as `550 5.1.1`. */
  readonly code?: string | null
  /** Whether it may have been delivered all the same. */
  readonly inDoubt?: boolean
  /** The address, when no mailbox has it: it comes on the organiser's list. */
  readonly bounced?: string | null
}

/** A message that is about to be handed over, to an address that may be another than the one it was entered with. */
export interface Begin {
  readonly messageId: string
  readonly recipient: string
}

export const Row = Schema.Struct({
  message_id: Schema.String,
  type: Schema.String,
  template: Schema.String,
  channel: Channel,
  guest_id: Schema.NullOr(Schema.Int),
  status: MessageStatus,
  reason: Schema.NullOr(Schema.String),
  attempts: Schema.Int,
  possible_double: Schema.Boolean,
  scheduled_at: Rows.AtOrNull,
  sent_at: Rows.AtOrNull
})
export const columns =
  "message_id, type, template, channel, guest_id, status, reason, attempts, possible_double, scheduled_at, sent_at"

export const Due = Schema.Struct({
  message_id: Schema.String,
  event_id: EventId,
  guest_id: Schema.Int,
  type: Schema.String,
  template: Schema.String,
  channel: Channel,
  priority: Schema.String,
  recipient: Schema.String
})
/** A message that waits to be delivered. */
export type Due = typeof Due.Type

export const Waiting = Schema.Struct({ message_id: Schema.String, guest_id: Schema.Int })
export type Waiting = typeof Waiting.Type

export const Tally = Schema.Struct({
  sent: Schema.Int,
  failed: Schema.Int,
  skipped: Schema.Int,
  retryable: Schema.Int
})
/** What became of some messages: `failed` for good, `retryable` those that may still be delivered. */
export type Tally = typeof Tally.Type

/** With the guest whose address it has, and the address of that guest when erased: `%` stands for the event's number. */
export const withPerson = ({ payerId, ...message }: NewMessage) => {
  const { eventId, guestId } = message
  const person = guestId ?? payerId ?? null
  return {
    ...message,
    person,
    pseudonym: eventId === null || person === null ? null : addressAt(person, "%")
  }
}

export const withDigest = ({ bounced = null, ...attempt }: Attempt) => ({
  ...attempt,
  bounced,
  digest: bounced === null ? null : digestOf(bounced)
})

export const Id = Schema.Struct({ message_id: Schema.String })
export const Begun = Schema.Struct({ message_id: Schema.String, status: MessageStatus })
