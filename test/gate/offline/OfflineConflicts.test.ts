/**
 * Which uploaded entries are conflicts, and what is said of them.
 * Guards whose removal turns this file red: the claim, the direction, the annulled scan, the earlier entry that makes a
 * double one, and the order of the times in a sentence.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { AdmitRequest, ScanResult, Verdict } from "../../../rpc/Scan.ts"
import { clashes, conflictOf, countedOf } from "../../../src/gate/offline/OfflineConflicts.ts"
import { scanOf } from "../../support/GateFixture.ts"

const time = (text: string) => DateTime.makeUnsafe(`2025-06-20T${text}:00Z`)

const decided = (
  result: ScanResult,
  scan: Partial<AdmitRequest> = {},
  verdict: Partial<Verdict> = {}
) => ({
  scan: scanOf(1, "TKT-001-1", {
    source: "batch",
    claimed: "valid",
    gate: "B",
    deviceTime: time("18:00"),
    ...scan
  }),
  verdict: {
    scan_id: "scan-b",
    result,
    ticket_id: 1,
    event_id: 1,
    gate: "B",
    direction: scan.direction ?? "entry",
    guest_first_name: "Jean",
    ticket_type: "VIP",
    first_use: null,
    last_use: null,
    timezone: "Europe/Paris",
    signals: [],
    decided_at: time("23:00"),
    ...verdict
  }
})

const last_use = { gate: "A", at: time("19:00") }

describe("a conflict", () => {
  it("is an entry that its device allowed and the gate did not", () => {
    const is = (one: ReturnType<typeof decided>) => clashes([one]).length === 1
    assert.isTrue(is(decided("voided")))
    assert.isTrue(is(decided("capacity_reached")))
    assert.isFalse(is(decided("valid")))
    assert.isFalse(is(decided("already_used", { claimed: "already_used" })))
    assert.isFalse(is(decided("refused_offline", { claimed: "unpaid" })))
    assert.isFalse(is(decided("not_inside", { direction: "exit" })))
    assert.isFalse(is(decided("scan_annulled")))
  })

  it("is a double entry when the ticket had come in before, whatever the refusal is called", () => {
    for (const result of ["already_used", "suspected_fraud"] as const) {
      assert.deepStrictEqual(countedOf(decided(result, {}, { last_use })), { ...last_use, ticketId: 1 })
      assert.isNull(countedOf(decided(result)))
    }
    assert.isNull(countedOf(decided("voided", {}, { last_use })))
  })

  it("names the entry that counts and the uploaded one, and tells them in the order of their times", () => {
    const clash = decided("already_used", {}, { last_use })
    const counted = { ...last_use, scan_id: "scan-a", device_id: "device-a" }
    const conflict = conflictOf(clash, counted, 1, "fr")
    assert.deepInclude(conflict, { kind: "double_entry", reason: "already_used", ticket_id: 1 })
    assert.deepStrictEqual(conflict.entries, [
      counted,
      { gate: "B", at: time("18:00"), scan_id: "scan-b", device_id: "scanner-1" }
    ])
    assert.strictEqual(
      conflict.message,
      "Ce billet est entré deux fois : porte B le 20 juin 2025 à 20:00, puis porte A le 20 juin 2025 à 21:00."
    )
  })

  it("says why when there was no place, or the ticket opened nothing", () => {
    const full = conflictOf(decided("capacity_reached"), null, 1, "en")
    assert.deepInclude(full, {
      kind: "over_capacity",
      message: "The house was full at the entry at gate B on 20 June 2025 at 20:00."
    })
    const unpaid = conflictOf(decided("unpaid"), null, 1, "en")
    assert.deepInclude(unpaid, {
      kind: "not_admissible",
      message:
        "An offline entry at gate B on 20 June 2025 at 20:00 was not allowed. This ticket has not been paid for."
    })
    assert.lengthOf(unpaid.entries, 1)
  })
})
