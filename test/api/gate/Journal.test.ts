/**
 * The journal of an event over HTTP, page by page.
 * Guards whose removal turns this file red: the owner of the event, the roles, the filters and the limit of the next
 * page's address, the cursor's own order, `no-store`.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import type { NewToken } from "../../../src/store/TokenRows.ts"
import scanned from "../../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { publish } from "../../support/GateFixture.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { type Answer, TestApp } from "../../support/TestApp.ts"

const tokenFor = (token: NewToken) =>
  Effect.flatMap(
    TokenStore,
    (tokens) => Effect.map(tokens.create(token), (made) => Redacted.value(made.token))
  )

const owner = tokenFor({ role: "organizer", subject: "organizer-1" })

const read = (token: string, path: string) => Effect.flatMap(TestApp, (app) => app.ask(path, { token }))

let scans = 0

/** Scans a code through the real route and answers the scan's id. */
const scanAt = Effect.fnUntraced(function* (eventId: number, code: string, gate: string, device: string) {
  const app = yield* TestApp
  const scan_id = `journal-${++scans}`
  const answer = yield* app.ask("/api/scans/validate", {
    token: app.admin,
    body: {
      ...scanned,
      event_id: eventId,
      ticket_code: code,
      scanner_id: device,
      scan_location: { gate },
      scan_id
    }
  })
  assert.strictEqual(answer.status, 200, answer.text)
  return scan_id
})

const ids = ({ json }: Answer) => json.scans.map(({ scan_id }: { scan_id: string }) => scan_id)

/** Follows `Link: rel="next"` to the end; `between` runs after each page but the last. */
const follow = Effect.fnUntraced(function* <R>(
  token: string,
  path: string,
  between: Effect.Effect<unknown, unknown, R>
) {
  const seen: Array<string> = []
  for (let at: string | undefined = path; at !== undefined;) {
    const page: Answer = yield* read(token, at)
    assert.strictEqual(page.status, 200, page.text)
    assert.strictEqual(page.headers.get("cache-control"), "no-store")
    seen.push(...ids(page))
    at = /^<([^>]+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1]
    assert.strictEqual(
      at === undefined ? null : new URL(at, "http://localhost").searchParams.get("cursor"),
      page.json.next_cursor
    )
    if (at !== undefined) yield* between
  }
  return seen
})

layer(
  TestAppLayer.layer,
  { excludeTestServices: true }
)("the journal", (it) => {
  it.effect("is what the gate answered, refusals and codes included", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(1, 1)
      const token = yield* owner
      const sent = [yield* scanAt(1, ticket!.code, "A", "one"), yield* scanAt(1, ticket!.code, "B", "two")]
      const page = yield* read(token, "/api/events/1/scans")
      assert.deepStrictEqual(ids(page), [...sent].reverse())
      assert.strictEqual(page.json.event_id, 1)
      assert.isNull(page.json.next_cursor)
      assert.isNull(page.headers.get("link"))
      const [used, valid] = page.json.scans
      assert.deepInclude(valid, { result: "valid", ticket_id: ticket!.id, ticket_code: ticket!.code })
      assert.deepInclude(used, {
        result: "already_used",
        signals: ["seen_at_another_gate"],
        gate: "B",
        device_id: "two",
        operator_id: "root",
        claimed_result: "valid",
        device_time: "2025-06-15T10:30:00.000Z",
        source: "client",
        annulled_at: null
      })
      assert.isTrue(Number.isFinite(Date.parse(used.received_at)))
    }))

  it.effect("skips and repeats nothing while scans arrive, in either order and under a filter", () =>
    Effect.gen(function* () {
      yield* publish(2, 1)
      const token = yield* owner
      const sent: Array<string> = []
      const arrive = Effect.gen(function* () {
        sent.push(yield* scanAt(2, "TKT-001-NOBODY", "Porte Éé & <1>", "one"))
        yield* scanAt(2, "TKT-001-NOBODY", "B", "one")
      })
      yield* Effect.replicateEffect(arrive, 7)
      const there = [...sent]
      const gate = encodeURIComponent("Porte Éé & <1>")
      const path = `/api/events/2/scans?gate=${gate}&limit=3`
      assert.deepStrictEqual(yield* follow(token, path, arrive), there.reverse())
      assert.deepStrictEqual(yield* follow(token, `${path}&order=asc`, arrive), sent)
      assert.lengthOf(sent, 12)
    }))

  it.effect("goes on in the order of its cursor, and in no other", () =>
    Effect.gen(function* () {
      yield* publish(3, 1)
      const token = yield* owner
      const sent = yield* Effect.forEach(["A", "A", "A"], (gate) => scanAt(3, "TKT-001-NOBODY", gate, "one"))
      const first = yield* read(token, "/api/events/3/scans?limit=1&order=asc")
      const cursor = first.json.next_cursor
      assert.deepStrictEqual(
        ids(yield* read(token, `/api/events/3/scans?cursor=${cursor}`)),
        sent.slice(1)
      )
      const turned = yield* read(token, `/api/events/3/scans?cursor=${cursor}&order=desc`)
      assert.strictEqual(turned.status, 422)
      assert.deepInclude(turned.json.errors[0], { in: "query", parameter: "order" })
    }))

  it.effect("is read by the event's organiser and an admin alone", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* publish(4, 1)
      const path = "/api/events/4/scans"
      assert.strictEqual((yield* read(yield* owner, path)).status, 200)
      assert.strictEqual((yield* read(app.admin, path)).status, 200)
      assert.strictEqual((yield* read(app.organizer, path)).status, 404)
      assert.strictEqual((yield* read(app.admin, "/api/events/999/scans")).status, 404)
      const steward = yield* tokenFor({ role: "operator", subject: "operator-123", events: [4] })
      assert.strictEqual((yield* read(steward, path)).status, 403)
      assert.strictEqual((yield* app.ask(path)).status, 401)
    }))

  it.effect("is refused at the parameter that is wrong", () =>
    Effect.gen(function* () {
      yield* publish(5, 1)
      const token = yield* owner
      const wrong = [
        ["limit", "0"],
        ["limit", "501"],
        ["limit", "1.5"],
        ["limit", "all"],
        ["cursor", "1"],
        ["cursor", ""],
        ["cursor", "x".repeat(65)],
        ["order", "up"],
        ["result", "fine"],
        ["gate", ""],
        ["gate", "%00"],
        ["device_id", "x".repeat(201)],
        ["ticket_id", "0"],
        ["ticket_id", "one"],
        ["signal", "smoke"]
      ] as const
      for (const [parameter, value] of wrong) {
        const answer = yield* read(token, `/api/events/5/scans?${parameter}=${value}`)
        assert.strictEqual(answer.status, 422, `${parameter}=${value} ${answer.text}`)
        assert.deepInclude(answer.json.errors[0], { in: "query", parameter })
      }
      assert.strictEqual((yield* read(token, "/api/events/5/scans?limit=500")).status, 200)
    }))
})
