/**
 * Uploads that come again, break off, or are large: the same answer in the end, and nobody at a gate waits for them.
 * Guards whose removal turns this file red: the groups of an upload, one after the other (on PostgreSQL), the room that
 * `BodyLimit` gives it, and the verdicts stored under the ids of its scans.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { occupancy, publish } from "../../support/GateFixture.ts"
import { steward, tokenFor } from "../../support/OfflineDevice.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import { entry, live, results, sent, uploadBody } from "../../support/Uploads.ts"
import { ownRowCounts } from "../../support/Witness.ts"

layer(TestAppLayer.layer, { excludeTestServices: true })("an upload", (it) => {
  it.effect("sent again, in other pieces and by hand again, gets the same answer and changes nothing", () =>
    Effect.gen(function* () {
      const rows = yield* publish(8, 5, { max_attendees: 3 })
      const token = yield* steward(8)
      const scans = [0, 1, 0, 2, 3, 4].map((at, time) => entry(rows[at]!.code, time, { gate: `G${time}` }))
      const whole = yield* sent(token, 8, scans)
      assert.strictEqual(whole.conflicts.length, 3)
      const before = yield* ownRowCounts
      const again = yield* sent(token, 8, scans)
      assert.deepStrictEqual(again, whole)
      const pieces = [yield* sent(token, 8, scans.slice(3)), yield* sent(token, 8, scans.slice(0, 3))]
      assert.deepStrictEqual([...pieces[1].verdicts, ...pieces[0].verdicts], whole.verdicts)
      assert.deepStrictEqual([...pieces[1].conflicts, ...pieces[0].conflicts], whole.conflicts)
      assert.deepStrictEqual(yield* ownRowCounts, before)
      assert.deepStrictEqual(yield* occupancy(8), { inside: 3, entered: 3, tickets: 3 })
    }))

  it.effect("that broke off in the middle ends, sent again, as if it had not", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const sql = yield* SqlClient.SqlClient
      const uploads = yield* Effect.forEach([9, 10], (eventId) =>
        Effect.map(publish(eventId, 600, { max_attendees: 500 }), (rows) =>
          [...rows, ...rows].map(({ code }, at) =>
            entry(code, at, { scan_id: `broken-${eventId}-${at}` })
          )))
      const token = yield* tokenFor({
        role: "operator",
        subject: "operator-1",
        owner: "organizer-1",
        events: [9, 10]
      })
      const [whole = [], broken = []] = uploads
      const leaving = new AbortController()
      const sending = yield* Effect.forkChild(Effect.exit(app.fetch("/api/scans/batch", {
        method: "POST",
        signal: leaving.signal,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(uploadBody(10, broken))
      })))
      const stored = Effect.map(
        sql<{ stored: number }>`SELECT count(*) AS stored FROM scans WHERE event_id = 10`,
        ([row]) =>
          row!.stored
      )
      while ((yield* stored) === 0) {
        yield* Effect.yieldNow
      }
      leaving.abort()
      yield* Fiber.join(sending)
      assert.isBelow(yield* stored, broken.length)
      const expected = yield* sent(token, 9, whole)
      const ended = yield* sent(token, 10, broken)
      assert.deepStrictEqual(results(ended), results(expected))
      assert.deepStrictEqual(ended.summary, { valid: 500, capacity_reached: 200, already_used: 500 })
      const kinds = ({ conflicts }: { conflicts: ReadonlyArray<{ kind: string }> }) =>
        conflicts.map(({ kind }) =>
          kind
        )
      assert.deepStrictEqual(kinds(ended), kinds(expected))
      assert.deepStrictEqual(yield* occupancy(10), yield* occupancy(9))
    }), 60_000)

  it.effect(
    "of five thousand scans lets the gates' live scans through in between",
    () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const rows = yield* publish(11, 20)
        const token = yield* steward(11)
        const scans = Array.from({ length: 5_000 }, (_, at) => entry(rows[at % 20]!.code, at))
        const uploading = yield* Effect.forkChild(sent(token, 11, scans))
        while (uploading.pollUnsafe() === undefined) {
          // A request over a socket lets the event loop turn; without one, on a database in memory, nothing would.
          yield* Effect.yieldNow
          yield* live(token, 11, "TKT-011-NOBODY")
        }
        const { conflicts, summary } = yield* Fiber.join(uploading)
        assert.deepStrictEqual([summary, conflicts.length], [{ valid: 20, already_used: 4_980 }, 4_980])
        const [between] = yield* sql<{ scans: number }>`
        SELECT count(*) AS scans FROM scans WHERE event_id = 11 AND source = 'client'
          AND seq > (SELECT min(seq) FROM scans WHERE event_id = 11 AND source = 'batch')
          AND seq < (SELECT max(seq) FROM scans WHERE event_id = 11 AND source = 'batch')`
        assert.isAtLeast(between!.scans, 10)
      }),
    60_000
  )

  it.effect("of an evening's refusals makes nobody suspicious", () =>
    Effect.gen(function* () {
      const rows = yield* publish(12, 40)
      const token = yield* steward(12)
      const refused = Array.from({ length: 60 }, (_, at) =>
        entry(`TKT-012-${at}`, at, { result: "unknown_ticket" }))
      const copies = [entry(rows[0]!.code, 0), entry(rows[0]!.code, 30, { gate: "B" })]
      const { verdicts } = yield* sent(token, 12, [...refused, ...copies], { device: "live-1" })
      assert.deepStrictEqual(
        verdicts.flatMap(({ signals }: { signals: Array<string> }) =>
          signals
        ),
        []
      )
      const next = yield* live(token, 12, rows[1]!.code)
      assert.deepStrictEqual([next.result, next.signals], ["valid", []])
    }))
})
