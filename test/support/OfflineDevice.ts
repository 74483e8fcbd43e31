/** A scanner that takes a bundle along, decides without a network as `OfflineDecision` says, and uploads afterwards. */
import { assert } from "@effect/vitest"
import { DateTime, Effect, Redacted, Schema } from "effect"
import type { ScanResult } from "../../rpc/Scan.ts"
import { OfflineBundle, type TicketState } from "../../src/gate/offline/OfflineBundle.ts"
import {
  decideOffline,
  type OfflineKnowledge,
  type OfflineRead,
  statesAfter
} from "../../src/gate/offline/OfflineDecision.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import type { NewToken } from "../../src/store/TokenRows.ts"
import { trustedKeys } from "../../src/trust/SigningKeys.ts"
import { TestApp } from "./TestApp.ts"
import { sent, type Uploaded } from "./Uploads.ts"

export const tokenFor = (token: NewToken) =>
  Effect.flatMap(
    TokenStore,
    (tokens) => Effect.map(tokens.create(token), (made) => Redacted.value(made.token))
  )

/** A steward's token for one event, at these gates or at every gate. */
export const steward = (eventId: number, gates?: ReadonlyArray<string>) =>
  tokenFor({ role: "operator", subject: "operator-1", owner: "organizer-1", events: [eventId], gates })

const decodeBundle = Schema.decodeUnknownEffect(OfflineBundle)

/** One page of an event's bundle, as the API answers it. */
export const fetchPage = Effect.fnUntraced(function* (
  token: string,
  eventId: number,
  query: Readonly<Record<string, string>>
) {
  const app = yield* TestApp
  const answer = yield* app.ask(`/api/events/${eventId}/offline-bundle?${new URLSearchParams(query)}`, {
    token
  })
  assert.strictEqual(answer.status, 200, answer.text)
  return yield* Effect.orDie(decodeBundle(answer.json))
})

/** A device at a gate: in reach of the network now and then. */
export class OfflineDevice {
  readonly token: string
  readonly eventId: number
  readonly gate: string
  readonly name: string
  readonly scans: Array<Uploaded> = []
  #cursor: string | undefined
  #states: ReadonlyMap<string, TicketState> = new Map()
  #known: Omit<OfflineKnowledge, "states"> | undefined

  constructor(token: string, eventId: number, gate: string, name: string) {
    this.token = token
    this.eventId = eventId
    this.gate = gate
    this.name = name
  }

  /** Takes pages until there is no more. */
  readonly sync = Effect.fnUntraced({ self: this }, function* (limit = 3) {
    for (let more = true; more;) {
      const query = {
        gate: this.gate,
        limit: String(limit),
        ...(this.#cursor ? { cursor: this.#cursor } : {})
      }
      const page: OfflineBundle = yield* fetchPage(this.token, this.eventId, query)
      this.#states = statesAfter(this.#states, page)
      this.#known = { event: page.event, keys: trustedKeys(page.keys), inside: page.event.inside }
      this.#cursor = page.cursor
      more = page.more
    }
  })

  /** Decides alone, remembers, and keeps the scan for the upload. */
  scan(scan: Partial<OfflineRead> & { readonly at: DateTime.Utc }): ScanResult {
    const read = { ticketCode: null, qrData: null, direction: "entry" as const, ...scan }
    const { after, digest, result } = decideOffline({ ...this.#known!, states: this.#states }, read)
    if (after !== null && digest !== null) {
      this.#states = new Map(this.#states).set(digest, after)
      this.#known = { ...this.#known!, inside: this.#known!.inside + (read.direction === "exit" ? -1 : 1) }
    }
    this.scans.push({
      scan_id: `${this.name}-${this.scans.length + 1}`,
      ticket_code: read.ticketCode,
      qr_data: read.qrData,
      gate: this.gate,
      direction: read.direction,
      result,
      timestamp: DateTime.formatIso(read.at)
    })
    return result
  }

  /** Sends everything it has decided. */
  readonly send = () => sent(this.token, this.eventId, this.scans, { device: this.name })
}
