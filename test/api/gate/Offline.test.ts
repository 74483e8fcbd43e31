/**
 * Gates without a network through the real routes: what a device may take along, and an evening that it decides alone.
 * Guards whose removal turns this file red: the owner of the event, the token's events and its gates, the cursor's
 * event, no-store; and what the bundle leaves out.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { digestOf, digestRecipe } from "../../../src/gate/offline/OfflineBundle.ts"
import { occupancy, publish, voidTicket } from "../../support/GateFixture.ts"
import { fetchPage, OfflineDevice, steward, tokenFor } from "../../support/OfflineDevice.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { type Answer, TestApp } from "../../support/TestApp.ts"
import { minute } from "../../support/Uploads.ts"
import { ownRowCounts } from "../../support/Witness.ts"

const isProblem = (answer: Answer, status: number, slug: string) => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
  assert.deepInclude(answer.json, { type: `/problems/${slug}`, status })
}

const bundlePath = (eventId: number, query: string) => `/api/events/${eventId}/offline-bundle?${query}`

layer(TestAppLayer.layer, { excludeTestServices: true })(
  "a gate without a network",
  (it) => {
    it.effect("takes along the event, its rules, the published keys and digests, and nobody's name or code", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const rows = yield* publish(1, 5, { max_attendees: 40, reentry: true })
        const token = yield* steward(1, ["A"])
        const answer = yield* app.ask(bundlePath(1, "gate=A"), { token })
        assert.strictEqual(answer.status, 200, answer.text)
        assert.strictEqual(answer.headers.get("cache-control"), "no-store")
        const { json, text } = answer
        assert.deepInclude(json.event, {
          event_id: 1,
          status: "active",
          timezone: "Europe/Paris",
          doors_open_at: null,
          doors_close_at: null,
          reentry: true,
          max_attendees: 40,
          inside: 0
        })
        const keys = yield* app.ask("/.well-known/guichet-keys.json")
        assert.deepStrictEqual(json.keys, keys.json)
        assert.deepInclude(json, { gate: "A", digest_recipe: digestRecipe, full: true, more: false })
        assert.strictEqual(json.gate_rules.on_suspicion, "signal")
        assert.strictEqual(json.tickets.unused, rows.map(({ code }) => digestOf(1, code)).sort().join(""))
        for (const secret of ["Jean", "Dupont", "example.com", ...rows.map(({ code }) => code)]) {
          assert.notInclude(text, secret)
        }
        assert.strictEqual(Object.values(json.tickets).join("").length, 5 * 16)
      }))

    it.effect("is for whoever may scan there: the steward of that gate, the organiser, an admin", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        yield* publish(2, 1)
        const ask = (token: string, gate = "A", eventId = 2) =>
          app.ask(bundlePath(eventId, `gate=${gate}`), { token })
        const owner = yield* tokenFor({ role: "organizer", subject: "organizer-1" })
        for (const token of [yield* steward(2, ["A", "B"]), yield* steward(2), owner, app.admin]) {
          assert.strictEqual((yield* ask(token)).status, 200)
        }
        isProblem(yield* ask(yield* steward(2, ["B"])), 403, "forbidden")
        const elsewhere = yield* steward(3)
        const theirs = yield* ask(elsewhere)
        const nobodys = yield* ask(elsewhere, "A", 424_242)
        isProblem(theirs, 404, "not-found")
        isProblem(nobodys, 404, "not-found")
        isProblem(yield* ask(app.organizer), 404, "not-found")
        isProblem(yield* ask(app.organizer, "A", 424_242), 404, "not-found")
        isProblem(yield* ask(app.admin, "A", 424_242), 404, "not-found")
        assert.strictEqual((yield* app.ask(bundlePath(2, "gate=A"))).status, 401)
      }))

    it.effect("is told at its parameter what was asked wrongly", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        yield* publish(4, 3)
        yield* publish(5, 3)
        const token = app.admin
        const { cursor } = yield* fetchPage(token, 4, { gate: "A" })
        const wrong = [
          [4, "", "gate"],
          [4, "gate=", "gate"],
          [4, `gate=${"x".repeat(201)}`, "gate"],
          [4, "gate=A&limit=0", "limit"],
          [4, "gate=A&limit=20001", "limit"],
          [4, "gate=A&limit=1.5", "limit"],
          [4, "gate=A&cursor=", "cursor"],
          [4, "gate=A&cursor=soon", "cursor"],
          [4, `gate=A&cursor=${cursor.slice(0, -12)}`, "cursor"],
          [4, `gate=A&cursor=${"A".repeat(500)}`, "cursor"],
          [5, `gate=A&cursor=${cursor}`, "cursor"]
        ] as const
        for (const [eventId, query, parameter] of wrong) {
          const answer = yield* app.ask(bundlePath(eventId, query), { token })
          isProblem(answer, 422, "invalid-request")
          assert.deepInclude(answer.json.errors[0], { in: "query", parameter }, query)
        }
        const largest = Buffer.from(
          `4 ${"f".repeat(16)} ${"9".repeat(19)} ${"9".repeat(15)} ${"9".repeat(19)} ${"9".repeat(15)} ${
            "f".repeat(12)
          }`
        )
        const answer = yield* app.ask(bundlePath(4, `gate=A&cursor=${largest.toString("base64url")}`), {
          token
        })
        assert.strictEqual(answer.status, 200, answer.text)
        assert.isTrue(answer.json.full)
      }))

    it.effect("brings only what has changed since, page by page", () =>
      Effect.gen(function* () {
        const rows = yield* publish(6, 7)
        const token = yield* steward(6)
        let cursor = ""
        const sizes: Array<number> = []
        for (let more = true; more;) {
          const page = yield* fetchPage(token, 6, { gate: "A", limit: "3", ...(cursor ? { cursor } : {}) })
          sizes.push(page.tickets.unused.length / 16)
          cursor = page.cursor
          more = page.more
        }
        assert.deepStrictEqual(sizes, [3, 3, 1])
        yield* voidTicket(rows[4]!.id)
        const next = yield* fetchPage(token, 6, { gate: "A", cursor })
        assert.isFalse(next.full)
        assert.strictEqual(next.tickets.voided, digestOf(6, rows[4]!.code))
      }))

    it.effect("decides an evening alone as the server does, and the upload leaves the server where it is", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const rows = yield* publish(7, 8, { max_attendees: 5, reentry: true })
        yield* publish(8, 1)
        const [stranger] = yield* sql<{ code: string; qr_data: string }>`
        SELECT code, qr_data FROM tickets WHERE event_id = 8`
        const qrs = yield* sql<{ qr_data: string }>`
        SELECT qr_data FROM tickets WHERE event_id = 7 ORDER BY guest_id`
        yield* voidTicket(rows[5]!.id)
        yield* sql`UPDATE tickets SET payment_state = 'pending' WHERE ticket_id = ${rows[6]!.id}`
        const device = new OfflineDevice(yield* steward(7, ["A"]), 7, "A", "solo")
        yield* device.sync()
        const code = (at: number) => rows[at]!.code
        const qr = (at: number) => qrs[at]!.qr_data
        const exit = { direction: "exit" as const }
        const decided = [
          device.scan({ ticketCode: code(0), at: minute(0) }),
          device.scan({ ticketCode: code(0), at: minute(1) }),
          device.scan({ qrData: qr(1), at: minute(2) }),
          device.scan({ qrData: qr(2), ticketCode: code(2).toLowerCase(), at: minute(3) }),
          device.scan({ qrData: qr(3), ticketCode: code(4), at: minute(4) }),
          device.scan({ qrData: qr(3).replace(`"eventId":7`, `"eventId":6`), at: minute(5) }),
          device.scan({ qrData: stranger!.qr_data, at: minute(6) }),
          device.scan({ ticketCode: stranger!.code, at: minute(7) }),
          device.scan({ ticketCode: code(5), at: minute(8) }),
          device.scan({ ticketCode: code(6), at: minute(9) }),
          device.scan({ ticketCode: code(3), at: minute(10) }),
          device.scan({ ticketCode: code(4), at: minute(11) }),
          device.scan({ ticketCode: code(7), at: minute(12) }),
          device.scan({ ticketCode: code(0), ...exit, at: minute(13) }),
          device.scan({ ticketCode: code(0), ...exit, at: minute(14) }),
          device.scan({ ticketCode: code(0), at: minute(15) }),
          device.scan({ ticketCode: "not a code", at: minute(16) })
        ]
        const { conflicts, summary, verdicts } = yield* device.send()
        const heard = verdicts.map(({ result }: { result: string }) => result)
        const apart = decided.flatMap((result, at) => result === heard[at] ? [] : [[result, heard[at]]])
        assert.deepStrictEqual(apart, [["unknown_ticket", "wrong_event"]])
        assert.deepStrictEqual(conflicts, [])
        assert.deepStrictEqual(summary, {
          valid: 7,
          already_used: 1,
          unknown_ticket: 2,
          forged: 1,
          wrong_event: 2,
          voided: 1,
          unpaid: 1,
          capacity_reached: 1,
          not_inside: 1
        })
        assert.deepStrictEqual(yield* occupancy(7), { inside: 5, entered: 6, tickets: 5 })
        const repeated = yield* device.send()
        assert.deepStrictEqual(repeated, { event_id: 7, conflicts, summary, verdicts })
        const before = yield* ownRowCounts
        yield* device.sync()
        assert.strictEqual(device.scan({ ticketCode: code(0), at: minute(17) }), "already_used")
        assert.deepStrictEqual(yield* ownRowCounts, before)
      }))
  }
)
