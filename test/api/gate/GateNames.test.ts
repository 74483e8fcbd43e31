/**
 * Gates `A`, `A `, `a` and `Ａ` are one at the door, in the counters and in the journal, through the real routes.
 * Guards whose removal turns this file red: the name of the token's gate, the comparison of permissions and of two
 * gates, the groups of the view, the filter of the journal.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { publish } from "../../support/GateFixture.ts"
import { fetchPage, steward, tokenFor } from "../../support/OfflineDevice.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import { entry, live, sent } from "../../support/Uploads.ts"

const spellings = ["A", "A ", "a", "Ａ", "\u00a0ａ"]

layer(TestAppLayer.layer, { excludeTestServices: true })("a gate that is written in many ways", (it) => {
  it.effect("is the one of the token, and is shown as that has it", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const rows = yield* publish(1, spellings.length + 1)
      const token = yield* steward(1, ["Porte A", "a"])
      for (const [at, gate] of spellings.entries()) {
        const answer = yield* live(token, 1, rows[at]!.code, gate)
        assert.deepStrictEqual([answer.result, answer.gate], ["valid", "a"])
        assert.strictEqual((yield* fetchPage(token, 1, { gate, limit: "1" })).gate, "a")
      }
      const { verdicts } = yield* sent(token, 1, [entry(rows.at(-1)!.code, 0, { gate: " PORTE  a" })])
      assert.deepInclude(verdicts[0], { result: "valid", gate: "Porte A" })
      assert.strictEqual((yield* live(token, 1, rows[0]!.code, "B")).result, "gate_forbidden")
      const owner = yield* tokenFor({ role: "organizer", subject: "organizer-1" })
      const view = (yield* app.ask("/api/events/1/gate", { token: owner })).json
      assert.deepStrictEqual(
        view.gates.map(({ entered, gate }: { entered: number; gate: string }) => [gate, entered]),
        [["B", 0], ["Porte A", 1], ["a", 5]]
      )
      const stewards = (yield* app.ask("/api/events/1/gate", { token })).json
      assert.lengthOf(stewards.gates, 2)
      const lines =
        (yield* app.ask(`/api/events/1/scans?gate=${encodeURIComponent(" Ａ")}`, { token: owner })).json
      assert.lengthOf(lines.scans, 5)
    }))

  it.effect("is one gate where no token names it, and no other gate for suspicion", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const [ticket, other] = yield* publish(2, 2)
      const token = yield* steward(2)
      yield* live(token, 2, ticket!.code, "North")
      assert.deepStrictEqual((yield* live(token, 2, ticket!.code, "ＮORTH ")).signals, [])
      assert.deepStrictEqual((yield* live(token, 2, ticket!.code, "South")).signals, ["seen_at_another_gate"])
      yield* live(token, 2, other!.code, "North")
      const owner = yield* tokenFor({ role: "organizer", subject: "organizer-1" })
      const { gates } = (yield* app.ask("/api/events/2/gate", { token: owner })).json
      assert.deepStrictEqual(
        gates.map((
          { entered, gate, refused }: { entered: number; gate: string; refused: { total: number } }
        ) => [
          gate,
          entered,
          refused.total
        ]),
        [["North", 2, 1], ["South", 0, 1]]
      )
      const { scans } = (yield* app.ask("/api/events/2/scans?gate=north", { token: owner })).json
      assert.lengthOf(scans, 3)
    }))
})
