/** The decision without a network: the server's own, on what this device knows. */
import { DateTime, Schema } from "effect"
import type { ScanResult } from "../../rpc/Scan.ts"
import {
  OfflineBundle,
  OfflineEvent,
  type OfflineTickets,
  type TicketState
} from "../../src/gate/offline/OfflineBundle.ts"
import { decideOffline, statesAfter } from "../../src/gate/offline/OfflineDecision.ts"
import { sentence } from "../../src/gate/ScanAnswer.ts"
import { trustedKeys } from "../../src/trust/SigningKeys.ts"
import { install } from "../device/buffer.ts"
import { locale } from "../device/locale.ts"
import type { Known, Passage } from "./store.ts"

install()

type Page = typeof OfflineBundle.Encoded

const eventOf = Schema.decodeSync(OfflineEvent)

/** The text as the decision takes it: what a camera reads of a ticket is JSON, what a person types is a code. */
export const readOf = (
  text: string
): { readonly ticketCode: string | null; readonly qrData: string | null } =>
  text.trimStart().startsWith("{") ? { ticketCode: null, qrData: text } : { ticketCode: text, qrData: null }

/** What the device knows once it has read a page of the bundle; the counters come anew with each page. */
export const knownAfter = (
  held: Known | null,
  page: Page,
  of: Pick<Known, "event" | "gate" | "organizer">
): Known => ({
  event: of.event,
  gate: of.gate,
  organizer: of.organizer,
  about: { event: page.event, keys: page.keys },
  states: statesAfter(held?.states ?? new Map(), {
    full: page.full,
    tickets: page.tickets as OfflineTickets
  }),
  cursor: page.cursor,
  more: page.more,
  moved: 0
})

/** What was decided, the sentence for it, and what the device knows from now on. */
export interface Alone {
  readonly result: ScanResult
  readonly message: string
  readonly known: Known
}

/** Decides a passage without a network. */
export const decideAlone = (
  known: Known,
  passage: Pick<Passage, "at" | "direction" | "text" | "gate">
): Alone => {
  const event = eventOf(known.about.event)
  const { after, digest, result } = decideOffline(
    {
      event,
      keys: trustedKeys(known.about.keys),
      states: known.states,
      inside: event.inside + known.moved
    },
    { ...readOf(passage.text), direction: passage.direction, at: DateTime.makeUnsafe(passage.at) }
  )
  const passed = result === "valid" && digest !== null && after !== null
  const states: ReadonlyMap<string, TicketState> = passed
    ? new Map(known.states).set(digest, after)
    : known.states
  const message = sentence(
    {
      scan_id: "",
      result,
      ticket_id: null,
      event_id: event.event_id,
      gate: passage.gate,
      direction: passage.direction,
      guest_first_name: null,
      ticket_type: null,
      first_use: null,
      last_use: null,
      timezone: event.timezone,
      signals: [],
      decided_at: DateTime.makeUnsafe(passage.at)
    },
    locale
  )
  const moved = passed ? known.moved + (passage.direction === "entry" ? 1 : -1) : known.moved
  return { result, message, known: { ...known, states, moved } }
}
