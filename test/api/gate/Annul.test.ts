/**
 * A scan annulled through the real routes, by those who may.
 * Guards whose removal turns this file red: the owner of the event, the token's events and its gates, the id's own
 * event, the language of the sentence, the length of a path parameter, the reason that is kept.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import type { NewToken } from "../../../src/store/TokenRows.ts"
import scanned from "../../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { occupancy, publish } from "../../support/GateFixture.ts"
import { misfits, mutations } from "../../support/Mutations.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { type Answer, TestApp } from "../../support/TestApp.ts"
import { ownRowCounts } from "../../support/Witness.ts"

const tokenFor = (token: NewToken) =>
  Effect.flatMap(
    TokenStore,
    (tokens) => Effect.map(tokens.create(token), (made) => Redacted.value(made.token))
  )

const steward = (events: ReadonlyArray<number>, gates?: ReadonlyArray<string>) =>
  tokenFor({ role: "operator", subject: "operator-123", events, gates })

const owner = tokenFor({ role: "organizer", subject: "organizer-1" })

let scans = 0

/** Scans a code at gate A and answers the body and what came back. */
const scan = Effect.fnUntraced(function* (
  token: string,
  eventId: number,
  code: string,
  changes: Readonly<Record<string, unknown>> = {}
) {
  const app = yield* TestApp
  const scan_id = `api-scan-${++scans}`
  const body = { ...scanned, event_id: eventId, ticket_code: code, scan_id, ...changes }
  const answer = yield* app.ask("/api/scans/validate", { token, body })
  assert.strictEqual(answer.status, 200, answer.text)
  return answer.json
})

const annul = Effect.fnUntraced(function* (
  token: string | undefined,
  eventId: number,
  scanId: string,
  changes: Readonly<Record<string, unknown>> = {},
  headers: Record<string, string> = { "accept-language": "en" }
) {
  const app = yield* TestApp
  return yield* app.ask(`/api/scans/${encodeURIComponent(scanId)}/annul`, {
    token,
    body: { event_id: eventId, scanner_id: scanned.scanner_id, ...changes },
    headers
  })
})

const isProblem = (answer: Answer, status: number, slug: string, members: object = {}) => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
  assert.strictEqual(answer.headers.get("cache-control"), "no-store")
  assert.notProperty(answer.json, "_tag")
  assert.deepInclude(answer.json, { type: `/problems/${slug}`, status, ...members })
}

