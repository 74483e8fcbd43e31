/**
 * What a device decides alone is what the server would have decided at that moment, as far as a device can see: for
 * events and tickets that are generated from their schemas. A rule that asks for what a bundle does not tell turns this
 * file red: put it into the bundle, or name it among the gaps of `OfflineDecision`.
 * Guards whose removal turns this file red: what `OfflineDecision` makes of each state, the hyphens of the digest's text,
 * and the verification of a QR.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import * as fc from "fast-check"
import { createHash } from "node:crypto"
import { usualRules } from "../../../rpc/Scan.ts"
import { decide } from "../../../src/gate/Decision.ts"
import { GateEvent, GateTicket } from "../../../src/gate/GateState.ts"
import { digestOf, type OfflineEvent, type TicketState } from "../../../src/gate/offline/OfflineBundle.ts"
import {
  decideOffline,
  type OfflineKnowledge,
  stateOf,
  statesAfter
} from "../../../src/gate/offline/OfflineDecision.ts"
import { QrData } from "../../../src/trust/QrData.ts"
import { SigningKeys } from "../../../src/trust/SigningKeys.ts"
import { scanOf } from "../../support/GateFixture.ts"
import { boundaryValues } from "../../support/BoundaryValues.ts"
import { gateSnapshot } from "../../support/GateSnapshot.ts"

const snapshot = gateSnapshot({ maxAttendees: 3, reentry: false, tickets: 1 })
const [unused] = snapshot.tickets
const at = (hour: number) => DateTime.makeUnsafe(Date.parse("2025-06-20T00:00:00Z") + hour * 3_600_000)

interface Scene {
  readonly event: GateEvent
  readonly inside: number
  readonly ticket: GateTicket
  readonly direction: "entry" | "exit"
  readonly now: DateTime.Utc
}

/** Every field that a rule of the gate may ask for, from the schemas; suspicion aside, which a device cannot judge. */
const scene: fc.Arbitrary<Scene> = fc.record({
  event: boundaryValues(GateEvent, at(2)).map((changes) => ({
    ...changes,
    status: changes.status === "draft" ? "active" as const : changes.status,
    rules: usualRules
  })),
  inside: fc.integer({ min: 0, max: 4 }),
  ticket: boundaryValues(GateTicket, at(2)).map((changes) => ({
    ...changes,
    eventId: 1,
    code: unused!.code,
    inside: changes.inside && changes.entries > 0,
    letIn: 0,
    lastEntry: null,
    refusals: []
  })),
  direction: fc.constantFrom("entry" as const, "entry" as const, "exit" as const),
  now: fc.constant(at(2))
})

const eventOf = ({ event, inside }: Scene): OfflineEvent => ({
  event_id: 1,
  status: event.status,
  timezone: event.timezone,
  doors_open_at: event.doorsOpenAt,
  doors_close_at: event.doorsCloseAt,
  reentry: event.reentry,
  max_attendees: event.maxAttendees,
  inside
})

const none = { full: true, tickets: { unused: "", left: "", inside: "", unpaid: "", voided: "" } }

const knowing = (event: OfflineEvent, code: string, state: TicketState): OfflineKnowledge => ({
  event,
  keys: new Map(),
  states: new Map([[digestOf(1, code), state]]),
  inside: event.inside
})

const quiet = eventOf({ event: snapshot.event!, inside: 0, ticket: unused!, direction: "entry", now: at(0) })

const keysOf = Effect.flatMap(
  Layer.build(SigningKeys.layerMemory),
  (context) => Effect.provide(SigningKeys, context)
)

describe("a device without a network", () => {
  it("decides and moves a ticket as the server would, and lets leave whoever may be inside", () => {
    fc.assert(
      fc.property(scene, (one) => {
        const { direction, event, inside, now, ticket } = one
        const scan = scanOf(1, ticket.code, { direction })
        const server = decide(
          { eventId: 1, event: { ...event, rules: usualRules }, inside, ticket, now, deviceRefusals: 0 },
          scan
        )
        const state = stateOf(ticket)
        const device = decideOffline(
          knowing(eventOf(one), ticket.code, state),
          { ticketCode: ticket.code, qrData: null, direction, at: now }
        )
        const lenient = direction === "exit" && event.status === "active" &&
          (state === "voided" || state === "unpaid")
        assert.strictEqual(device.result, lenient ? "valid" : server.result)
        if (server.after !== null) assert.strictEqual(device.after, stateOf(server.after))
      }),
      { seed: 20_250_620, numRuns: 5_000 }
    )
  })

  it("finds a code as a person types it, and no other", () => {
    const known = knowing(quiet, "TKT-001-ABC1230000000000", "unused")
    const read = (ticketCode: string) =>
      decideOffline(known, { ticketCode, qrData: null, direction: "entry", at: at(1) }).result
    assert.deepStrictEqual(
      ["TKT-001-ABC1230000000000", " tkt-001-abci23ooooo ooooo", "TKT-001-ABC1230000000001", "\u0000"].map(
        read
      ),
      ["valid", "valid", "unknown_ticket", "unknown_ticket"]
    )
    const nothing = { ticketCode: null, qrData: null, direction: "entry" as const, at: at(1) }
    assert.strictEqual(decideOffline(known, nothing).result, "unknown_ticket")
  })

  it.effect("believes a QR that the published keys verify, of this event and of the code beside it", () =>
    Effect.gen(function* () {
      const signing = yield* keysOf
      const code = "TKT-001-ABC123"
      const known = { ...knowing(quiet, code, "unused"), keys: signing.trusted }
      const ticket = { id: 1, eventId: 1, timestamp: 1_750_000_000, code }
      const read = (qrData: string, ticketCode: string | null = null) =>
        decideOffline(known, { qrData, ticketCode, direction: "entry", at: at(1) }).result
      const genuine = QrData.sign(signing, ticket)
      assert.strictEqual(read(genuine), "valid")
      assert.strictEqual(read(genuine, code), "valid")
      assert.strictEqual(read(genuine, "TKT-001-OTHER"), "unknown_ticket")
      assert.strictEqual(read(genuine.replace(`"id":1`, `"id":2`)), "forged")
      assert.strictEqual(read(QrData.sign(signing, { ...ticket, eventId: 2 })), "wrong_event")
      assert.strictEqual(read(QrData.sign(yield* keysOf, ticket)), "forged")
      assert.strictEqual(read(""), "forged")
    }).pipe(Effect.scoped))

  it("replaces what it held by a full page, and moves single digests by the others", () => {
    const [a, b, c] = ["a", "b", "c"].map((letter) => letter.repeat(16)) as [string, string, string]
    const first = statesAfter(new Map([["gone", "inside"]]), {
      ...none,
      tickets: { ...none.tickets, unused: a + b }
    })
    assert.deepStrictEqual([...first], [[a, "unused"], [b, "unused"]])
    const next = statesAfter(first, { full: false, tickets: { ...none.tickets, inside: b, voided: c } })
    assert.deepStrictEqual(Object.fromEntries(next), { [a]: "unused", [b]: "inside", [c]: "voided" })
    assert.lengthOf([...first], 2)
  })

  it("computes a digest by the recipe alone", () => {
    const digest = createHash("sha256").update("guichet-offline:1:TKT-001-ABC123").digest("base64url").slice(
      0,
      16
    )
    assert.strictEqual(digestOf(1, "TKT-001-ABC123"), digest)
    assert.notStrictEqual(digestOf(2, "TKT-001-ABC123"), digest)
  })
})
