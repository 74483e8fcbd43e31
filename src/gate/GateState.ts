/**
 * What the gate knows when it decides: the event, who is inside, the tickets that were scanned. Each is a schema, so that
 * what is read from the database is checked, and tests generate every field that a rule may ask for.
 */
import * as Schema from "effect/Schema"
import { EventStatus } from "../../rpc/Event.ts"
import { GateRules, type Verdict } from "../../rpc/Scan.ts"
import { PaymentState, TicketStatus } from "../../rpc/Ticket.ts"
import { EventId } from "../../rpc/values/Ids.ts"

const At = Schema.DateTimeUtcFromString

/** When and where someone came in, as the database writes it in JSON. */
export const StoredPassage = Schema.Struct({ at: At, gate: Schema.String })

/**
 * The event's own rules. `version` is that of the gate's lock; `revision` changes with every change of the event's row,
 * so that what was decided on one revision is written only while it is the current one.
 */
export const GateEvent = Schema.Struct({
  version: Schema.Int,
  revision: Schema.String,
  status: EventStatus,
  timezone: Schema.String,
  maxAttendees: Schema.Int,
  doorsOpenAt: Schema.NullOr(At),
  doorsCloseAt: Schema.NullOr(At),
  reentry: Schema.Boolean,
  rules: GateRules
})
export type GateEvent = typeof GateEvent.Type

/**
 * A ticket of any event, as it stands; `refusals` are the times it was lately shown again after its use. `inside` says
 * whether somebody is whom the rules let in, and `letIn` how many are who were let in although a rule said no; `entries`
 * counts both. `lastEntry` is the entry that counts, by the device `lastDevice`.
 */
export const GateTicket = Schema.Struct({
  ticketId: Schema.Int,
  eventId: EventId,
  code: Schema.String,
  ticketType: Schema.String,
  guestFirstName: Schema.String,
  status: TicketStatus,
  paymentState: PaymentState,
  inside: Schema.Boolean,
  entries: Schema.Int,
  firstScanId: Schema.NullOr(Schema.String),
  firstUse: Schema.NullOr(StoredPassage),
  lastEntry: Schema.NullOr(StoredPassage),
  lastDevice: Schema.NullOr(Schema.String),
  letIn: Schema.Int,
  refusals: Schema.Array(At)
})
export type GateTicket = typeof GateTicket.Type

/** A verdict given before: to which device, and whether the scan was annulled since. */
export interface GivenVerdict {
  readonly verdict: Verdict
  readonly deviceId: string
  readonly annulled: boolean
}

/** One consistent read of the database; `inside` are those whom the rules let in, `letIn` the others; `given` has what was answered under the scan ids of the batch before. */
export interface Snapshot {
  readonly event: GateEvent | null
  readonly inside: number
  readonly letIn?: number
  readonly tickets: ReadonlyArray<GateTicket>
  readonly given: ReadonlyArray<GivenVerdict>
}
