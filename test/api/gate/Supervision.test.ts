/**
 * A supervisor at gate C: finds a guest without a ticket, annuls another device's scan, lets somebody in with a reason.
 * Guards whose removal turns this file red: the roles of the routes, the list of the token's events and gates, the two
 * letters that a search needs without its accents and repeated words, the hint in the place of the address, the mark of a
 * supervised annulment, the count of whom a supervisor let in, and that what names no ticket of the event, or a gate of another, lets nobody in.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { occupancy, publish, voidTicket } from "../../support/GateFixture.ts"
import { steward, tokenFor } from "../../support/OfflineDevice.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import { live } from "../../support/Uploads.ts"

const supervisor = (eventId: number, gates?: ReadonlyArray<string>) =>
  tokenFor({ role: "supervisor", subject: "sue", owner: "organizer-1", events: [eventId], gates })

const owner = tokenFor({ role: "organizer", subject: "organizer-1" })

const ask = Effect.fnUntraced(function* (token: string, path: string, body?: unknown, language = "en") {
  const app = yield* TestApp
  return yield* app.ask(path, { token, body, headers: { "accept-language": language } })
})

const find = (token: string, eventId: number, q: string, more = "") =>
  Effect.map(
    ask(token, `/api/events/${eventId}/guests?q=${encodeURIComponent(q)}${more}`),
    ({ json, status, text }) => {
      assert.strictEqual(status, 200, text)
      return json
    }
  )

const letIn = (changes: object) => ({
  scanner_id: "door-1",
  scan_location: { gate: "C" },
  reason: "Knows the singer",
  ...changes
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a supervisor", (it) => {
  it.effect("finds guests of the event by name, e-mail or order, and no list of them", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* publish(1, 6)
      yield* publish(2, 1)
      for (
        const [at, name] of ["Zoë Dupont", "DUPONT-ÉMILIE", "张伟", "عمر", "100% _x", "Jean Dupond"].entries()
      ) {
        yield* sql`UPDATE guests SET name = ${name}, flow_id = ${at === 2 ? "flow_abc" : null}
          WHERE event_id = 1 AND guest_id = ${at + 1}`
      }
      const token = yield* supervisor(1)
      yield* live(token, 1, rows[1]!.code, "B")
      const names = (q: string) =>
        Effect.map(find(token, 1, q), ({ guests }) => guests.map(({ name }: { name: string }) => name))
      assert.deepStrictEqual(yield* names("dupont"), ["Zoë Dupont", "DUPONT-ÉMILIE"])
      assert.deepStrictEqual(yield* names("  ZOE  dup"), ["Zoë Dupont"])
      assert.deepStrictEqual(yield* names("emilie"), ["DUPONT-ÉMILIE"])
      assert.deepStrictEqual(yield* names("张伟"), ["张伟"])
      assert.deepStrictEqual(yield* names("عمر"), ["عمر"])
      assert.deepStrictEqual(yield* names("0%"), ["100% _x"])
      assert.deepStrictEqual(yield* names("_x"), ["100% _x"])
      assert.deepStrictEqual(yield* names("flow_abc"), ["张伟"])
      assert.deepStrictEqual(yield* names("GUEST6@exam"), ["Jean Dupond"])
      const marks = ["\u0301", "\u0300", "\u036f"]
      const nothing = marks.flatMap((mark) =>
        ["", "d", " "].flatMap((letter) => [
          mark.repeat(2) + letter,
          `${letter}${mark} ${mark}`,
          `${mark}${letter} ${letter}${mark} ${letter}`
        ])
      )
      for (const q of ["", "d", " % ", "@", "flow_", "d d d", "é é", ...nothing]) {
        assert.deepStrictEqual(yield* names(q), [], JSON.stringify(q))
      }
      assert.deepStrictEqual(yield* names("\u0301\u0301 zo"), ["Zoë Dupont"])
      assert.deepStrictEqual(yield* names("张 伟"), ["张伟"])
      const first = yield* find(token, 1, "dup", "&limit=1")
      assert.lengthOf(first.guests, 1)
      const second = yield* find(token, 1, "dup", `&limit=2&cursor=${first.next_cursor}`)
      assert.deepStrictEqual(second.next_cursor, null)
      assert.deepInclude(second.guests[0], { guest_id: 2, email_hint: "g…@example.com" })
      assert.deepInclude(second.guests[0].ticket, {
        ticket_id: rows[1]!.id,
        inside: true,
        status: "admitted"
      })
      assert.strictEqual(second.guests[0].ticket.first_use.gate, "B")
      assert.notInclude(JSON.stringify(second), rows[1]!.code)
    }))

  it.effect("supervises the events and gates of the token; a steward supervises none", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket, unused] = yield* publish(3, 2)
      yield* publish(4, 1)
      const operator = yield* steward(3)
      const atC = yield* supervisor(3, ["C"])
      const { scan_id } = yield* live(operator, 3, ticket!.code, "A")
      const paths = (event: number) =>
        [
          [`/api/events/${event}/guests?q=je`, undefined],
          [`/api/events/${event}/scans/${scan_id}/annul`, { reason: "x" }],
          [`/api/events/${event}/let-in`, letIn({ ticket_id: ticket!.id })]
        ] as const
      for (const [path, body] of paths(3)) {
        assert.strictEqual((yield* ask(operator, path, body)).status, 403, path)
      }
      for (const [path, body] of paths(4)) assert.strictEqual((yield* ask(atC, path, body)).status, 404, path)
      const app = yield* TestApp
      for (const [path, body] of paths(3)) {
        assert.strictEqual((yield* ask(app.organizer, path, body)).status, 404)
      }
      assert.strictEqual((yield* ask(atC, paths(3)[1]![0], { reason: "x" })).status, 403)
      for (const gate of ["A", "Ｃ1", "c-"]) {
        const elsewhere = letIn({ ticket_id: unused!.id, scan_location: { gate } })
        const { json } = yield* ask(atC, "/api/events/3/let-in", elsewhere)
        assert.deepStrictEqual([json.result, json.let_in], ["gate_forbidden", undefined], gate)
      }
      assert.deepStrictEqual(yield* occupancy(3), { inside: 1, entered: 1, tickets: 1 })
      const { inside, let_in } = (yield* ask(yield* owner, "/api/events/3/gate")).json
      assert.deepStrictEqual([inside, let_in], [1, undefined])
      const [row] = yield* sql`SELECT status, entries, let_in FROM tickets WHERE ticket_id = ${unused!.id}`
      assert.deepStrictEqual(row, { status: "issued", entries: 0, let_in: 0 })
      const here = yield* ask(atC, "/api/events/3/let-in", letIn({ ticket_id: unused!.id }))
      assert.deepInclude(here.json, { result: "valid" })
    }))

  it.effect("annuls the scan of another device at any time, marked as such", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(5, 1)
      const operator = yield* steward(5)
      const token = yield* supervisor(5)
      const { scan_id } = yield* live(operator, 5, ticket!.code)
      yield* sql`UPDATE scans SET received_at = received_at - interval '3 hours' WHERE event_id = 5`
      const own = { event_id: 5, scanner_id: "another" }
      assert.strictEqual((yield* ask(token, `/api/scans/${scan_id}/annul`, own)).status, 409)
      const path = `/api/events/5/scans/${scan_id}/annul`
      assert.strictEqual((yield* ask(token, path, {})).status, 422)
      const annulled = yield* ask(token, path, { reason: "Wrong turnstile" })
      assert.deepInclude(annulled.json, { scan_id, event_id: 5, ticket_id: ticket!.id })
      assert.deepStrictEqual((yield* ask(token, path, { reason: "Again" })).json, annulled.json)
      assert.strictEqual((yield* ask(token, "/api/events/5/scans/none/annul", { reason: "x" })).status, 404)
      assert.deepStrictEqual(yield* occupancy(5), { inside: 0, entered: 0, tickets: 0 })
      const { scans } = (yield* ask(yield* owner, "/api/events/5/scans")).json
      assert.deepInclude(scans[0], {
        annulled_by: "sue",
        annul_reason: "Wrong turnstile",
        annul_supervised: true
      })
      assert.strictEqual((yield* live(operator, 5, ticket!.code)).result, "valid")
    }))

  it.effect("lets somebody in whatever rule says no, with a reason, and counts the person", () =>
    Effect.gen(function* () {
      const rows = yield* publish(6, 4, { max_attendees: 1 })
      const [first, second, voided, fine] = rows
      yield* voidTicket(voided!.id)
      const token = yield* supervisor(6)
      yield* live(token, 6, first!.code)
      const ways = [{ ticket_id: second!.id }, { ticket_code: voided!.code }, {
        ticket_code: `${first!.code}\r`
      }]
      const answers = yield* Effect.forEach(ways, (way) => ask(token, "/api/events/6/let-in", letIn(way)))
      assert.deepStrictEqual(
        answers.map(({ json: { let_in, result } }) => [result, let_in]),
        [["capacity_reached", true], ["voided", true], ["already_used", true]]
      )
      assert.strictEqual(
        answers[0]!.json.message,
        "Let in by a supervisor. The house is full: wait until someone leaves."
      )
      assert.strictEqual((yield* live(token, 6, second!.code)).result, "already_used")
      assert.strictEqual((yield* live(token, 6, fine!.code)).result, "capacity_reached")
      const { inside, let_in } = (yield* ask(yield* owner, "/api/events/6/gate")).json
      assert.deepStrictEqual([inside, let_in], [1, { total: 3, inside: 3 }])
      const { scans } = (yield* ask(yield* owner, "/api/events/6/scans?order=asc")).json
      assert.deepInclude(scans[1], { let_in: true, let_in_reason: "Knows the singer", operator_id: "sue" })
    }))

  it.effect("lets in by the rules where nothing speaks against it, and nobody without a ticket of the event", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(7, 1)
      const [foreign] = yield* publish(8, 1)
      const token = yield* supervisor(7)
      const results = yield* Effect.forEach(
        [
          { ticket_id: foreign!.id },
          { ticket_code: "TKT-007-0000000000000000" },
          { qr_data: "{}" },
          { ticket_id: 999_999_999 },
          { ticket_id: ticket!.id, scan_id: "s-1" },
          { ticket_id: ticket!.id, scan_id: "s-1" }
        ],
        (way) =>
          Effect.map(ask(token, "/api/events/7/let-in", letIn(way)), ({ json }) => [json.result, json.let_in])
      )
      assert.deepStrictEqual(results, [
        ["wrong_event", undefined],
        ["unknown_ticket", undefined],
        ["forged", undefined],
        ["unknown_ticket", undefined],
        ["valid", undefined],
        ["valid", undefined]
      ])
      assert.strictEqual((yield* ask(token, "/api/events/7/let-in", letIn({}))).status, 422)
      assert.deepStrictEqual(yield* occupancy(7), { inside: 1, entered: 1, tickets: 1 })
    }))
})
