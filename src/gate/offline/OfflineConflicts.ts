/** Where a device that decided alone let someone in and the gate would not have: what the event's staff must know. */
import { DateTime, Schema } from "effect"
import { type EventNumber, TicketId } from "../../../rpc/values/Ids.ts"
import { type AdmitRequest, type Passage, ScanResult, type Verdict } from "../../../rpc/Scan.ts"
import { Instant, type Locale } from "../../../rpc/values/Values.ts"
import { happenedAt } from "../Decision.ts"
import { momentsIn, sentence, shown, type ShownVerdict } from "../ScanAnswer.ts"

/** Someone came in: where, when, and by which scan of which device, as far as the journal says. */
export const Entry = Schema.Struct({
  gate: Schema.String,
  at: Instant,
  scan_id: Schema.NullOr(Schema.String),
  device_id: Schema.NullOr(Schema.String)
})
export type Entry = typeof Entry.Type

/**
 * `double_entry`: the ticket came in twice; `entries` has the one that counts, then the uploaded one, whichever was
 * earlier. `over_capacity`: no place was left. `not_admissible`: the ticket opened nothing, `reason` says why.
 */
export const Conflict = Schema.Struct({
  kind: Schema.Literals(["double_entry", "over_capacity", "not_admissible"]),
  scan_id: Schema.String,
  ticket_id: Schema.NullOr(TicketId),
  reason: ScanResult,
  entries: Schema.Array(Entry),
  message: Schema.String
})
export type Conflict = typeof Conflict.Type

/** An uploaded scan and its verdict, whichever event it was for. */
export interface Decided {
  readonly scan: Pick<AdmitRequest, "claimed" | "deviceId" | "deviceTime" | "direction" | "gate" | "source">
  readonly verdict: Omit<Verdict, "event_id">
}

/** A ticket's entry that another one contradicts. */
export interface Counted extends Passage {
  readonly ticketId: number
}

/**
 * What it is when a device let someone in and the verdict is this one; `null` when it is no conflict. A `double_entry`
 * whose other entry is not known is `not_admissible`.
 */
const kinds: Readonly<Record<ScanResult, Conflict["kind"] | null>> = {
  valid: null,
  scan_annulled: null,
  already_used: "double_entry",
  suspected_fraud: "double_entry",
  capacity_reached: "over_capacity",
  unknown_ticket: "not_admissible",
  wrong_event: "not_admissible",
  voided: "not_admissible",
  unpaid: "not_admissible",
  not_yet_valid: "not_admissible",
  expired: "not_admissible",
  unknown_event: "not_admissible",
  event_inactive: "not_admissible",
  operator_forbidden: "not_admissible",
  gate_forbidden: "not_admissible",
  forged: "not_admissible",
  not_inside: "not_admissible",
  scan_id_reused: "not_admissible",
  refused_offline: "not_admissible",
  unreadable: "not_admissible"
}

/** The uploaded entries that should not have been; whatever the device refused let nobody in. */
export const clashes = (decided: ReadonlyArray<Decided>): ReadonlyArray<Decided> =>
  decided.filter(({ scan, verdict }) =>
    scan.claimed === "valid" && scan.direction === "entry" && kinds[verdict.result] !== null
  )

/** The entry that counts, when the clash is a second one of its ticket. */
export const countedOf = ({ verdict: { last_use, result, ticket_id } }: Decided): Counted | null =>
  kinds[result] === "double_entry" && last_use !== null && ticket_id !== null
    ? { ...last_use, ticketId: ticket_id }
    : null

const words = {
  fr: {
    double: (first: string, second: string) => `Ce billet est entré deux fois : ${first}, puis ${second}.`,
    full: (entry: string) => `La salle était pleine à l'entrée ${entry}.`,
    other: (entry: string, reason: string) => `Une entrée hors ligne ${entry} n'était pas permise. ${reason}`,
    at: (gate: string, moment: string) => `porte ${gate} le ${moment}`
  },
  en: {
    double: (first: string, second: string) => `This ticket came in twice: ${first}, then ${second}.`,
    full: (entry: string) => `The house was full at the entry ${entry}.`,
    other: (entry: string, reason: string) => `An offline entry ${entry} was not allowed. ${reason}`,
    at: (gate: string, moment: string) => `at gate ${gate} on ${moment}`
  }
} as const

const describe = (locale: Locale, verdict: ShownVerdict, entries: ReadonlyArray<Entry>): string => {
  const { at, double, full, other } = words[locale]
  const moment = momentsIn(locale, verdict.timezone)
  const places = entries.toSorted((a, b) => DateTime.toEpochMillis(a.at) - DateTime.toEpochMillis(b.at))
    .map((entry) => at(entry.gate, moment(entry.at)))
  const [first = "", second] = places
  if (second !== undefined) return double(first, second)
  return kinds[verdict.result] === "over_capacity" ? full(first) : other(first, sentence(verdict, locale))
}

/**
 * The conflict of a clash, the same whenever it is asked for: it follows from the verdict as it was stored. `counted` is
 * the entry that counts, if there is one; `number` is the event's.
 */
export const conflictOf = (
  { scan, verdict }: Decided,
  counted: Entry | null,
  number: EventNumber,
  locale: Locale
): Conflict => {
  const { decided_at, result, scan_id, ticket_id } = verdict
  const uploaded = { gate: scan.gate, at: happenedAt(scan, decided_at), scan_id, device_id: scan.deviceId }
  const entries = counted === null ? [uploaded] : [counted, uploaded]
  return {
    kind: counted !== null
      ? "double_entry"
      : kinds[result] === "over_capacity"
      ? "over_capacity"
      : "not_admissible",
    scan_id,
    ticket_id,
    reason: result,
    entries,
    message: describe(locale, shown(verdict, number), entries)
  }
}
