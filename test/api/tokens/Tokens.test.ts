/**
 * A steward's token is made and revoked while the gate is open, and its text is in one answer and nowhere else.
 * Guards whose removal turns this file red: the role on each route, the id from the Idempotency-Key, the forgotten
 * tokens of `revoke`, the limits' check, the end in the future.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as TestAppLayer from "../../support/TestApp.ts"
import { type Ask, TestApp } from "../../support/TestApp.ts"

const ask = (path: string, more: Ask = {}) =>
  Effect.flatMap(TestApp, (app) => app.ask(path, { token: app.admin, ...more }))

const steward = { role: "operator", subject: "sam", events: [1], gates: ["A"] }

const make = (body: unknown = steward, headers: Record<string, string> = {}) =>
  ask("/api/tokens", { body, headers })

const revoke = (tokenId: string) => ask(`/api/tokens/${tokenId}`, { method: "DELETE" })

layer(TestAppLayer.layer, { excludeTestServices: true })("an admin", (it) => {
  it.effect("makes a token that opens what it was made for, and revokes it at once", () =>
    Effect.gen(function* () {
      const made = yield* make({ ...steward, expires_at: "2999-01-01T00:00:00Z" })
      assert.strictEqual(made.status, 201, made.text)
      assert.strictEqual(made.headers.get("cache-control"), "no-store")
      const { token, ...view } = made.json
      assert.match(token, /^gct_/)
      assert.deepStrictEqual({ ...view, token_id: "", created_at: "" }, {
        ...steward,
        token_id: "",
        organizer: "alice",
        unreached_scans: 0,
        unreached_at: null,
        created_at: "",
        expires_at: "2999-01-01T00:00:00.000Z",
        revoked_at: null
      })
      assert.strictEqual((yield* ask("/api/tokens", { token })).status, 403)
      const revoked = yield* revoke(view.token_id)
      assert.strictEqual(revoked.status, 200)
      assert.isString(revoked.json.revoked_at)
      assert.strictEqual((yield* ask("/api/tokens", { token })).status, 401)
      assert.deepStrictEqual((yield* revoke(view.token_id)).json, revoked.json)
      assert.strictEqual((yield* revoke("tok_none")).status, 404)
    }))

  it.effect("makes one token under one Idempotency-Key, whose text is stored nowhere", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const key = { "idempotency-key": "steward-1" }
      const { json: { token, token_id } } = yield* make(steward, key)
      const again = yield* make(steward, key)
      assert.strictEqual(again.status, 409)
      assert.include(again.json.detail, token_id)
      assert.notInclude(again.text, token)
      assert.strictEqual((yield* make(steward, { "idempotency-key": "steward-2" })).status, 201)
      assert.strictEqual((yield* make(steward, { "idempotency-key": "a b" })).status, 422)
      const stored = [...yield* sql`SELECT * FROM tokens`, ...yield* sql`SELECT * FROM idempotency_keys`]
      for (const row of stored) {
        for (const value of Object.values(row)) {
          const text = value instanceof Uint8Array
            ? Buffer.from(value).toString("latin1")
            : JSON.stringify(value)
          assert.notInclude(text ?? "", token.slice(4))
        }
      }
    }))

  it.effect("lists tokens newest first, in pages, by role and subject, without their text", () =>
    Effect.gen(function* () {
      const [first, second] = [
        yield* make({ role: "organizer", subject: "zoe" }),
        yield* make({
          role: "organizer",
          subject: " zoe "
        })
      ]
      const page = yield* ask("/api/tokens?subject=zoe&role=organizer&limit=1")
      assert.strictEqual(page.headers.get("cache-control"), "no-store")
      assert.deepStrictEqual(page.json.tokens.map((token: { token_id: string }) => token.token_id), [
        second.json.token_id
      ])
      for (const hidden of ["token", "digest", "seq"]) assert.notProperty(page.json.tokens[0], hidden)
      const [, next] = /^<([^>]+)>/.exec(page.headers.get("link") ?? "") ?? []
      const last = yield* ask(next!)
      assert.deepStrictEqual(last.json.tokens.map((token: { token_id: string }) => token.token_id), [
        first.json.token_id
      ])
      assert.isNull(last.json.next_cursor)
      assert.deepStrictEqual((yield* ask("/api/tokens?subject=zoe&role=operator")).json.tokens, [])
    }))

  it.effect("is told which field cannot be right", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [string, unknown]> = [
        ["/role", { ...steward, role: "root" }],
        ["/subject", { ...steward, subject: " " }],
        ["/organizer", { ...steward, organizer: " " }],
        ["/organizer", { role: "organizer", subject: "zoe", organizer: "alice" }],
        ["/events", { ...steward, events: [] }],
        ["/events/0", { ...steward, events: [0] }],
        ["/events", { role: "organizer", subject: "zoe", events: [1] }],
        ["/gates", { role: "admin", subject: "root", gates: ["A"] }],
        ["/expires_at", { ...steward, expires_at: "2020-01-01T00:00:00Z" }]
      ]
      for (const [pointer, body] of wrong) {
        const { json, status } = yield* make(body)
        assert.strictEqual(status, 422, pointer)
        assert.strictEqual(json.errors[0].pointer, pointer)
      }
    }))

  it.effect("names the organiser of an operator where several can be meant, and only there", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const organizerOf = Effect.fnUntraced(function* (body: object, headers: Record<string, string> = {}) {
        const { json, status } = yield* make(body, headers)
        return status === 201 ? json.organizer : json.errors[0].pointer
      })
      const operator = { role: "operator", subject: "kim" }
      yield* make({ role: "organizer", subject: "zoe" })
      yield* sql`INSERT INTO event_numbers (owner, number) VALUES ('zoe', 7), ('zoe', 8), ('alice', 8)`
      assert.strictEqual(yield* organizerOf(operator), "/organizer")
      assert.strictEqual(yield* organizerOf({ ...operator, events: [8] }), "/organizer")
      assert.strictEqual(yield* organizerOf({ ...operator, events: [8, 7] }), "zoe")
      assert.strictEqual(yield* organizerOf({ ...operator, organizer: " alice " }), "alice")
      assert.strictEqual(yield* organizerOf(operator, { "x-organizer": "zoe" }), "zoe")
      assert.strictEqual(yield* organizerOf({ role: "organizer", subject: "zoe", organizer: "zoe" }), "zoe")
      const { json: made } = yield* make({ ...operator, organizer: "zoe", events: [8, 9, 7] })
      assert.deepStrictEqual(made.events, [8, 9, 7])
      const keys = yield* sql`SELECT number, owner FROM event_numbers WHERE number = 9`
      assert.deepStrictEqual(keys, [{ number: 9, owner: "zoe" }])
    }))

  it.effect("alone does so: an organiser is refused, a stranger unknown", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      for (
        const [path, more] of [
          ["/api/tokens", { body: steward }],
          ["/api/tokens", {}],
          ["/api/tokens/tok_none", { method: "DELETE" }]
        ] as const
      ) {
        assert.strictEqual((yield* ask(path, { ...more, token: app.organizer })).status, 403, path)
        assert.strictEqual((yield* ask(path, { ...more, token: undefined })).status, 401, path)
      }
    }))

  it.effect("is the operator's organiser itself while nobody else is here", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`DELETE FROM event_numbers`
      yield* sql`UPDATE tokens SET revoked_at = now() WHERE role = 'organizer'`
      const { json } = yield* make({ role: "operator", subject: "first" })
      assert.strictEqual(json.organizer, "root")
    }))
})
