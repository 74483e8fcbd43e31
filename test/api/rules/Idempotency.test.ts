/** The same request twice is answered once, whatever the answer was and whenever the process died. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { IdempotencyStore } from "../../../src/store/IdempotencyStore.ts"
import { Example, ExampleLayer, members, post, Runs, send } from "../../http/ExampleApi.ts"

const body = { guests: [{ email: "jean@example.com", age: 30 }] }

const runsOf = Effect.map(Runs, (runs) => runs.count)

layer(ExampleLayer, { excludeTestServices: true })("an Idempotency-Key", (it) => {
  it.effect("gives the same answer again, without running again", () =>
    Effect.gen(function* () {
      const first = yield* post(body, { "idempotency-key": "k-1" })
      const runs = yield* runsOf
      const second = yield* post(body, { "idempotency-key": "k-1" })
      assert.strictEqual(first.status, 202)
      assert.strictEqual(members(first.text)["key"], "k-1")
      assert.strictEqual(second.status, 202)
      assert.strictEqual(second.text, first.text)
      assert.strictEqual(second.headers.get("location"), first.headers.get("location"))
      assert.strictEqual(second.headers.get("content-type"), first.headers.get("content-type"))
      assert.strictEqual(second.headers.get("idempotency-replayed"), "true")
      assert.notStrictEqual(second.headers.get("x-request-id"), first.headers.get("x-request-id"))
      assert.strictEqual(yield* runsOf, runs)
    }))

  it.effect("is the same request with and without the trailing slash", () =>
    Effect.gen(function* () {
      const init = {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json", "idempotency-key": "k-slash" }
      }
      const first = yield* send("/api/guests", init)
      const second = yield* send("/api/guests/", init)
      assert.strictEqual(second.text, first.text)
    }))

  it.effect("refuses another body with 422", () =>
    Effect.gen(function* () {
      yield* post(body, { "idempotency-key": "k-2" })
      const other = yield* post({ guests: [] }, { "idempotency-key": "k-2" })
      assert.strictEqual(other.status, 422)
      assert.strictEqual(members(other.text)["type"], "/problems/idempotency-key-reused")
    }))

  it.effect("belongs to its caller", () =>
    Effect.gen(function* () {
      const { operator } = yield* Example
      const mine = yield* post(body, { "idempotency-key": "k-3" })
      const theirs = yield* post(body, { "idempotency-key": "k-3", authorization: `Bearer ${operator}` })
      assert.notStrictEqual(members(mine.text)["run"], members(theirs.text)["run"])
    }))

  it.effect("replays problems to the byte, validation included", () =>
    Effect.gen(function* () {
      for (
        const [key, sent] of [["k-4", { guests: [], mode: "conflict" }], ["k-5", { guests: 3 }]] as const
      ) {
        const first = yield* post(sent, { "idempotency-key": key })
        const second = yield* post(sent, { "idempotency-key": key })
        assert.isAtLeast(first.status, 400)
        assert.strictEqual(second.status, first.status)
        assert.strictEqual(second.text, first.text)
        assert.strictEqual(second.headers.get("content-type"), "application/problem+json")
        assert.strictEqual(second.headers.get("idempotency-replayed"), "true")
      }
      const domain = yield* post({ guests: [], mode: "closed" }, { "idempotency-key": "k-6" })
      const again = yield* post({ guests: [], mode: "closed" }, { "idempotency-key": "k-6" })
      assert.strictEqual(again.text, domain.text)
    }))

  it.effect("is free again after a failure of ours", () =>
    Effect.gen(function* () {
      const before = yield* runsOf
      const first = yield* post({ guests: [], mode: "die" }, { "idempotency-key": "k-7" })
      const second = yield* post({ guests: [], mode: "die" }, { "idempotency-key": "k-7" })
      assert.strictEqual(first.status, 500)
      assert.isNull(second.headers.get("idempotency-replayed"))
      assert.strictEqual(yield* runsOf, before + 2)
    }))

  it.effect("answers 409 with Retry-After while the first is being answered", () =>
    Effect.gen(function* () {
      const { fetch, token } = yield* Example
      const abort = new AbortController()
      const before = yield* runsOf
      const request = () =>
        new Request("http://localhost/api/guests", {
          method: "POST",
          body: JSON.stringify({ guests: [], mode: "hang" }),
          signal: abort.signal,
          headers: {
            authorization: `Bearer ${token}`,
            "content-type": "application/json",
            "idempotency-key": "k-8"
          }
        })
      const first = yield* Effect.forkChild(Effect.promise(() => fetch(request())))
      while ((yield* runsOf) === before) yield* Effect.promise(() => new Promise(setImmediate))
      const second = yield* post({ guests: [], mode: "hang" }, { "idempotency-key": "k-8" })
      assert.strictEqual(second.status, 409)
      assert.strictEqual(second.headers.get("retry-after"), "5")
      abort.abort()
      assert.strictEqual((yield* Fiber.join(first)).status, 499)
      const freed = yield* SqlClient.SqlClient
      assert.lengthOf(yield* freed`SELECT 1 FROM idempotency_keys WHERE key = 'k-8'`, 0)
    }))

  it.effect("is taken over after a crash, once its lease has run out, and only by the same request", () =>
    Effect.gen(function* () {
      const store = yield* IdempotencyStore
      const sql = yield* SqlClient.SqlClient
      const request = { caller: "c", key: "k-9", route: "POST /x", bodyDigest: "d" }
      const dead = yield* store.take(request)
      assert.strictEqual(dead._tag, "Taken")
      assert.strictEqual((yield* store.take(request))._tag, "InUse")
      yield* sql`UPDATE idempotency_keys SET lease_until = now() - interval '1 second' WHERE key = 'k-9'`
      assert.strictEqual((yield* store.take({ ...request, bodyDigest: "other" }))._tag, "Reused")
      const heir = yield* store.take(request)
      if (dead._tag !== "Taken" || heir._tag !== "Taken") return assert.fail("the key was not taken")
      const answer = { status: 202, headers: { location: "/x/1" }, body: new Uint8Array([1, 2]) }
      assert.isFalse(yield* store.finish(request, dead.fence, { ...answer, status: 200 }))
      assert.isTrue(yield* store.finish(request, heir.fence, answer))
      const finished = yield* store.take(request)
      if (finished._tag !== "Finished") return assert.fail(finished._tag)
      assert.deepStrictEqual(finished.answer.headers, answer.headers)
      assert.deepStrictEqual(Array.from(finished.answer.body), [1, 2])
      assert.strictEqual(finished.answer.status, 202)
    }))

  it.effect("is taken by one of many at once", () =>
    Effect.gen(function* () {
      const store = yield* IdempotencyStore
      const request = { caller: "c", key: "k-10", route: "POST /x", bodyDigest: "d" }
      const states = yield* Effect.all(Array.from({ length: 20 }, () => store.take(request)), {
        concurrency: "unbounded"
      })
      assert.lengthOf(states.filter((state) => state._tag === "Taken"), 1)
    }))

  it.effect("is refused when it is not a key", () =>
    Effect.gen(function* () {
      const answer = yield* post(body, { "idempotency-key": "x".repeat(256) })
      assert.strictEqual(answer.status, 422)
    }))

  it.effect("is forgotten when it is old and nobody answers under it", () =>
    Effect.gen(function* () {
      const store = yield* IdempotencyStore
      const sql = yield* SqlClient.SqlClient
      yield* store.take({ caller: "c", key: "k-11", route: "POST /x", bodyDigest: "d" })
      yield* sql`
        UPDATE idempotency_keys SET created_at = now() - interval '40 days',
          lease_until = now() - interval '39 days'
        WHERE key = 'k-11'`
      assert.strictEqual(yield* store.forget("31 days"), 1)
    }))
})
