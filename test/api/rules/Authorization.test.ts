/** Tokens open what they say and nothing else, and stop when they are revoked. */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { reachesGate } from "../../../src/api/rules/CurrentCaller.ts"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { Example, ExampleLayer, members, send } from "../../http/ExampleApi.ts"

const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

layer(ExampleLayer, { excludeTestServices: true })("a client token", (it) => {
  it.effect("says who calls", () =>
    Effect.gen(function* () {
      const { operator } = yield* Example
      assert.strictEqual(members((yield* send("/api/guests/2", as(operator))).text)["subject"], "op-1")
    }))

  it.effect("keeps its limits, and no limit is not the empty limit", () =>
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const made = yield* tokens.create({ role: "operator", subject: "op", events: [], gates: ["A", "B"] })
      const caller = Option.getOrThrow(yield* tokens.find(made.token))
      assert.deepStrictEqual(caller.events, [])
      assert.deepStrictEqual(caller.gates, ["A", "B"])
      assert.isTrue(reachesGate(caller, "A"))
      assert.isFalse(reachesGate(caller, "C"))
      const free = yield* tokens.create({ role: "admin", subject: "root" })
      const admin = Option.getOrThrow(yield* tokens.find(free.token))
      assert.isUndefined(admin.events)
      assert.isTrue(reachesGate(admin, "Z"))
    }))

  it.effect("is 256 random bits of which only the digest is stored", () =>
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const sql = yield* SqlClient.SqlClient
      const { token, tokenId } = yield* tokens.create({ role: "admin", subject: "root" })
      assert.match(Redacted.value(token), /^gct_[A-Za-z0-9_-]{43}$/)
      const rows = yield* sql`SELECT * FROM tokens WHERE token_id = ${tokenId}`
      assert.lengthOf(rows, 1)
      assert.notInclude(JSON.stringify(rows), Redacted.value(token).slice(4))
      assert.notInclude(JSON.stringify(yield* tokens.list), Redacted.value(token).slice(4))
    }))

  it.effect("is refused once revoked, at once in this process", () =>
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const { token, tokenId } = yield* tokens.create({ role: "organizer", subject: "org" })
      assert.strictEqual((yield* send("/api/guests/2", as(Redacted.value(token)))).status, 200)
      const revoked = yield* tokens.revoke(tokenId)
      assert.isNotNull(Option.getOrThrow(revoked).revoked_at)
      assert.deepStrictEqual(yield* tokens.revoke(tokenId), revoked)
      assert.isTrue(Option.isNone(yield* tokens.revoke("tok_none")))
      assert.strictEqual((yield* send("/api/guests/2", as(Redacted.value(token)))).status, 401)
    }))

  it.effect("is refused once expired", () =>
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const { token } = yield* tokens.create({
        role: "organizer",
        subject: "org",
        expiresAt: DateTime.makeUnsafe("2020-01-01T00:00:00Z")
      })
      assert.isTrue(Option.isNone(yield* tokens.find(token)))
    }))
})