layer(TestAppLayer.layer, { excludeTestServices: true })("a scan", (it) => {
  it.effect("is annulled by the steward who made it, with a reason, and the ticket comes in again", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket] = yield* publish(1, 1)
      const token = yield* steward([1], ["A"])
      const first = yield* scan(token, 1, ticket!.code)
      assert.strictEqual(first.result, "valid")
      const said = { operator_id: "steward-7", reason: "Tourniquet bloqué" }
      const answer = yield* annul(token, 1, first.scan_id, said)
      assert.strictEqual(answer.status, 200, answer.text)
      const { annulled_at, ...rest } = answer.json
      assert.deepStrictEqual(rest, {
        scan_id: first.scan_id,
        event_id: 1,
        ticket_id: ticket!.id,
        gate: "A",
        direction: "entry"
      })
      assert.isAtLeast(Date.parse(annulled_at), Date.parse(first.decided_at))
      assert.deepStrictEqual((yield* annul(token, 1, first.scan_id)).json, answer.json)
      const kept = yield* sql`SELECT annulled_by, annul_operator, annul_reason FROM scans WHERE event_id = 1`
      assert.deepStrictEqual(kept, [{
        annulled_by: "operator-123",
        annul_operator: "steward-7",
        annul_reason: "Tourniquet bloqué"
      }])
      assert.strictEqual(
        (yield* scan(token, 1, ticket!.code, { scan_id: first.scan_id })).result,
        "scan_annulled"
      )
      assert.strictEqual((yield* scan(token, 1, ticket!.code)).result, "valid")
      assert.deepStrictEqual(yield* occupancy(1), { inside: 1, entered: 1, tickets: 1 })
    }))

  it.effect("that stays says why and what to do, in the steward's language", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [ticket, other] = yield* publish(2, 2, { max_attendees: 1 })
      const token = yield* steward([2])
      const entry = yield* scan(token, 2, ticket!.code)
      const used = yield* scan(token, 2, ticket!.code)
      const left = yield* scan(token, 2, ticket!.code, { direction: "exit" })
      yield* scan(token, 2, other!.code)
      const refused = (answer: Answer, reason: string, detail: string) =>
        isProblem(answer, 409, "annul-refused", { reason, detail })
      const elsewhere = yield* annul(token, 2, entry.scan_id, { scanner_id: "another" })
      refused(elsewhere, "another_device", "Another device made this scan: annul it on that one.")
      refused(
        yield* annul(token, 2, used.scan_id),
        "not_admitted",
        "This scan let nobody pass: scan the ticket again."
      )
      refused(
        yield* annul(token, 2, entry.scan_id),
        "moved_since",
        "This ticket has passed a gate since: annul its latest passage first."
      )
      refused(
        yield* annul(token, 2, left.scan_id, {}, { "accept-language": "fr-FR" }),
        "capacity_reached",
        "La salle est pleine : attendez une sortie, puis annulez à nouveau."
      )
      yield* sql`
        UPDATE scans SET received_at = received_at - interval '16 minutes' WHERE scan_id = ${left.scan_id}`
      refused(
        yield* annul(token, 2, left.scan_id),
        "too_late",
        "This scan is more than 15 minutes old: call a supervisor."
      )
      const unknown = yield* annul(token, 2, "nobody", {}, {})
      isProblem(unknown, 404, "scan-not-found", {
        detail: "Aucun scan de cet événement ne porte ce numéro : vérifiez-le."
      })
      assert.deepStrictEqual(yield* occupancy(2), { inside: 1, entered: 2, tickets: 1 })
    }))

  it.effect("is annulled by its owner and an admin, and by nobody who may not scan there", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const rows = yield* publish(3, 2)
      yield* publish(4, 1)
      const token = yield* steward([3])
      const [one, two] = [yield* scan(token, 3, rows[0]!.code), yield* scan(token, 3, rows[1]!.code)]
      isProblem(yield* annul(undefined, 3, one.scan_id), 401, "unauthenticated")
      for (const id of [one.scan_id, "nobody"]) {
        isProblem(yield* annul(app.organizer, 3, id), 404, "not-found")
        isProblem(yield* annul(yield* steward([4]), 3, id), 403, "forbidden", {
          detail: "You may not scan at this event: call a supervisor."
        })
      }
      isProblem(yield* annul(yield* steward([3], ["B"]), 3, one.scan_id), 403, "forbidden", {
        detail: "You may not scan at the gate of this scan: call a supervisor."
      })
      isProblem(yield* annul(yield* steward([3], ["B"]), 3, "nobody"), 404, "scan-not-found")
      isProblem(yield* annul(app.admin, 4, one.scan_id), 404, "scan-not-found")
      assert.deepStrictEqual(yield* occupancy(3), { inside: 2, entered: 2, tickets: 2 })
      assert.strictEqual((yield* annul(yield* owner, 3, one.scan_id)).status, 200)
      assert.strictEqual((yield* annul(app.admin, 3, two.scan_id)).status, 200)
      assert.deepStrictEqual(yield* occupancy(3), { inside: 0, entered: 0, tickets: 0 })
    }))

  it.effect("is named by any id that a device may give, escaped or not", () =>
    Effect.gen(function* () {
      const [first, second] = yield* publish(5, 2)
      const token = yield* steward([5])
      const app = yield* TestApp
      const long = `${"a:".repeat(64)}`
      yield* scan(token, 5, first!.code, { scan_id: long })
      assert.strictEqual((yield* annul(token, 5, long)).status, 200)
      yield* scan(token, 5, second!.code, { scan_id: "gate:A.1_2-3" })
      const answer = yield* app.ask("/api/scans/gate:A.1_2-3/annul", {
        token,
        body: { event_id: 5, scanner_id: scanned.scanner_id }
      })
      assert.strictEqual(answer.status, 200, answer.text)
    }))

  it.effect("is left alone by a request with a wrong field", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(6, 1)
      const token = yield* steward([6])
      const { scan_id } = yield* scan(token, 6, ticket!.code)
      const app = yield* TestApp
      const body = { event_id: 6, scanner_id: scanned.scanner_id, operator_id: "o", reason: "r" }
      const free = ["/operator_id", "/reason"]
      const bad = ["", "a\u0000b", "\ud800", "x".repeat(201)]
      const cases = [
        ...mutations(body, { optional: free, nullable: free }),
        ...misfits(body, [
          ["/event_id", 0],
          ["/event_id", 2 ** 53],
          ...["/scanner_id", ...free].flatMap((pointer) =>
            bad.map((value): readonly [string, string] => [pointer, value])
          )
        ])
      ]
      const before = yield* ownRowCounts
      for (const { body, name, pointer } of cases) {
        const answer = yield* app.ask(`/api/scans/${scan_id}/annul`, { token, body })
        isProblem(answer, 422, "invalid-request")
        assert.include(answer.json.errors.map((error: { pointer?: string }) => error.pointer), pointer, name)
      }
      for (const id of ["%00", "-x", "a".repeat(129), "a%20b"]) {
        const answer = yield* app.ask(`/api/scans/${id}/annul`, { token, body })
        isProblem(answer, 422, "invalid-request")
        assert.deepInclude(answer.json.errors[0], { in: "path", parameter: "scan_id" })
      }
      isProblem(yield* app.ask(`/api/scans/${scan_id}/annul`, { token, body: "{" }), 400, "malformed-request")
      assert.deepStrictEqual(yield* ownRowCounts, before)
      assert.deepStrictEqual(yield* occupancy(6), { inside: 1, entered: 1, tickets: 1 })
    }))
})
