/**
 * A scan id names one scan of one ticket by one device, as a pure function.
 * Guards whose removal turns this file red: the ticket, the direction and the device of `again` in Batch, the annulled
 * scan and the guest's name towards a stranger, the code that is meant and the ticket that two names must share
 * (`finder`).
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { AdmitRequest, Verdict } from "../../rpc/Scan.ts"
import { decideBatch } from "../../src/gate/Batch.ts"
import { scanOf } from "../support/GateFixture.ts"
import { gateSnapshot } from "../support/GateSnapshot.ts"

const now = DateTime.makeUnsafe(0)

const snapshot = gateSnapshot({ maxAttendees: 9, reentry: false, tickets: 2 })

const scan = (id: number | string, changes: Partial<AdmitRequest> = {}) =>
  scanOf(1, `TKT-001-${id}`, { scanId: "scan-same", ...changes })

/** The gate once this was answered under the id. */
const after = (verdict: Verdict, annulled = false) => ({
  ...snapshot,
  given: [{ verdict, deviceId: scan(1).deviceId, annulled }]
})

const nobody = {
  result: "scan_id_reused",
  ticket_id: null,
  guest_first_name: null,
  ticket_type: null,
  signals: []
} as const

describe("a scan id", () => {
  it("used for another ticket in the same batch opens nothing, names nobody and writes nothing", () => {
    const { verdicts, writes } = decideBatch(1, snapshot, [scan(1), scan(2), scan("UNKNOWN")], now)
    assert.strictEqual(verdicts[0]!.result, "valid")
    for (const reused of verdicts.slice(1)) assert.deepInclude(reused, { ...nobody, first_use: null })
    assert.lengthOf(writes.lines, 1)
    assert.deepStrictEqual(writes.moves.map(({ after }) => after.ticketId), [1])
    assert.deepStrictEqual(writes.occupancy, { delta: 1, entered: 1, peak: 1 })
  })

  it("used for another ticket in an earlier batch opens nothing either", () => {
    const { verdicts: [given] } = decideBatch(1, snapshot, [scan(1)], now)
    const { verdicts: [reused], writes } = decideBatch(1, after(given!), [scan(2)], now)
    assert.deepInclude(reused, nobody)
    assert.deepInclude(writes, { lines: [], moves: [], occupancy: { delta: 0, entered: 0, peak: null } })
  })

  it("of an entry is not one of an exit, nor the other way round", () => {
    const { verdicts } = decideBatch(1, snapshot, [scan(1), scan(1, { direction: "exit" })], now)
    assert.deepStrictEqual(verdicts.map(({ result }) => result), ["valid", "scan_id_reused"])
  })

  it("of one device is no other's, which has another guest with the same ticket before it", () => {
    const copy = scan(1, { deviceId: "scanner-2" })
    const { verdicts: [given, together], writes } = decideBatch(1, snapshot, [scan(1), copy], now)
    assert.strictEqual(given!.result, "valid")
    assert.deepInclude(together, nobody)
    assert.deepStrictEqual([writes.lines.length, writes.occupancy.entered], [1, 1])
    for (const annulled of [false, true]) {
      const { verdicts: [later], writes } = decideBatch(1, after(given!, annulled), [copy], now)
      assert.deepInclude(later, nobody)
      assert.lengthOf(writes.lines, 0)
    }
    const unknown = scan("UNKNOWN")
    const { verdicts } = decideBatch(1, snapshot, [unknown, copy], now)
    assert.deepStrictEqual(verdicts.map(({ result }) => result), ["unknown_ticket", "scan_id_reused"])
  })

  it("used again for its ticket gives its verdict, by code as it is typed or by number", () => {
    const byCode = scan(1, { ticketCode: "tkt-001-1" })
    const byNumber = scan(1, { ticketCode: null, ticketId: 1 })
    const { verdicts: [given, ...again] } = decideBatch(1, snapshot, [scan(1), byCode, byNumber], now)
    assert.deepStrictEqual(again, [given, given])
  })

  it("of a code that nobody knows stays refused, whatever is scanned under it", () => {
    const { verdicts } = decideBatch(1, snapshot, [scan("UNKNOWN"), scan(1)], now)
    assert.deepStrictEqual(verdicts.map(({ result }) => result), ["unknown_ticket", "unknown_ticket"])
    assert.isNull(verdicts[1]!.guest_first_name)
  })

  it("that was annulled admits nobody any more, is nobody else's news, and stays one ticket's", () => {
    const { verdicts: [given] } = decideBatch(1, snapshot, [scan(1)], now)
    const stranger = scan(1, { operator: { operatorId: "o", events: [2], gates: null, known: true } })
    const { verdicts: [own, strange, other], writes } = decideBatch(
      1,
      after(given!, true),
      [scan(1), stranger, scan(2)],
      now
    )
    assert.deepStrictEqual(own, { ...given!, result: "scan_annulled", signals: [] })
    assert.deepInclude(strange, { ...nobody, result: "operator_forbidden", first_use: null, last_use: null })
    assert.deepInclude(other, nobody)
    assert.lengthOf(writes.lines, 0)
  })

  it("is of no ticket when code and number name two", () => {
    const { verdicts } = decideBatch(1, snapshot, [scan(1, { ticketId: 2 })], now)
    assert.deepInclude(verdicts[0], { result: "unknown_ticket", ticket_id: null })
  })
})
