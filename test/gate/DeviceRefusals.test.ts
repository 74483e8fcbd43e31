/**
 * What is remembered of devices that are refused.
 * Guards whose removal turns this file red: what is not counted, the window and its edge, the bound of the memory.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { AdmitRequest, ScanResult } from "../../rpc/Scan.ts"
import { decideBatch } from "../../src/gate/Batch.ts"
import { DeviceRefusals } from "../../src/gate/Suspicion.ts"
import { scanOf } from "../support/GateFixture.ts"
import { gateSnapshot } from "../support/GateSnapshot.ts"

const now = DateTime.makeUnsafe("2025-06-20T09:00:00Z")
const ago = (millis: number) => DateTime.subtract(now, { milliseconds: millis })

const house = gateSnapshot({ maxAttendees: 2, reentry: true, tickets: 1 })

describe("what is remembered of devices", () => {
  const verdict = (result: ScanResult, changes: object = {}) => ({
    ...decideBatch(1, house, [scanOf(1, "TKT-001-NOBODY")], now).verdicts[0]!,
    result,
    ...changes
  })
  const refusals = (
    ...noted: ReadonlyArray<readonly [Partial<AdmitRequest>, ReturnType<typeof verdict>]>
  ) => {
    const watch = new DeviceRefusals()
    for (const [scan, one] of noted) watch.note(scanOf(1, "TKT-001-NOBODY", scan), one)
    return (seconds: number, at = now) => watch.refusals("scanner-1", seconds, at)
  }

  it("is how often each was refused within a time, to its last millisecond", () => {
    const at = (millis: number) => [{}, verdict("forged", { decided_at: ago(millis) })] as const
    const count = refusals(at(60_001), at(60_000), [{ deviceId: "scanner-2" }, verdict("forged")], at(1))
    assert.deepStrictEqual([count(60), count(61), count(0)], [2, 3, 0])
    assert.strictEqual(count(60, DateTime.add(now, { minutes: 2 })), 0)
  })

  it("is nothing for a full house, a closed door, a wrong operator, an upload or an admission", () => {
    const others = [
      "valid",
      "capacity_reached",
      "unknown_event",
      "event_inactive",
      "not_yet_valid",
      "expired",
      "operator_forbidden",
      "gate_forbidden",
      "refused_offline"
    ] as const
    const count = refusals(
      ...others.map((result) => [{}, verdict(result)] as const),
      [{ source: "batch" }, verdict("unknown_ticket")]
    )
    assert.strictEqual(count(60), 0)
  })

  it("is not its own block, and is whatever else was odd", () => {
    const block = verdict("suspected_fraud", { signals: ["device_often_refused"] })
    const copy = verdict("suspected_fraud", { signals: ["seen_at_another_gate", "device_often_refused"] })
    assert.strictEqual(refusals([{}, block], [{}, copy], [{}, block])(60), 1)
  })

  it("ends with the ten thousandth device", () => {
    const watch = new DeviceRefusals()
    for (let at = 0; at <= 10_000; at++) {
      watch.note(scanOf(1, null, { deviceId: `scanner-${at}` }), verdict("forged"))
    }
    assert.deepStrictEqual([0, 1, 10_000].map((at) => watch.refusals(`scanner-${at}`, 60, now)), [0, 1, 1])
  })
})
