/**
 * Whoever a device let in against a rule is in, through the real routes and tables: the ticket is used, the person is
 * counted beside those whom the rules let in, and the conflict is named.
 * Guards whose removal turns this file red: the columns of such an entry in the commit, the entry that counts in the
 * read, the people whom the statement of first entries counts, and each counter of an annulment.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { occupancy, publish, voidTicket } from "../../support/GateFixture.ts"
import { steward, tokenFor } from "../../support/OfflineDevice.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import { entry, live, minute, results, sent } from "../../support/Uploads.ts"

const counters = Effect.fnUntraced(function* (eventId: number) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`
    SELECT inside, entered, let_in, let_in_inside,
      (SELECT sum(let_in)::int FROM tickets WHERE event_id = ${eventId}) AS tickets
    FROM gates_occupancy WHERE event_id = ${eventId}`
  return row
})

const watched = Effect.fnUntraced(function* (eventId: number) {
  const app = yield* TestApp
  const owner = yield* tokenFor({ role: "organizer", subject: "organizer-1" })
  return (yield* app.ask(`/api/events/${eventId}/gate`, { token: owner })).json
})

layer(TestAppLayer.layer, { excludeTestServices: true })("an entry against the rules", (it) => {
  it.effect("uses the ticket and counts the person, whichever rule said no", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* publish(1, 5, { doors_open_at: minute(0), max_attendees: 2 })
      const [first, second, third, voided, unpaid] = rows.map(({ code }) => code) as [
        string,
        ...Array<string>
      ]
      yield* voidTicket(rows[3]!.id)
      yield* sql`UPDATE tickets SET payment_state = 'pending' WHERE ticket_id = ${rows[4]!.id}`
      const token = yield* steward(1)
      const scans = [
        entry(first, 1),
        entry(second!, 2, { timestamp: "1970-01-01T00:00:00Z" }),
        entry(third!, 3),
        entry(voided!, 4),
        entry(unpaid!, 5),
        entry(first, 6, { gate: "B" })
      ]
      const answer = yield* sent(token, 1, scans)
      assert.deepStrictEqual(results(answer), [
        "valid",
        "not_yet_valid",
        "valid",
        "voided",
        "unpaid",
        "already_used"
      ])
      assert.deepStrictEqual(
        answer.verdicts.map(({ let_in = false }: { let_in?: boolean }) => let_in),
        [false, true, false, true, true, true]
      )
      assert.lengthOf(answer.conflicts, 4)
      assert.deepStrictEqual(yield* counters(1), {
        inside: 2,
        entered: 2,
        let_in: 4,
        let_in_inside: 4,
        tickets: 4
      })
      assert.deepInclude(yield* watched(1), { inside: 2, let_in: { total: 4, inside: 4 } })
      assert.deepStrictEqual(yield* sent(token, 1, scans), answer)
      yield* sql`UPDATE tickets SET payment_state = 'paid' WHERE ticket_id = ${rows[4]!.id}`
      yield* sql`UPDATE events SET max_attendees = 100 WHERE event_id = 1`
      for (const code of [first, second!, third!, unpaid!]) {
        assert.strictEqual((yield* live(token, 1, code, "C")).result, "already_used")
      }
    }))

  it.effect("at an event that was called off is counted, and whoever left there is out", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket, other] = yield* publish(2, 2)
      const token = yield* steward(2)
      assert.strictEqual((yield* live(token, 2, other!.code)).result, "valid")
      yield* sql`UPDATE events SET status = 'canceled' WHERE event_id = 2`
      const answer = yield* sent(token, 2, [
        entry(ticket!.code, 0),
        entry(other!.code, 1, { direction: "exit" })
      ])
      assert.deepStrictEqual(results(answer), ["event_inactive", "valid"])
      assert.deepStrictEqual(yield* counters(2), {
        inside: 0,
        entered: 1,
        let_in: 1,
        let_in_inside: 1,
        tickets: 1
      })
    }))

  it.effect("takes a place that no online admission gives away, until somebody leaves", () =>
    Effect.gen(function* () {
      const rows = yield* publish(3, 4, { max_attendees: 2 })
      const codes = rows.map(({ code }) => code)
      const token = yield* steward(3)
      assert.strictEqual((yield* live(token, 3, codes[0]!)).result, "valid")
      yield* sent(token, 3, [entry(codes[0]!, 0, { gate: "B" })])
      assert.strictEqual((yield* live(token, 3, codes[1]!)).result, "capacity_reached")
      const app = yield* TestApp
      const leave = Effect.map(
        app.ask("/api/scans/validate", {
          token,
          body: {
            event_id: 3,
            ticket_code: codes[0],
            scanner_id: "live-1",
            operator_id: "operator-1",
            scan_location: { gate: "A" },
            direction: "exit"
          }
        }),
        ({ json }) => json.result
      )
      assert.strictEqual(yield* leave, "valid")
      assert.strictEqual((yield* live(token, 3, codes[1]!)).result, "valid")
      assert.strictEqual((yield* live(token, 3, codes[2]!)).result, "capacity_reached")
      assert.deepStrictEqual([yield* leave, yield* leave], ["valid", "not_inside"])
      assert.deepStrictEqual(yield* occupancy(3), { inside: 1, entered: 2, tickets: 1 })
    }))

  it.effect("is annulled like any other by its device, and leaves no trace in the counters", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(4, 1, { doors_close_at: minute(0) })
      const token = yield* steward(4)
      const timestamp = DateTime.formatIso(yield* DateTime.now)
      const scans = [entry(ticket!.code, 0, { timestamp }), entry(ticket!.code, 1, { timestamp })]
      assert.deepStrictEqual(results(yield* sent(token, 4, scans)), ["expired", "expired"])
      const body = { event_id: 4, scanner_id: "scanner-1" }
      const annul = (at: number) =>
        Effect.map(app.ask(`/api/scans/${scans[at]!.scan_id}/annul`, { token, body }), ({ status }) => status)
      assert.deepStrictEqual([yield* annul(0), yield* annul(1), yield* annul(0)], [409, 200, 200])
      assert.deepStrictEqual(yield* counters(4), {
        inside: 0,
        entered: 0,
        let_in: 0,
        let_in_inside: 0,
        tickets: 0
      })
      const [stands] = yield* sql`
        SELECT status, entries, first_scan_id FROM tickets WHERE ticket_id = ${ticket!.id}`
      assert.deepStrictEqual(stands, { status: "issued", entries: 0, first_scan_id: null })
      const { annulled, let_in, refused } = yield* watched(4)
      assert.deepStrictEqual([annulled, let_in, refused.total], [2, undefined, 0])
    }))

  it.effect("is told from a ticket that its own device reads again", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(5, 1)
      const token = yield* steward(5)
      yield* live(token, 5, ticket!.code)
      const again = yield* live(token, 5, ticket!.code)
      assert.deepInclude(again, { result: "already_used" })
      assert.isAtMost(again.read_again_seconds, 5)
      assert.match(again.message, /^Relu à cette porte à l'instant : ce billet y est entré il y a \d s\.$/)
      const app = yield* TestApp
      const elsewhere = yield* app.ask("/api/scans/validate", {
        token,
        headers: { "accept-language": "en" },
        body: {
          event_id: 5,
          ticket_code: ticket!.code,
          scanner_id: "another",
          operator_id: "operator-1",
          scan_location: { gate: "A" }
        }
      })
      assert.notProperty(elsewhere.json, "read_again_seconds")
      assert.match(elsewhere.json.message, /^This ticket was already used on /)
    }))
})
