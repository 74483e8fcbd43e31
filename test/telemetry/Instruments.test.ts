/**
 * A family keeps a bounded number of series, and statements and paths a bounded number of groups.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Exposition from "../../src/telemetry/metrics/Exposition.ts"
import { templateOf } from "../../src/telemetry/metrics/HttpMetrics.ts"
import * as Instruments from "../../src/telemetry/metrics/Instruments.ts"
import { groupOf } from "../../src/telemetry/metrics/SqlMetrics.ts"
import { familiesOf } from "../support/Exposition.ts"

describe("what is measured", () => {
  it.effect("is counted together beyond the bound of its family", () =>
    Effect.gen(function* () {
      const family = Instruments.counter("test.bounded", {
        description: "A test",
        unit: "{thing}",
        labels: ["test.name"],
        most: 3
      })
      for (let at = 0; at < 1_000; at++) family.update(1, `name ${at % 100}`)
      const found = familiesOf(yield* Exposition.text).find(({ name }) => name === "test_bounded_total")
      assert.strictEqual(found!.samples.length, 4)
      assert.deepStrictEqual(
        found!.samples.map((
          { labels, value }
        ) => [labels["test_name"] ?? labels["otel_metric_overflow"], value]),
        [["name 0", 10], ["name 1", 10], ["name 2", 10], ["true", 970]]
      )
    }))

  it("names no id of a path", () => {
    assert.strictEqual(templateOf("/api/payments/pay_0a1b/refund?x=1"), "/api/payments/:id/refund")
    assert.strictEqual(templateOf("/api/tickets/17"), "/api/tickets/:id")
    assert.strictEqual(templateOf("/.well-known/guichet-keys.json"), "/:id/:id")
  })

  it("groups statements by their verb and the first table that they write, or read", () => {
    const groups: ReadonlyArray<readonly [string, string, string]> = [
      ["SELECT a FROM flows f JOIN events USING (event_id)", "SELECT", "flows"],
      ["\n  WITH x AS (UPDATE tickets SET a = 1 RETURNING b) SELECT * FROM x", "UPDATE", "tickets"],
      ["INSERT INTO scans (a) VALUES ( ? ) ON CONFLICT DO UPDATE SET a = 1", "INSERT", "scans"],
      ["SELECT 1", "SELECT", ""],
      ["SELECT a FROM unnest( ? ) AS asked", "SELECT", ""],
      ["; DROP", "OTHER", ""]
    ]
    for (const [text, verb, table] of groups) assert.deepStrictEqual(groupOf(text), { verb, table }, text)
  })
})
