/**
 * A batch as a pure function.
 * Guards whose removal turns this file red: one line a scan id within a batch, the silence about an
 * earlier verdict towards whoever may not scan here, the peak of the occupancy.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import { decideBatch } from "../../src/gate/Batch.ts"
import { scanOf } from "../support/GateFixture.ts"
import { gateSnapshot } from "../support/GateSnapshot.ts"

const now = DateTime.makeUnsafe(0)

const snapshot = gateSnapshot({ maxAttendees: 2, reentry: true, tickets: 3 })

const entry = (id: number) => scanOf(1, `TKT-001-${id}`)
const exit = (id: number) => scanOf(1, `TKT-001-${id}`, { direction: "exit" })

describe("a batch", () => {
  it("writes one line for a scan id that arrives twice", () => {
    const scan = entry(1)
    const { verdicts, writes } = decideBatch(1, snapshot, [scan, { ...scan, gate: "B" }], now)
    assert.strictEqual(verdicts[0], verdicts[1])
    assert.lengthOf(writes.lines, 1)
  })

  it("refuses whoever may not scan here anew, and tells nothing of the verdict under this id", () => {
    const scan = entry(1)
    const stranger = { ...scan, operator: { operatorId: "o", known: true, events: [2], gates: null } }
    const { verdicts: [first, second, other], writes } = decideBatch(
      1,
      snapshot,
      [scan, stranger, { ...stranger, scanId: "new", ticketCode: "NONE" }],
      now
    )
    assert.strictEqual(first!.guest_first_name, "Jean")
    assert.deepStrictEqual({ ...second!, scan_id: "new" }, other)
    assert.deepInclude(second, { result: "operator_forbidden", guest_first_name: null, ticket_id: null })
    assert.lengthOf(writes.lines, 2)
  })

  it("writes a ticket once, from what it was to what it became", () => {
    const { writes } = decideBatch(1, snapshot, [entry(1), exit(1), entry(1)], now)
    assert.lengthOf(writes.moves, 1)
    assert.strictEqual(writes.moves[0]!.before, snapshot.tickets[0])
    assert.deepInclude(writes.moves[0]!.after, { inside: true, entries: 2, firstUse: { at: now, gate: "A" } })
  })

  it("knows how full the house was at its fullest, and not only at the end", () => {
    const { verdicts, writes } = decideBatch(
      1,
      snapshot,
      [entry(1), entry(2), entry(3), exit(1), exit(2), entry(3)],
      now
    )
    assert.deepStrictEqual(verdicts.map(({ result }) => result), [
      "valid",
      "valid",
      "capacity_reached",
      "valid",
      "valid",
      "valid"
    ])
    assert.deepStrictEqual(writes.occupancy, { delta: 1, entered: 3, peak: 2 })
  })
})
