/**
 * Scans of an event that a token does not reach: answered alike whether it is another organiser's or nobody's, written
 * into no event, and counted on the token.
 * Guards whose removal turns this file red: the list in `reach`, the owner in `EventNumbers.find`, the scan id that stays
 * free, the refusal before a stored verdict (`Batch`), the owner clause of `ScanStore.load`, the counter.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TokenStore } from "../../src/store/TokenStore.ts"
import type { NewToken } from "../../src/store/TokenRows.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import { serviceSignatureHeader, sign } from "../../src/trust/ServiceSignature.ts"
import internal from "../fixtures/bodies/3-internal-scan-validation.request.json" with { type: "json" }
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { until } from "../support/FlowClient.ts"
import { publishAs } from "../support/EventIds.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

const tokenFor = (token: NewToken) =>
  Effect.flatMap(
    TokenStore,
    (tokens) => Effect.map(tokens.create(token), (made) => Redacted.value(made.token))
  )

const scan = Effect.fnUntraced(function* (
  token: string,
  event_id: number,
  ticket_code: string,
  more: object = {},
  headers: Record<string, string> = {}
) {
  const app = yield* TestApp
  return yield* app.ask("/api/scans/validate", {
    token,
    headers: { "accept-language": "en", ...headers },
    body: { ...scanned, event_id, ticket_code, ...more }
  })
})

const blank = (text: string) =>
  text.replaceAll(/"(?:took_ms|decided_at|message|event_id|scan_id)":(?:"[^"]*"|\d+)/g, "")

const written = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`SELECT (SELECT count(*) FROM scans) AS scans, (SELECT count(*) FROM gate_tallies) AS tallies,
    (SELECT count(*) FROM gate_moments) AS moments`
}).pipe(Effect.orDie)

const countOf = (subject: string) =>
  Effect.map(
    Effect.flatMap(TestApp, (app) => app.ask(`/api/tokens?subject=${subject}`, { token: app.admin })),
    ({ json }) => json.tokens[0] as { readonly unreached_scans: number; readonly unreached_at: string | null }
  )

layer(TestAppLayer.layer, { excludeTestServices: true })("a scan that reaches no event", (it) => {
  it.effect(
    "is answered alike whether the number is another's or nobody's, and nothing of it is kept",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const ticket = yield* publishAs(1_000_000_801, "bob", 5)
        yield* publishAs(1_000_000_802, "alice", 1)
        const listed = yield* tokenFor({
          role: "operator",
          subject: "listed",
          owner: "alice",
          events: [1, 7]
        })
        const open = yield* tokenFor({ role: "operator", subject: "open", owner: "alice" })
        const before = yield* written
        for (const [token, result] of [[listed, "operator_forbidden"], [open, "unknown_event"]] as const) {
          const foreign = yield* scan(token, 5, ticket.code, { scan_id: "taken-1" })
          const absent = yield* scan(token, 6, ticket.code, { scan_id: "taken-1" })
          assert.deepInclude(foreign.json, {
            result,
            event_id: 5,
            timezone: "UTC",
            ticket_id: null,
            signals: []
          })
          assert.strictEqual(foreign.status, 200)
          assert.strictEqual(blank(foreign.text), blank(absent.text))
          const contract = yield* scan(token, 5, ticket.code, { scan_id: "taken-1" }, {
            "idempotency-key": `k-${result}`
          })
          assert.strictEqual(blank(contract.text), blank(foreign.text))
        }
        for (const event_id of [5, 6]) {
          assert.strictEqual((yield* scan(app.organizer, event_id, ticket.code)).status, 404)
        }
        assert.deepInclude((yield* scan(app.admin, 6, ticket.code)).json, {
          result: "unknown_event",
          timezone: "UTC"
        })
        assert.deepStrictEqual(yield* written, before)
        const own = yield* scan(listed, 7, ticket.code)
        assert.strictEqual(own.json.result, "unknown_event")

        const bob = yield* tokenFor({ role: "organizer", subject: "bob" })
        assert.strictEqual((yield* scan(bob, 5, ticket.code, { scan_id: "taken-1" })).json.result, "valid")

        yield* until(countOf("listed"), ({ unreached_scans }) => unreached_scans === 3)
        const counted = yield* until(countOf("open"), ({ unreached_scans }) => unreached_scans === 3)
        assert.isNotNull(counted.unreached_at)
      }),
    30_000
  )

  it.effect("is told nothing of a verdict under its id, at a gate that the token lacks", () =>
    Effect.gen(function* () {
      const ticket = yield* publishAs(1_000_000_811, "alice", 11)
      const steward = yield* tokenFor({
        role: "operator",
        subject: "gate-a",
        owner: "alice",
        events: [11],
        gates: ["A"]
      })
      const other = yield* tokenFor({
        role: "operator",
        subject: "gate-b",
        owner: "alice",
        events: [11],
        gates: ["B"]
      })
      const given = yield* scan(steward, 11, ticket.code, { scan_id: "given-1" })
      assert.strictEqual(given.json.result, "valid")
      const known = yield* scan(other, 11, ticket.code, { scan_id: "given-1" })
      const reused = yield* scan(other, 11, "TKT-011-OTHER", { scan_id: "given-1", direction: "exit" })
      const unknown = yield* scan(other, 11, ticket.code, { scan_id: "given-2" })
      assert.strictEqual(unknown.json.result, "gate_forbidden")
      assert.strictEqual(blank(known.text), blank(unknown.text))
      assert.strictEqual(reused.json.result, "gate_forbidden")
      assert.strictEqual((yield* scan(steward, 11, ticket.code, { scan_id: "given-1" })).json.result, "valid")
    }))

  it.effect("may name a ticket: of another organisation it is unknown, of another event of one's own it is that", () =>
    Effect.gen(function* () {
      const [theirs, own] = [
        yield* publishAs(1_000_000_821, "bob", 21),
        yield* publishAs(1_000_000_822, "alice", 22)
      ]
      yield* publishAs(1_000_000_823, "alice", 21)
      const { organizer } = yield* TestApp
      assert.strictEqual((yield* scan(organizer, 21, theirs.code)).json.result, "unknown_ticket")
      assert.strictEqual((yield* scan(organizer, 21, own.code)).json.result, "wrong_event")
    }))

  it.effect("means the organiser that an admin acts for, and is refused where several have the number", () =>
    Effect.gen(function* () {
      const { admin, organizer } = yield* TestApp
      const [alices, bobs] = [
        yield* publishAs(1_000_000_831, "alice", 31),
        yield* publishAs(1_000_000_832, "bob", 31)
      ]
      const bare = yield* scan(admin, 31, alices.code)
      assert.strictEqual(bare.status, 422)
      assert.include(bare.json.detail, "X-Organizer")
      assert.strictEqual(
        (yield* scan(admin, 31, bobs.code, {}, { "x-organizer": "bob" })).json.result,
        "valid"
      )
      assert.strictEqual(
        (yield* scan(admin, 31, alices.code, {}, { "x-organizer": "alice" })).json.result,
        "valid"
      )
      const odd = yield* scan(admin, 31, alices.code, {}, { "x-organizer": "%zz" })
      assert.deepStrictEqual([odd.status, odd.json.errors[0].parameter], [422, "x-organizer"])
      assert.strictEqual((yield* scan(organizer, 31, bobs.code, {}, { "x-organizer": "bob" })).status, 403)
      assert.strictEqual((yield* scan(organizer, 31, bobs.code, {}, { "x-organizer": "zoe" })).status, 403)
      const steward = yield* tokenFor({ role: "operator", subject: "s31", owner: "alice", events: [31] })
      assert.strictEqual((yield* scan(steward, 31, alices.code)).json.result, "already_used")
      assert.strictEqual((yield* scan(steward, 31, bobs.code, {}, { "x-organizer": "bob" })).status, 403)
    }))

  it.effect(
    "of the scan service is where its operator may scan, and the ticket decides between two",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const [alices, bobs] = [
          yield* publishAs(1_000_000_841, "alice", 41),
          yield* publishAs(1_000_000_842, "bob", 41)
        ]
        const zoes = yield* publishAs(1_000_000_843, "zoe", 41)
        const secret = (yield* ServiceSecrets).signing("scan-validation-service")
        const send = Effect.fnUntraced(function* (ticketId: number, operatorId: string) {
          const path = "/api/internal/scan-validation"
          const body = JSON.stringify({
            ...internal,
            ticketId,
            eventId: 41,
            scanContext: { ...internal.scanContext, operatorId }
          })
          const request = {
            method: "POST",
            url: path,
            service: "scan-validation-service",
            requestId: `req_${ticketId}_${operatorId}`,
            timestamp: new Date().toISOString(),
            body: new TextEncoder().encode(body)
          }
          const headers = {
            "x-service-name": request.service,
            "x-request-id": request.requestId,
            "x-timestamp": request.timestamp,
            [serviceSignatureHeader]: sign(secret, request)
          }
          return yield* app.ask(path, { body, headers })
        })
        yield* tokenFor({ role: "operator", subject: "sam", owner: "alice", events: [41] })
        yield* tokenFor({ role: "operator", subject: "sam", owner: "bob" })
        assert.strictEqual((yield* send(alices.id, "sam")).json.result, "valid")
        assert.strictEqual((yield* send(bobs.id, "sam")).json.result, "valid")
        assert.strictEqual((yield* send(zoes.id, "sam")).json.result, "operator_forbidden")
        assert.strictEqual((yield* send(zoes.id, "nobody")).json.result, "operator_forbidden")
        yield* until(countOf("sam"), ({ unreached_scans }) => unreached_scans === 1)
      }),
    30_000
  )
})
